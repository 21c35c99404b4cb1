// The real Fourier transform of kissfft, f32. Internal to the front end.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>

namespace regrad::detail {

// One size, for one thread at a time (it has room of its own). forward: X[k] = sum_t x[t] e^(-2 pi
// i k t / n), k = 0 .. n / 2. inverse: the same back, divided by n, so that inverse(forward(x)) is
// x. ConfigError where n is odd or not in [2, 2^30].
class RealFft {
 public:
  explicit RealFft(int64_t n);
  ~RealFft();
  RealFft(const RealFft&) = delete;
  RealFft& operator=(const RealFft&) = delete;
  int64_t size() const { return n_; }
  int64_t bins() const { return n_ / 2 + 1; }
  void forward(const float* x, std::complex<float>* spectrum);
  void inverse(const std::complex<float>* spectrum, float* x);

 private:
  struct Plans;
  int64_t n_;
  std::unique_ptr<Plans> plans_;
};

// The least even number of at least n whose prime factors are 2, 3 and 5: kissfft is fast at these.
int64_t fast_fft_size(int64_t n);

}  // namespace regrad::detail
