#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/parallel.h>

#include <array>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

constexpr int64_t colours = 5, rhythms = 2;
constexpr double level = 0.1, tau = 2 * std::numbers::pi;

struct Colour {
  const char* name;
  std::array<double, 2> bands;     // Hz
  std::array<double, 3> partials;  // Hz
};
// Bands overlap between colours, so that a single row of the spectrogram carries little.
constexpr std::array<Colour, colours> palette{{{"low", {180, 500}, {220, 440, 660}},
                                               {"warm", {350, 900}, {310, 620, 930}},
                                               {"middle", {600, 1300}, {523, 785, 1046}},
                                               {"bright", {900, 1700}, {880, 1320, 1640}},
                                               {"wide", {250, 1600}, {260, 1180, 1720}}}};
constexpr std::array<double, rhythms> beats{2.5, 6};  // Hz
constexpr std::array<const char*, rhythms> beat_names{"slow", "quick"};

double between(const Random& r, const char* what, double low, double high) {
  return low + (high - low) * (r / what).uniform(0);
}

double rms(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

// A two-pole resonance at hz, as wide as a quarter of it: y = g x + 2 p cos(w) y' - p^2 y'', p =
// e^(-pi width / rate).
void add_band(std::vector<double>& out, const Random& r, double hz, double rate) {
  const double p = std::exp(-std::numbers::pi * hz / 4 / rate),
               a = 2 * p * std::cos(tau * hz / rate), b = p * p, gain = 1 - p;
  double y1 = 0, y2 = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const double y = gain * r.normal(i) + a * y1 - b * y2;
    y2 = y1, y1 = y;
    out[i] += y;
  }
}

void to_level(std::vector<double>& x, double wanted) {
  const double now = rms(x);
  for (double& v : x) v *= now > 0 ? wanted / now : 1;
}

std::vector<double> coloured(const Random& r, const Colour& colour, size_t n, double rate,
                             double jitter) {
  const double moved = std::exp2(between(r, "colour", -jitter, jitter));
  std::vector<double> out(n, 0.0);
  for (size_t k = 0; k < colour.bands.size(); ++k)
    add_band(out, r / "bed" / static_cast<int64_t>(k), colour.bands[k] * moved, rate);
  to_level(out, between(r, "bed level", 0.5, 1));
  for (size_t k = 0; k < colour.partials.size(); ++k) {
    const Random one = r / "tone" / static_cast<int64_t>(k);
    const double amplitude = between(one, "level", 0.1, 0.4), phase = between(one, "phase", 0, tau),
                 step = tau * colour.partials[k] * moved / rate;
    for (size_t i = 0; i < n; ++i)
      out[i] += amplitude * std::sin(step * static_cast<double>(i) + phase);
  }
  return out;
}

// Bursts that rise and fall as half a sine; the share of time they take is the same for both
// rhythms.
void beat(std::vector<double>& x, const Random& r, double hz, double rate, double jitter) {
  const double moved = hz * std::exp2(between(r, "beat", -jitter, jitter)),
               start = between(r, "shift", 0, 1), floor = between(r, "floor", 0.1, 0.3);
  const double share = between(r, "burst", 0.06, 0.09) * 4;
  for (size_t i = 0; i < x.size(); ++i) {
    const double turns = static_cast<double>(i) / rate * moved + start,
                 at = turns - std::floor(turns);
    x[i] *= at < share ? floor + (1 - floor) * std::sin(std::numbers::pi * at / share) : floor;
  }
}

void check(const Scenes& s) {
  if (s.rate < 4000)
    throw ConfigError("scenes: rate is " + std::to_string(s.rate) + ", must be 4000 or more");
  if (!(s.seconds >= 0.5 && s.seconds <= 3600))
    throw ConfigError("scenes: seconds must be 0.5 to 3600");
  if (!(s.jitter >= 0 && s.jitter <= 1) || !(s.noise >= 0))
    throw ConfigError("scenes: jitter must be 0 to 1 and noise 0 or more");
}

}  // namespace

Sound Scenes::draw(const Random& r, int64_t of_class) const {
  check(*this);
  if (of_class < 0 || of_class >= colours * rhythms)
    throw ConfigError("scenes: class " + std::to_string(of_class) + ", must be 0 to 9");
  return typed_memory([&] {
    const auto n = static_cast<size_t>(std::llround(seconds * rate));
    std::vector<double> x =
        coloured(r, palette[static_cast<size_t>(of_class % colours)], n, rate, jitter);
    beat(x, r, beats[static_cast<size_t>(of_class / colours)], rate, jitter);
    const double behind = noise * rms(x);
    const Random background = r / "background";
    for (size_t i = 0; i < n; ++i) x[i] += behind * background.normal(i);
    to_level(x, level);
    return Sound{
        detail::adopt(std::vector<float>(x.begin(), x.end()), {1, static_cast<int64_t>(n)}), rate};
  });
}

AudioSet Scenes::sample(const Random& r, int64_t train, int64_t test) const {
  check(*this);
  if (train < 0 || test < 0 || train + test == 0)
    throw ConfigError("scenes: numbers of clips must be 0 or more, and not both 0");
  return typed_memory([&] {
    AudioSet out;
    for (int64_t c = 0; c < colours * rhythms; ++c) {
      const std::string called = std::string(beat_names[static_cast<size_t>(c / colours)]) + " " +
                                 palette[static_cast<size_t>(c % colours)].name;
      out.classes.push_back(called);
      for (int64_t i = 0; i < train + test; ++i) {
        Clip clip;
        clip.name = called + " " + std::to_string(i);
        clip.label = c, clip.part = i < train ? Part::train : Part::test;
        out.clips.push_back(std::move(clip));
      }
    }
    parallel_for(out.size(), [&](int64_t i) {
      Clip& clip = out.clips[static_cast<size_t>(i)];
      clip.kept = draw(r / clip.label / (i % (train + test)), clip.label);
    });
    return out;
  });
}

}  // namespace regrad
