#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/internal/frames.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/internal/decimal.h>

#include <cmath>

namespace regrad {
namespace {

constexpr size_t points = 8;
constexpr double drc_power = 0.8;

// Second derivatives, in units of the points' distance. Inside: m[i-1] + 4 m[i] + m[i+1] = 6 d[i],
// d the second differences. Not a knot:
// m[0] = 2 m[1] - m[2], which makes m[1] = d[1]; the same at the other end. The four in the middle
// are three-diagonal.
std::array<double, points> curvatures(const std::array<double, points>& y) {
  std::array<double, points> d{}, m{}, factor{};
  for (size_t i = 1; i + 1 < points; ++i) d[i] = y[i - 1] - 2 * y[i] + y[i + 1];
  m[1] = d[1], m[points - 2] = d[points - 2];
  std::array<double, points> right{};
  for (size_t i = 2; i + 2 < points; ++i) {
    const double below = i == 2 ? 0 : 1;
    right[i] = 6 * d[i] - (i == 2 ? m[1] : 0) - (i + 3 == points ? m[points - 2] : 0) -
               below * right[i - 1];
    const double pivot = 4 - below * factor[i - 1];
    factor[i] = 1 / pivot, right[i] /= pivot;
  }
  for (size_t i = points - 3; i >= 2; --i)
    m[i] = right[i] - (i + 3 == points ? 0 : factor[i] * m[i + 1]);
  m[0] = 2 * m[1] - m[2], m[points - 1] = 2 * m[points - 2] - m[points - 3];
  return m;
}

// At u in [0, points - 1].
double spline(const std::array<double, points>& y, const std::array<double, points>& m, double u) {
  const auto i = std::min(static_cast<size_t>(u), points - 2);
  const double b = u - static_cast<double>(i), a = 1 - b;
  return a * y[i] + b * y[i + 1] + ((a * a * a - a) * m[i] + (b * b * b - b) * m[i + 1]) / 6;
}

double power_of(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{x[i]} * x[i];
  return sum;
}

// y times what makes its power the wanted one.
void rescale(float* y, int64_t n, double power) {
  const double now = power_of(y, n), gain = now > 0 ? std::sqrt(power / now) : 1;
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(y[i] * gain);
}

// f(fft) of each clip's spectrum, back and cut; `after(clip, out)` looks at the result. from: where
// in the transform the clip begins.
template <class After>
Tensor filtered(const detail::Waves& w, int64_t size,
                const std::vector<std::complex<float>>& response, int64_t from, After&& after) {
  std::vector<float> out(static_cast<size_t>(w.clips * w.samples));
  parallel_for(w.clips, [&](int64_t clip) {
    detail::RealFft fft(size);
    std::vector<float> wave(static_cast<size_t>(size), 0.f);
    std::vector<std::complex<float>> spectrum(static_cast<size_t>(fft.bins()));
    std::copy_n(w.clip(clip), w.samples, wave.begin());
    fft.forward(wave.data(), spectrum.data());
    // by parts: the standard's product looks for infinities
    for (size_t k = 0; k < spectrum.size(); ++k) {
      const float a = spectrum[k].real(), b = spectrum[k].imag(), c = response[k].real(),
                  d = response[k].imag();
      spectrum[k] = {a * c - b * d, a * d + b * c};
    }
    fft.inverse(spectrum.data(), wave.data());
    float* const to = out.data() + clip * w.samples;
    std::copy_n(wave.begin() + from, w.samples, to);
    after(w.clip(clip), to);
  });
  return detail::adopt(std::move(out), w.sizes({w.samples}));
}

void compress(float* y, int64_t n) {
  const double power = power_of(y, n);
  for (int64_t i = 0; i < n; ++i)
    y[i] = std::copysign(std::pow(std::abs(y[i]), static_cast<float>(drc_power)), y[i]);
  rescale(y, n, power);
}

}  // namespace

const std::vector<Device>& simulated_devices() {
  static const std::vector<Device> table{{"a", {0, 0, 0, 0, 0, 0, 0, 0}, false, true},
                                         {"b", {-12, -4, 0, 2, 4, 2, -2, -6}, false, true},
                                         {"c", {-6, 0, 3, 0, -3, 2, 5, 0}, false, true},
                                         {"s1", {-15, -6, 2, 5, 2, -3, -8, -12}, true, true},
                                         {"s2", {4, 5, 2, -2, -4, -4, -6, -8}, false, true},
                                         {"s3", {-8, -2, -4, 4, 6, 3, 4, 6}, true, true},
                                         {"s4", {-18, -12, -4, 6, 8, 0, -10, -16}, false, false},
                                         {"s5", {6, 2, -6, -8, -2, 6, 10, 8}, true, false},
                                         {"s6", {-4, 8, 4, -10, 4, -8, 6, -14}, false, false}};
  return table;
}

Device random_device(const Random& r, double sd, const std::string& name, bool seen) {
  if (!(sd >= 0)) throw ConfigError("random_device: sd must be 0 or more");
  Device d{name, {}, false, seen};
  for (size_t i = 0; i < points; ++i) d.gains[i] = sd * r.normal(i);
  return d;
}

std::vector<double> gains_at(const Device& d, const std::vector<double>& hz, int rate) {
  const double nyquist = static_cast<double>(rate) / 2, top = hz_to_mel(nyquist, MelScale::htk);
  const auto m = curvatures(d.gains);
  std::vector<double> out;
  for (const double f : hz) {
    if (!(f >= 0 && f <= nyquist))
      throw ConfigError("gains_at: " + decimal(f) + " Hz is outside [0, " + decimal(nyquist) + "]");
    out.push_back(spline(d.gains, m, hz_to_mel(f, MelScale::htk) / top * (points - 1)));
  }
  return out;
}

Tensor through(const Device& d, const Tensor& x, int rate) {
  if (rate < 1)
    throw ConfigError("through: rate is " + std::to_string(rate) + ", must be 1 or more");
  return typed_memory([&] {
    const detail::Waves w(x, "through");
    const bool flat = d.gains == std::array<double, points>{};
    if (flat && !d.drc) return x;
    const int64_t size = detail::fast_fft_size(w.samples);
    std::vector<double> hz;
    for (int64_t k = 0; k <= size / 2; ++k)
      hz.push_back(static_cast<double>(k) * rate / static_cast<double>(size));
    std::vector<std::complex<float>> response;
    for (const double gain : gains_at(d, hz, rate))
      response.emplace_back(static_cast<float>(std::pow(10, gain / 20)), 0.f);
    return filtered(w, size, response, 0, [&](const float*, float* y) {
      if (d.drc) compress(y, w.samples);
    });
  });
}

Tensor through(const Microphone& m, const Tensor& x, int rate) {
  if (rate < 1)
    throw ConfigError("through: rate is " + std::to_string(rate) + ", must be 1 or more");
  return typed_memory([&] {
    const detail::Waves w(x, "through");
    const Sound response = resample(mono(m.response), rate);
    const float* const h = response.samples.data<float>();
    const int64_t n = response.frames(), size = detail::fast_fft_size(w.samples + n - 1);
    const int64_t peak =
        std::max_element(h, h + n, [](float a, float b) { return std::abs(a) < std::abs(b); }) - h;
    std::vector<float> wave(static_cast<size_t>(size), 0.f);
    std::copy_n(h, n, wave.begin());
    detail::RealFft fft(size);
    std::vector<std::complex<float>> spectrum(static_cast<size_t>(fft.bins()));
    fft.forward(wave.data(), spectrum.data());
    return filtered(w, size, spectrum, peak, [&](const float* before, float* y) {
      rescale(y, w.samples, power_of(before, w.samples));
    });
  });
}

}  // namespace regrad
