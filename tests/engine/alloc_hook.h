// Every allocation that engine and test make passes here: counted, measured and, when asked,
// failed. Link alloc_hook.cpp with ALLOC_HOOK_OPTIONS (tests/CMakeLists.txt); the library has
// nothing of it.
#pragma once

#include <cstdint>

namespace regrad::test {

struct Allocations {
  int64_t calls;  // of operator new and aligned_alloc
  int64_t bytes;  // alive now
  int64_t peak;   // most bytes alive since reset_peak()
};
Allocations allocations();
void reset_peak();

// While one lives, on this thread: the k-th allocation (from 1) fails, and all later ones too where
// `ever_after`.
class FailAllocation {
 public:
  explicit FailAllocation(int64_t k, bool ever_after);
  ~FailAllocation();
  FailAllocation(const FailAllocation&) = delete;
  FailAllocation& operator=(const FailAllocation&) = delete;
  static int64_t failed();  // how many have failed since the last one was made
};

// Bytes above `before` at the worst moment of f().
template <class F>
int64_t peak_of(F&& f) {
  reset_peak();
  const int64_t before = allocations().bytes;
  f();
  return allocations().peak - before;
}

}  // namespace regrad::test
