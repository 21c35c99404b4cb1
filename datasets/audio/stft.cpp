#include <regrad/datasets/audio/internal/frames.h>
#include <regrad/datasets/internal/adopt.h>

#include <cmath>
#include <numbers>

namespace regrad {
namespace {

constexpr int64_t most_fft = 1 << 24;

void check(const Stft& o) {
  if (o.n_fft < 2 || o.n_fft % 2 != 0 || o.n_fft > most_fft)
    throw ConfigError("stft: n_fft is " + std::to_string(o.n_fft) +
                      ", must be even, and 2 to 2^24");
  if (o.window < 0 || o.window > o.n_fft)
    throw ConfigError("stft: a window of " + std::to_string(o.window) +
                      " samples, must be 1 to n_fft = " + std::to_string(o.n_fft) +
                      ", or 0 for that");
  if (o.hop < 1) throw ConfigError("stft: hop is " + std::to_string(o.hop) + ", must be 1 or more");
}

// Where sample i of the mirrored clip lies: period 2 (n - 1).
int64_t mirrored(int64_t i, int64_t n) {
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1);
  i = (i % period + period) % period;
  return i < n ? i : period - i;
}

}  // namespace

int64_t Stft::frames(int64_t samples) const {
  check(*this);
  if (samples < 1) throw ShapeError("stft: no samples");
  if (center) return samples / hop + 1;
  if (samples < n_fft)
    throw ShapeError("stft: " + std::to_string(samples) +
                     " samples are fewer than n_fft = " + std::to_string(n_fft));
  return (samples - n_fft) / hop + 1;
}

Tensor hann_window(const Stft& options) {
  check(options);
  const int64_t n = options.window_size();
  std::vector<float> w(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)
    w[static_cast<size_t>(i)] =
        static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                                static_cast<double>(n)));
  return detail::adopt(std::move(w), {n});
}

namespace detail {

Waves::Waves(const Tensor& t, const char* op) {
  if (!t.defined() || t.dim() < 1 || t.dim() > 2 || t.numel() == 0)
    throw ShapeError(std::string(op) + ": clips are [samples] or [clips, samples], " +
                     (t.defined() ? str(t.shape()) : "undefined") + " is not");
  if (t.dtype() != DType::f32)
    throw DTypeError(std::string(op) + ": samples are f32, not " + name(t.dtype()));
  x = t.detach().contiguous();
  samples = t.size(-1);
  clips = t.numel() / samples;
}

Shape Waves::sizes(std::initializer_list<int64_t> rest) const {
  Shape s;
  if (x.dim() == 2) s.push_back(clips);
  for (const int64_t n : rest) s.push_back(n);
  return s;
}

FrameReader::FrameReader(const Stft& options, const Tensor& window)
    : options_(options),
      window_(window.data<float>()),
      fft_(options.n_fft),
      frame_(static_cast<size_t>(options.n_fft), 0.f),
      spectrum_(static_cast<size_t>(options.bins())) {}

const std::complex<float>* FrameReader::spectrum(const float* clip, int64_t samples, int64_t t) {
  const int64_t size = options_.window_size(), before = (options_.n_fft - size) / 2;
  const int64_t start = t * options_.hop + before - (options_.center ? options_.n_fft / 2 : 0);
  float* const out = frame_.data() + before;
  if (start >= 0 && start + size <= samples) {
    for (int64_t i = 0; i < size; ++i) out[i] = clip[start + i] * window_[i];
  } else {
    for (int64_t i = 0; i < size; ++i) out[i] = clip[mirrored(start + i, samples)] * window_[i];
  }
  fft_.forward(frame_.data(), spectrum_.data());
  return spectrum_.data();
}

void magnitudes(const std::complex<float>* z, int64_t n, double power, float* out) {
  const auto* const parts = reinterpret_cast<const float*>(z);
  for (int64_t k = 0; k < n; ++k)
    out[k] = parts[2 * k] * parts[2 * k] + parts[2 * k + 1] * parts[2 * k + 1];
  if (power == 2) return;
  for (int64_t k = 0; k < n; ++k)
    out[k] = power == 1 ? std::sqrt(out[k]) : std::pow(out[k], static_cast<float>(power / 2));
}

}  // namespace detail

Tensor stft(const Tensor& x, const Stft& options) {
  return typed_memory([&] {
    const detail::Waves waves(x, "stft");
    const int64_t frames = options.frames(waves.samples), bins = options.bins();
    std::vector<float> out(static_cast<size_t>(waves.clips * bins * frames * 2));
    detail::each_frame(waves, options, [&](int64_t clip, int64_t t, const std::complex<float>* z) {
      float* const to = out.data() + (clip * bins * frames + t) * 2;
      for (int64_t k = 0; k < bins; ++k)
        to[k * frames * 2] = z[k].real(), to[k * frames * 2 + 1] = z[k].imag();
    });
    return detail::adopt(std::move(out), waves.sizes({bins, frames, 2}));
  });
}

Tensor power_spectrogram(const Tensor& x, const Stft& options, double power) {
  if (!(power > 0)) throw ConfigError("power_spectrogram: power must be above 0");
  return typed_memory([&] {
    const detail::Waves waves(x, "power_spectrogram");
    const int64_t frames = options.frames(waves.samples), bins = options.bins();
    std::vector<float> out(static_cast<size_t>(waves.clips * bins * frames));
    detail::each_frame(waves, options, [&](int64_t clip, int64_t t, const std::complex<float>* z) {
      std::vector<float> column(static_cast<size_t>(bins));
      detail::magnitudes(z, bins, power, column.data());
      for (int64_t k = 0; k < bins; ++k)
        out[static_cast<size_t>((clip * bins + k) * frames + t)] = column[static_cast<size_t>(k)];
    });
    return detail::adopt(std::move(out), waves.sizes({bins, frames}));
  });
}

}  // namespace regrad
