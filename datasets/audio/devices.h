// Recording devices: clips as another microphone would have recorded them, simulated
// (../shared/methods/audio.md, section 3) or measured (MicIRP).
//
//   for (const Device& d : simulated_devices()) Tensor y = through(d, x, 8000);
//       // x f32 [n] or [N, n] -> the same sizes
//   for (const Microphone& m : load_microphones("data/micirp_33.tar.xz")) Tensor y = through(m, x,
//       16000);
#pragma once

#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/random.h>

#include <array>
#include <vector>

namespace regrad {

// A linear filter, and dynamic range compression after it where drc: y = sign(x) |x|^0.8, rescaled
// to x's RMS.
struct Device {
  std::string name;
  // dB, at 8 points equally spaced on the mel axis (HTK's) from 0 Hz to rate / 2
  std::array<double, 8> gains{};
  bool drc = false;
  bool seen = true;  // whether it takes part in training
};

// a, b, c, s1, s2, s3 (seen), s4, s5, s6 (unseen): the table of section 3.
const std::vector<Device>& simulated_devices();
// The replicate arm: 8 gains N(0, sd dB), no compression. ConfigError where sd is below 0.
Device random_device(const Random& r, double sd, const std::string& name, bool seen);

// Gains in dB at some frequencies in Hz: the cubic spline through the 8 points over mel, with "not
// a knot" at both ends (scipy's CubicSpline). ConfigError where a frequency is outside [0, rate /
// 2].
std::vector<double> gains_at(const Device& d, const std::vector<double>& hz, int rate);

// The whole clip's spectrum times 10^(dB / 20), zero phase. The transform is of the next length
// that is fast, zeros after the clip; what the filter spreads there is dropped. A device without
// gains and compression gives x as it is. x f32 [n] or [N, n]; clips are spread over the threads.
Tensor through(const Device& d, const Tensor& x, int rate);

// A measured impulse response.
struct Microphone {
  std::string name;  // its file's, without folder and ending
  Sound response;    // one channel
  bool seen = true;
};

// The WAVs of a folder or archive, sorted by name; the first two thirds (rounded down) are seen: of
// MicIRP's 33 the first 22, the last 11 unseen. IOError naming file and entry: no WAVs, responses
// that cannot be read or are all zeros, or of more than 10 s.
std::vector<Microphone> load_microphones(const std::string& path);
std::vector<Microphone> parse_microphones(std::string_view archive,
                                          const std::string& where = "microphones");

// y[i] = sum_k h[k] x[i + p - k] by FFT, h the response at the clip's rate and p the place of its
// largest |h|, so that nothing is delayed; then rescaled to x's RMS. x as above, zeros outside.
Tensor through(const Microphone& m, const Tensor& x, int rate);

}  // namespace regrad
