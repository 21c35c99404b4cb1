// Memory between guards, to see whether anything is written outside of it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace regrad::test {

// n bytes, aligned to 64, all 0xff (a NaN, where it is read as a float), with as many guards before
// and behind.
class Guarded {
 public:
  explicit Guarded(int64_t n)
      : n_(n),
        base_(static_cast<unsigned char*>(
            std::aligned_alloc(64, static_cast<size_t>((2 * guard + n + 63) / 64 * 64)))) {
    std::memset(base_, 0xff, static_cast<size_t>(2 * guard + n));
  }
  ~Guarded() { std::free(base_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(static_cast<void*>(base_ + guard));
  }
  bool intact() const {
    int64_t written = 0;
    for (int64_t i = 0; i < guard; ++i)
      written += (base_[i] != 0xff) + (base_[guard + n_ + i] != 0xff);
    return written == 0;
  }

 private:
  static constexpr int64_t guard = 32768;
  int64_t n_;
  unsigned char* base_;
};

}  // namespace regrad::test
