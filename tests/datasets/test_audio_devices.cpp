// Simulated and measured devices: the table's curves, what a filter does to log-mel (check 24),
// compression, microphones.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../temp_folder.h"
#include "golden_audio.h"
#include "pack.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

double furthest(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return max(abs(a - b)).item();
}
double rms(const Tensor& x) { return std::sqrt(mean(x * x).item()); }
const Device& device(const std::string& name) {
  for (const Device& d : simulated_devices())
    if (d.name == name) return d;
  throw ConfigError(name);
}
Tensor tone(int64_t n, int rate, double hz) {
  std::vector<double> x;
  for (int64_t i = 0; i < n; ++i)
    x.push_back(std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return tensor(x, {n});
}

}  // namespace

TEST_CASE("nine devices: names, roles, and scipy's spline through the gains") {
  std::string names, unseen, drc;
  for (const Device& d : simulated_devices()) {
    names += d.name + " ";
    if (!d.seen) unseen += d.name + " ";
    if (d.drc) drc += d.name + " ";
  }
  CHECK(names == "a b c s1 s2 s3 s4 s5 s6 ");
  CHECK(unseen == "s4 s5 s6 ");
  CHECK(drc == "s1 s3 s5 ");
  const GoldenAudio g = golden_audio("spline").at(0);
  std::vector<double> hz;
  for (int i = 0; i <= 40; ++i) hz.push_back(100.0 * i);
  const std::vector<double> gains = gains_at(device("s1"), hz, 8000);
  REQUIRE(gains.size() == g.values.size());
  for (size_t i = 0; i < gains.size(); ++i)
    CHECK(gains[i] == doctest::Approx(g.values[i]).epsilon(1e-5));
  // At its points the curve is the table's.
  const Device& s6 = device("s6");
  for (size_t p = 0; p < 8; ++p) {
    const double mel = hz_to_mel(4000, MelScale::htk) * static_cast<double>(p) / 7;
    CHECK(gains_at(s6, {std::min(mel_to_hz(mel, MelScale::htk), 4000.0)}, 8000)[0] ==
          doctest::Approx(s6.gains[p]).epsilon(1e-6));
  }
  CHECK(complaint<ConfigError>([&] { gains_at(s6, {4001}, 8000); }, "outside") == "");
}

TEST_CASE("a filter: a gives x, tones get their gain and no delay, any length") {
  const Tensor x = normal(Random(1), {2, 3001}, 0, 0.1);
  CHECK(furthest(through(device("a"), x, 8000), x) == 0);
  for (const int64_t n : {8000, 7993}) {  // of which the second is prime
    const Tensor t = tone(n, 8000, 1000), y = through(device("s4"), t, 8000);
    const double gain = std::pow(10, gains_at(device("s4"), {1000}, 8000)[0] / 20);
    CHECK(furthest(slice(y, 0, 1000, 7000), slice(t, 0, 1000, 7000) * gain) < 3e-3);
  }
  Device half = device("a");
  half.gains.fill(20 * std::log10(0.5));
  CHECK(furthest(through(half, x, 8000), x * 0.5) < 1e-6);
  const Tensor y = through(device("b"), x, 8000);
  CHECK(furthest(through(device("b"), x[1], 8000), y[1]) == 0);
  CHECK(complaint<ConfigError>([&] { through(half, x, 0); }, "rate is 0") == "");
  CHECK(complaint<ShapeError>([&] { through(half, zeros({1, 2, 3}), 8000); }, "[1,2,3]") == "");
}

TEST_CASE("check 24: a filter shifts log-mel by a constant a band, nearly; compression does not") {
  const LogMel front{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 40, .offset = 0};
  const Tensor x = normal(Random(2), {16000}, 0, 0.1), before = log_mel(x, front);
  // What is left of the shift once each band's mean is taken off, in nats.
  const auto residual = [&](const Device& d) {
    const Tensor shift = log_mel(through(d, x, 8000), front) - before;
    return rms(shift - mean(shift, {1}, true));
  };
  Device flat = device("a");
  flat.gains.fill(-6);
  CHECK(residual(flat) < 1e-4);
  double smooth = 0;
  for (const Device& d : simulated_devices()) {
    CAPTURE(d.name);
    if (!d.drc) smooth = std::max(smooth, residual(d));
  }
  MESSAGE("residual of smooth filters on 40 bands, at most: " << smooth << " nats");
  CHECK(smooth < 0.25);
  const Tensor bursts = x * (gt(tone(16000, 8000, 3), zeros({16000})).to(DType::f32) * 0.9 + 0.1);
  const auto burst_residual = [&](const Tensor& y) {
    const Tensor shift = log_mel(y, front) - log_mel(bursts, front);
    return rms(shift - mean(shift, {1}, true));
  };
  Device compressed = device("a");
  compressed.drc = true;
  CHECK(burst_residual(through(compressed, bursts, 8000)) > 0.35);
  CHECK(burst_residual(through(device("b"), bursts, 8000)) < 0.3);
  // additive noise neither
  CHECK(burst_residual(bursts + normal(Random(3), {16000}, 0, 0.02)) > 0.35);
}

