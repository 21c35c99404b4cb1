#include <regrad/datasets/audio/internal/frames.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/internal/decimal.h>

#include <cmath>

namespace regrad {
namespace {

constexpr int64_t most_mels = 1 << 16;
constexpr double hz_a_step = 200.0 / 3, log_start = 1000, log_start_mel = log_start / hz_a_step;
const double log_step = std::log(6.4) / 27;

void check(const LogMel& f) {
  if (f.rate < 1)
    throw ConfigError("log_mel: rate is " + std::to_string(f.rate) + ", must be 1 or more");
  if (f.mels < 1 || f.mels > most_mels)
    throw ConfigError("log_mel: mels is " + std::to_string(f.mels) + ", must be 1 to 65,536");
  if (!(f.f_min >= 0 && f.f_min < f.top() && f.top() <= static_cast<double>(f.rate) / 2 &&
        f.f_max >= 0))
    throw ConfigError(
        "log_mel: f_min " + decimal(f.f_min) + " and f_max " + decimal(f.top()) +
        " must have 0 <= f_min < f_max <= rate / 2 = " + decimal(static_cast<double>(f.rate) / 2));
  if (!(f.power > 0)) throw ConfigError("log_mel: power must be above 0");
  if (!(f.offset >= 0)) throw ConfigError("log_mel: offset must be 0 or more");
  f.frames(f.n_fft);  // the sizes of the transform
}

// The mels + 2 corners in Hz.
std::vector<double> corners(const LogMel& f) {
  const double low = hz_to_mel(f.f_min, f.scale), high = hz_to_mel(f.top(), f.scale);
  std::vector<double> hz;
  for (int64_t m = 0; m < f.mels + 2; ++m)
    hz.push_back(mel_to_hz(
        low + (high - low) * static_cast<double>(m) / static_cast<double>(f.mels + 1), f.scale));
  return hz;
}

// A band's weights that are not 0: bins first .. first + weights.size() - 1.
struct Band {
  int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Band> bands_of(const LogMel& f) {
  const std::vector<double> hz = corners(f);
  std::vector<Band> bands(static_cast<size_t>(f.mels));
  for (size_t m = 0; m < bands.size(); ++m) {
    const double left = hz[m], middle = hz[m + 1], right = hz[m + 2],
                 height = f.norm == MelNorm::slaney ? 2 / (right - left) : 1;
    for (int64_t k = 0; k < f.stft().bins(); ++k) {
      const double at = static_cast<double>(k * f.rate) / static_cast<double>(f.n_fft);
      const double weight =
          std::min((at - left) / (middle - left), (right - at) / (right - middle));
      if (weight <= 0) continue;
      if (bands[m].weights.empty()) bands[m].first = k;
      bands[m].weights.push_back(static_cast<float>(weight * height));
    }
  }
  return bands;
}

float dot(const Band& band, const float* bins) {
  // Four sums side by side, in an order that is always the same.
  const float* const x = bins + band.first;
  const float* const w = band.weights.data();
  const size_t n = band.weights.size();
  float s[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t j = 0; j < 4; ++j) s[j] += x[i + j] * w[i + j];
  for (; i < n; ++i) s[0] += x[i] * w[i];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

}  // namespace

double hz_to_mel(double hz, MelScale scale) {
  if (scale == MelScale::htk) return 2595 * std::log10(1 + hz / 700);
  return hz < log_start ? hz / hz_a_step : log_start_mel + std::log(hz / log_start) / log_step;
}

double mel_to_hz(double mel, MelScale scale) {
  if (scale == MelScale::htk) return 700 * (std::pow(10, mel / 2595) - 1);
  return mel < log_start_mel ? mel * hz_a_step
                             : log_start * std::exp(log_step * (mel - log_start_mel));
}

std::string str(const LogMel& f) {
  const auto whole = [](int64_t v) { return std::to_string(v); };
  const auto real = [](double v) { return decimal(v, 17); };
  return "rate " + whole(f.rate) + " n_fft " + whole(f.n_fft) + " window " +
         whole(f.stft().window_size()) + " hop " + whole(f.hop) + " mels " + whole(f.mels) +
         " f_min " + real(f.f_min) + " f_max " + real(f.top()) + " scale " +
         (f.scale == MelScale::htk ? "htk" : "slaney") + " norm " +
         (f.norm == MelNorm::none ? "none" : "slaney") + " power " + real(f.power) + " offset " +
         real(f.offset) + " center " + (f.center ? "1" : "0");
}

Tensor mel_filters(const LogMel& front) {
  check(front);
  return typed_memory([&] {
    const int64_t bins = front.stft().bins();
    std::vector<float> out(static_cast<size_t>(front.mels * bins), 0.f);
    const std::vector<Band> bands = bands_of(front);
    for (size_t m = 0; m < bands.size(); ++m)
      std::copy(bands[m].weights.begin(), bands[m].weights.end(),
                out.begin() + static_cast<int64_t>(m) * bins + bands[m].first);
    return detail::adopt(std::move(out), {front.mels, bins});
  });
}

Tensor mel_middles(const LogMel& front) {
  check(front);
  return typed_memory([&] {
    const std::vector<double> hz = corners(front);
    return detail::adopt(std::vector<double>(hz.begin() + 1, hz.end() - 1), {front.mels});
  });
}

Tensor log_mel(const Tensor& x, const LogMel& front) {
  check(front);
  return typed_memory([&] {
    const detail::Waves waves(x, "log_mel");
    const Stft options = front.stft();
    const int64_t frames = options.frames(waves.samples), bins = options.bins(), mels = front.mels;
    const std::vector<Band> bands = bands_of(front);
    const auto offset = static_cast<float>(front.offset);
    std::vector<float> out(static_cast<size_t>(waves.clips * mels * frames));
    detail::each_frame(waves, options, [&](int64_t clip, int64_t t, const std::complex<float>* z) {
      std::vector<float> column(static_cast<size_t>(bins));
      detail::magnitudes(z, bins, front.power, column.data());
      float* const to = out.data() + clip * mels * frames + t;
      for (int64_t m = 0; m < mels; ++m)
        to[m * frames] = std::log(dot(bands[static_cast<size_t>(m)], column.data()) + offset);
    });
    return detail::adopt(std::move(out), waves.sizes({mels, frames}));
  });
}

}  // namespace regrad
