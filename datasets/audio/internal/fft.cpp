#include <regrad/datasets/audio/internal/fft.h>
#include <regrad/engine/error.h>

#include <kiss_fftr.h>

namespace regrad::detail {

struct RealFft::Plans {
  kiss_fftr_cfg forward = nullptr, inverse = nullptr;
  ~Plans() {
    kiss_fftr_free(forward);
    kiss_fftr_free(inverse);
  }
};

RealFft::RealFft(int64_t n) : n_(n), plans_(std::make_unique<Plans>()) {
  if (n < 2 || n % 2 != 0 || n > int64_t{1} << 30)
    throw ConfigError("an FFT of " + std::to_string(n) + ": must be even, and 2 to 2^30");
}

RealFft::~RealFft() = default;

static_assert(sizeof(kiss_fft_cpx) == sizeof(std::complex<float>));

void RealFft::forward(const float* x, std::complex<float>* spectrum) {
  if (!plans_->forward)
    plans_->forward = kiss_fftr_alloc(static_cast<int>(n_), 0, nullptr, nullptr);
  if (!plans_->forward) throw_out_of_memory();
  kiss_fftr(plans_->forward, x, reinterpret_cast<kiss_fft_cpx*>(spectrum));
}

void RealFft::inverse(const std::complex<float>* spectrum, float* x) {
  if (!plans_->inverse)
    plans_->inverse = kiss_fftr_alloc(static_cast<int>(n_), 1, nullptr, nullptr);
  if (!plans_->inverse) throw_out_of_memory();
  kiss_fftri(plans_->inverse, reinterpret_cast<const kiss_fft_cpx*>(spectrum), x);
  const float scale = 1 / static_cast<float>(n_);
  for (int64_t i = 0; i < n_; ++i) x[i] *= scale;
}

int64_t fast_fft_size(int64_t n) {
  for (int64_t size = n < 2 ? 2 : n + n % 2;; size += 2) {
    int64_t rest = size;
    for (const int64_t p : {2, 3, 5})
      while (rest % p == 0) rest /= p;
    if (rest == 1) return size;
  }
}

}  // namespace regrad::detail
