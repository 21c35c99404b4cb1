// The front end beside librosa and torchaudio (golden/audio.py), its sizes, its errors, and the
// same bits for any number of threads.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/mel.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <algorithm>

#include "../temp_folder.h"
#include "golden_audio.h"

using namespace regrad;
using namespace regrad::test;

namespace {

Stft stft_of(const GoldenAudio& g) {
  return {g.number("n_fft"), g.number("window"), g.number("hop"), g.number("center") == 1};
}

LogMel mel_of(const GoldenAudio& g) {
  LogMel f{.rate = g.number("rate"), .n_fft = g.number("n_fft"), .mels = g.number("mels")};
  f.scale = g.settings.at("scale") == "htk" ? MelScale::htk : MelScale::slaney;
  f.norm = g.settings.at("norm") == "none" ? MelNorm::none : MelNorm::slaney;
  if (g.settings.count("f_max"))
    f.f_min = static_cast<double>(g.number("f_min")),
    f.f_max = static_cast<double>(g.number("f_max"));
  if (g.settings.count("window"))
    f.window = g.number("window"), f.hop = g.number("hop"),
    f.power = static_cast<double>(g.number("power"));
  return f;
}

// The largest difference of two lists of equal length.
double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double d = 0;
  for (size_t i = 0; i < a.size(); ++i) d = std::max(d, std::abs(a[i] - b[i]));
  return d;
}

Tensor thin(const Tensor& s) { return slice(slice(s, 0, 0, s.size(0), 3), 1, 0, s.size(1), 4); }

}  // namespace

TEST_CASE("stft: librosa's") {
  const auto cases = golden_audio("stft");
  REQUIRE(cases.size() == 5);
  for (const GoldenAudio& g : cases) {
    CAPTURE(g.samples);
    const Tensor z = thin(stft(golden_signal(g.samples), stft_of(g)));
    CHECK(std::vector<int64_t>(z.shape().begin(), z.shape().end()) == g.sizes);
    CHECK(furthest(z.to_vector(), g.values) < 3e-5);  // of values up to 25
  }
}

TEST_CASE("mel filters: librosa's and torchaudio's, both scales and norms") {
  const auto cases = golden_audio("filters");
  REQUIRE(cases.size() == 5);
  for (const GoldenAudio& g : cases) {
    const LogMel f = mel_of(g);
    const Tensor all = mel_filters(f);
    CHECK(all.shape() == Shape{f.mels, f.n_fft / 2 + 1});
    std::vector<double> found, given = g.values;
    for (int64_t m = 0; 13 * m < f.mels; ++m)
      for (int64_t k = 0; k < all.size(1); ++k)
        if (const double w = double{all.data<float>()[13 * m * all.size(1) + k]}; w > 1e-9)
          found.insert(found.end(), {double(m), double(k), w});
    CHECK(furthest(found, given) < 2e-6);
  }
}

TEST_CASE("log mel: librosa's and torchaudio's") {
  const auto cases = golden_audio("log_mel");
  REQUIRE(cases.size() == 4);
  for (const GoldenAudio& g : cases) {
    CAPTURE(g.samples);
    const Tensor s = thin(log_mel(golden_signal(g.samples), mel_of(g)));
    CHECK(std::vector<int64_t>(s.shape().begin(), s.shape().end()) == g.sizes);
    CHECK(furthest(s.to_vector(), g.values) < 5e-4);  // of logarithms: relative
  }
}

TEST_CASE("mel scales: there and back, and the points that define them") {
  CHECK(hz_to_mel(1000, MelScale::htk) == doctest::Approx(999.9856));
  CHECK(hz_to_mel(1000, MelScale::slaney) == doctest::Approx(15));
  CHECK(hz_to_mel(6400, MelScale::slaney) == doctest::Approx(42));
  for (const MelScale scale : {MelScale::htk, MelScale::slaney})
    for (const double hz : {0.0, 60.0, 999.0, 1001.0, 8000.0})
      CHECK(mel_to_hz(hz_to_mel(hz, scale), scale) == doctest::Approx(hz));
  const Tensor middles = mel_middles({.mels = 16});
  CHECK(middles.size(0) == 16);
  CHECK(hz_to_mel(middles.to_vector()[3], MelScale::htk) ==
        doctest::Approx(hz_to_mel(8000, MelScale::htk) * 4 / 17));
}