TEST_CASE("compression: sign and order stay, the power 0.8, the level") {
  Device d = device("a");
  d.drc = true;
  const Tensor x = tensor({1, -0.5, 0.25, 0}), y = through(d, x, 8000);
  const std::vector<double> v = y.to_vector();
  CHECK(v[1] / v[0] == doctest::Approx(-std::pow(0.5, 0.8)).epsilon(1e-5));
  CHECK(v[2] / v[0] == doctest::Approx(std::pow(0.25, 0.8)).epsilon(1e-5));
  CHECK(std::abs(v[3]) < 1e-6);
  CHECK(rms(y) == doctest::Approx(rms(x)).epsilon(1e-6));
}

TEST_CASE("random devices: N(0, sd) at the points, 0 is none") {
  double sum = 0, squares = 0;
  for (int i = 0; i < 1000; ++i)
    for (const double g : random_device(Random(1) / i, 4, "r", false).gains)
      sum += g, squares += g * g;
  CHECK(std::abs(sum / 8000) < 0.2);
  CHECK(squares / 8000 == doctest::Approx(16).epsilon(0.06));
  const Tensor x = normal(Random(1), {100});
  CHECK(furthest(through(random_device(Random(1), 0, "none", true), x, 8000), x) == 0);
  CHECK(complaint<ConfigError>([] { random_device(Random(1), -1, "r", true); }, "sd") == "");
}

TEST_CASE("devices: the same bits for any number of threads") {
  const Tensor x = normal(Random(5), {7, 4001}, 0, 0.1);
  const Microphone m{"m", {normal(Random(6), {1, 300}), 8000}, true};
  const int before = num_threads();
  set_num_threads(1);
  const auto filter = through(device("s3"), x, 8000).to_vector<float>(),
             mic = through(m, x, 8000).to_vector<float>();
  for (const int threads : {2, 3, 4, 8}) {
    set_num_threads(threads);
    CHECK(through(device("s3"), x, 8000).to_vector<float>() == filter);
    CHECK(through(m, x, 8000).to_vector<float>() == mic);
  }
  set_num_threads(before);
}

TEST_CASE("a microphone: direct convolution, aligned at its peak, at the clip's level") {
  const Tensor x = normal(Random(3), {257}, 0, 0.1);
  const std::vector<double> h{0.1, -0.2, 1, 0.5, -0.3}, in = x.to_vector();
  const Microphone m{"m", {tensor(h, {1, 5}), 8000}, true};
  std::vector<double> wanted(257, 0);
  for (int64_t i = 0; i < 257; ++i)
    for (int64_t k = 0; k < 5; ++k)
      if (const int64_t j = i + 2 - k; j >= 0 && j < 257)
        wanted[static_cast<size_t>(i)] += h[static_cast<size_t>(k)] * in[static_cast<size_t>(j)];
  const Tensor y = through(m, x, 8000), direct = tensor(wanted, {257});
  CHECK(furthest(y, direct * (rms(x) / rms(direct))) < 1e-6);
  CHECK(rms(y) == doctest::Approx(rms(x)).epsilon(1e-6));
}

TEST_CASE("microphones: sorted by name, two thirds seen; broken ones are named") {
  const auto wav = [](double v) { return to_wav({tensor({v, 0.25}).reshape({1, 2}), 44100}); };
  const std::vector<Microphone> m = parse_microphones(pack(
      "tar", Pack::xz,
      {{"m/c.wav", wav(.3)}, {"m/a.wav", wav(.1)}, {"m/readme.txt", "x"}, {"m/b.wav", wav(.2)}}));
  REQUIRE(m.size() == 3);
  CHECK((m[0].name == "a" && m[1].name == "b" && m[2].name == "c"));
  CHECK((m[0].seen && m[1].seen && !m[2].seen));
  const auto bad = [](const std::string& bytes, const std::string& words) {
    return complaint<IOError>(
        [&] {
          parse_microphones(pack("tar", Pack::none, {{"m/a.wav", bytes}}), "f");
        },
        words);
  };
  CHECK(bad(wav(.1).substr(0, 45), "f(m/a.wav): byte 40: the WAV's data claim") == "");
  CHECK(bad(to_wav({zeros({1, 5}), 8000}), "f(m/a.wav): an impulse response of zeros only") == "");
  CHECK(complaint<IOError>(
            [&] {
              parse_microphones(pack("tar", Pack::none, {{"a.txt", "x"}}), "f");
            },
            "f: holds no .wav") == "");
}

TEST_CASE("MicIRP: the real responses" * doctest::test_suite("shared data")) {
  if (!has_shared_data("micirp_33.tar.xz")) return;
  const std::vector<Microphone> all = load_microphones(shared_data("micirp_33.tar.xz"));
  REQUIRE(all.size() == 33);
  CHECK(std::count_if(all.begin(), all.end(), [](const Microphone& m) { return m.seen; }) == 22);
  CHECK(all[0].name == "Altec_639");
  CHECK(all[21].seen);
  CHECK(!all[22].seen);
  CHECK(std::count_if(all.begin(), all.end(),
                      [](const Microphone& m) { return m.response.rate == 48000; }) == 1);
  const Tensor x = normal(Random(1), {8000}, 0, 0.1);
  const LogMel front{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 40};
  const Tensor before = mean(log_mel(x, front), {1});
  for (const Microphone& m : all) {
    CAPTURE(m.name);
    const Tensor y = through(m, x, 8000);
    CHECK(rms(y) == doctest::Approx(rms(x)).epsilon(1e-5));
    const double colour = rms(mean(log_mel(y, front), {1}) - before);
    CHECK(colour > 0.02);  // it changes the sound
    CHECK(colour < 4);
  }
}
