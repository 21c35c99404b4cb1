// What a clip costs before any net sees it: 10 s of 16 kHz to 256 log-mel bands, and the steps around it.
//
//   Clip   x[i] = unit(1)[i] in [-1, 1), 160,000 samples.
//   front  log-mel: n_fft 2048, hop 480, 256 bands, HTK's scale: [256, 334]. Checksum: its mean, first and last number.
//   device the filter of device s1 with compression; microphone: 4,096 samples of decaying noise as response. Checksum: three samples.
//   read   a 24-bit WAV of 10 s at 44.1 kHz in memory, decoded; resample: that to 16 kHz.
#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/mel.h>

#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

Tensor clip(int64_t samples) { return fill(1, {samples}, 0.5f); }

std::vector<double> ends(const Tensor& x) {
  const std::vector<double> v = x.to_vector();
  double sum = 0;
  for (const double one : v) sum += one;
  return {sum / static_cast<double>(v.size()), v.front(), v.back()};
}

// One step is f(); its result is the checksum.
template <class F>
Run run_of(F f) {
  Run run;
  run.checksum = ends(f());
  run.step = [f] { f(); };
  return run;
}

Run front() {
  return run_of([x = clip(160000)] { return log_mel(x, {.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256}); });
}
Run digits() {
  return run_of([x = clip(8000)] { return log_mel(x, {.rate = 8000, .n_fft = 256, .hop = 80, .mels = 64}); });
}
Run device() {
  return run_of([x = clip(160000)] { return through(simulated_devices()[3], x, 16000); });
}
Run microphone() {
  std::vector<double> h;
  for (int i = 0; i < 4096; ++i) h.push_back((unit(2, static_cast<uint32_t>(i)) - 0.5) * std::exp(-i / 200.0));
  return run_of([x = clip(160000), m = Microphone{"m", {tensor(h, {1, 4096}), 16000}, true}] { return through(m, x, 16000); });
}
Run read() {
  return run_of([bytes = to_wav({clip(441000).reshape({1, 441000}), 44100}, 24)] { return parse_sound(bytes).samples; });
}
Run resampled() {
  return run_of([s = Sound{clip(441000).reshape({1, 441000}), 44100}] { return resample(s, 16000).samples; });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"audio_front/10s_256mel", front},
                      {"audio_front/1s_64mel", digits},
                      {"audio_device/10s", device},
                      {"audio_microphone/10s", microphone},
                      {"audio_read/10s_wav24", read},
                      {"audio_resample/10s_44k_16k", resampled}});
}