TEST_CASE("front end: 334 frames of 10 s, and the level's shift (check 23)") {
  const LogMel front{.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256};
  CHECK(front.frames(160000) == 334);
  const Tensor x = normal(Random(3), {160000}, 0, 0.1);
  const Tensor s = log_mel(x, front), louder = log_mel(x * 2, front);
  CHECK(s.shape() == Shape{256, 334});
  const std::vector<double> a = s.to_vector(), b = louder.to_vector();
  int64_t loud = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] < std::log(1e-2)) continue;  // 10,000 offsets
    ++loud;
    CHECK(std::abs(b[i] - a[i] - 2 * std::log(2.0)) < 2e-4);
  }
  CHECK(loud > 80000);  // of 85,504
}

TEST_CASE("front end: a batch is its clips, and any number of threads the same bits") {
  const LogMel front{.rate = 8000, .n_fft = 256, .hop = 20, .mels = 40};
  const Tensor x = normal(Random(4), {5, 8011}, 0, 0.1);
  const int before = num_threads();
  set_num_threads(1);
  const std::vector<float> alone = log_mel(x, front).to_vector<float>(),
                           spectra = stft(x, front.stft()).to_vector<float>();
  std::vector<float> one_by_one;
  for (int64_t i = 0; i < 5; ++i) {
    const std::vector<float> clip = log_mel(x[i], front).to_vector<float>();
    one_by_one.insert(one_by_one.end(), clip.begin(), clip.end());
  }
  CHECK(one_by_one == alone);
  for (const int threads : {2, 3, 4, 8}) {
    set_num_threads(threads);
    CHECK(log_mel(x, front).to_vector<float>() == alone);
    CHECK(stft(x, front.stft()).to_vector<float>() == spectra);
  }
  set_num_threads(before);
}

TEST_CASE("front end: what is refused") {
  const Tensor x = zeros({400});
  CHECK(complaint<ConfigError>([&] { stft(x, {.n_fft = 255}); }, "n_fft is 255") == "");
  CHECK(complaint<ConfigError>([&] { stft(x, {.n_fft = 256, .window = 257}); },
                               "a window of 257 samples") == "");
  CHECK(complaint<ConfigError>([&] { stft(x, {.n_fft = 256, .hop = 0}); }, "hop is 0") == "");
  CHECK(complaint<ShapeError>([&] { stft(x, {.n_fft = 512, .center = false}); },
                              "400 samples are fewer than n_fft = 512") == "");
  CHECK(complaint<ShapeError>([&] { stft(zeros({2, 2, 400}), {}); }, "[2,2,400]") == "");
  CHECK(complaint<ShapeError>([&] { stft(zeros({0}), {}); }, "[0]") == "");
  CHECK(complaint<DTypeError>([&] { stft(zeros({400}, DType::f64), {}); }, "not f64") == "");
  CHECK(complaint<ConfigError>([&] { log_mel(x, {.rate = 8000, .f_max = 4001}); }, "f_max") == "");
  CHECK(complaint<ConfigError>([&] { log_mel(x, {.f_min = 8000}); }, "f_min") == "");
  CHECK(complaint<ConfigError>([&] { log_mel(x, {.mels = 0}); }, "mels is 0") == "");
  CHECK(complaint<ConfigError>([&] { log_mel(x, {.offset = -1}); }, "offset") == "");
  CHECK(complaint<ConfigError>([&] { power_spectrogram(x, {}, 0); }, "power") == "");
  CHECK(log_mel(zeros({1}), {}).shape() == Shape{256, 1});  // one sample is mirrored into itself
}
