#include "alloc_hook.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

#include <malloc.h>

namespace {

std::atomic<int64_t> calls{0}, bytes{0}, peak{0};

constexpr int64_t never = std::numeric_limits<int64_t>::max();
thread_local int64_t seen = 0, fail_at = never, failures = 0;
thread_local bool fail_after = false;

// Whether this allocation is to fail.
bool refuse() {
  calls.fetch_add(1, std::memory_order_relaxed);
  if (fail_at == never) return false;
  ++seen;
  if (seen != fail_at && !(fail_after && seen > fail_at)) return false;
  ++failures;
  return true;
}

void* count(void* p) {
  if (!p) return p;
  const auto size = static_cast<int64_t>(malloc_usable_size(p));
  const int64_t now = bytes.fetch_add(size, std::memory_order_relaxed) + size;
  int64_t most = peak.load(std::memory_order_relaxed);
  while (now > most && !peak.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
  return p;
}

}  // namespace

// The linker's --wrap leads every call of the linked code here.
extern "C" {
void* __real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void* p);
void* __wrap_aligned_alloc(size_t alignment, size_t size) {
  return refuse() ? nullptr : count(__real_aligned_alloc(alignment, size));
}
void __wrap_free(void* p) {
  if (p) bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(p)), std::memory_order_relaxed);
  __real_free(p);
}
}

void* operator new(size_t size) {
  void* p = refuse() ? nullptr : count(std::malloc(size ? size : 1));
  if (!p) throw std::bad_alloc();
  return p;
}
void* operator new(size_t size, std::align_val_t alignment) {
  const auto a = static_cast<size_t>(alignment);
  void* p = std::aligned_alloc(a, (size + a - 1) / a * a);
  if (!p) throw std::bad_alloc();
  return p;
}
// The sanitizers have nothrow forms of their own, which would not come from here.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return refuse() ? nullptr : count(std::malloc(size ? size : 1));
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return ::operator new(size, std::nothrow);
}
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void* operator new[](size_t size) { return ::operator new(size); }
void* operator new[](size_t size, std::align_val_t alignment) {
  return ::operator new(size, alignment);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace regrad::test {

Allocations allocations() { return {calls.load(), bytes.load(), peak.load()}; }
void reset_peak() { peak.store(bytes.load()); }

FailAllocation::FailAllocation(int64_t k, bool ever_after) {
  seen = failures = 0;
  fail_at = k;
  fail_after = ever_after;
}
FailAllocation::~FailAllocation() { fail_at = never; }
int64_t FailAllocation::failed() { return failures; }

}  // namespace regrad::test
