// What a clip costs: 10 s of 16 kHz to 256 log-mel bands, the steps around it, and the whole way
// from a file to the scene.
//
//   Clip   x[i] = unit(1)[i] in [-1, 1), 160,000 samples.
//   front  log-mel: n_fft 2048, hop 480, 256 bands, HTK's scale: [256, 334]. Checksum: its mean,
//          first and last number.
//   device the filter of device s1 with compression; microphone: 4,096 samples of decaying noise as
//       response. Checksum: three samples.
//   read   a 24-bit WAV of 10 s at 44.1 kHz in memory, decoded; resample: that to 16 kHz.
//   scene  a 16-bit WAV file of 10 s at 44.1 kHz -> probabilities of ten scenes: read, to 16 kHz,
//          front, BC-ResNet-ASC with residual norm, softmax.
//          Bound: 100 ms, 1/100 of the clip. net: the last two alone. Untrained, by running
//              statistics. Checksum: the probabilities' mean and ends.
#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/io/files.h>
#include <regrad/layers/nets/bcresnet.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

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
  return run_of([x = clip(160000)] {
    return log_mel(x, {.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256});
  });
}
Run digits() {
  return run_of(
      [x = clip(8000)] { return log_mel(x, {.rate = 8000, .n_fft = 256, .hop = 80, .mels = 64}); });
}
Run device() {
  return run_of([x = clip(160000)] { return through(simulated_devices()[3], x, 16000); });
}
Run microphone() {
  std::vector<double> h;
  for (int i = 0; i < 4096; ++i)
    h.push_back((unit(2, static_cast<uint32_t>(i)) - 0.5) * std::exp(-i / 200.0));
  return run_of([x = clip(160000), m = Microphone{"m", {tensor(h, {1, 4096}), 16000}, true}] {
    return through(m, x, 16000);
  });
}
Run read() {
  return run_of([bytes = to_wav({clip(441000).reshape({1, 441000}), 44100}, 24)] {
    return parse_sound(bytes).samples;
  });
}
Run resampled() {
  return run_of(
      [s = Sound{clip(441000).reshape({1, 441000}), 44100}] { return resample(s, 16000).samples; });
}

// A file that lives as long as the run.
struct Recording {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("regrad-bench-" + std::to_string(getpid()) + ".wav"))
                         .string();
  Recording() { write_file(path, to_wav({clip(441000).reshape({1, 441000}), 44100}, 16)); }
  ~Recording() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};
constexpr LogMel scene_front{.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256};

BcResnetAsc scene_net(int tau) {
  return {Random(3), {.tau = static_cast<double>(tau), .norm = FreqNorm::resnorm}};
}
Tensor probabilities(const BcResnetAsc& net, const Tensor& x) {
  const NoGrad quiet;
  return softmax(net(x.unsqueeze(0)), -1);
}
template <int tau>
Run scene() {
  return run_of([net = scene_net(tau), file = std::make_shared<Recording>()] {
    return probabilities(
        net, log_mel(resample(mono(read_sound(file->path)), 16000).samples, scene_front));
  });
}
template <int tau>
Run net_alone() {
  return run_of([net = scene_net(tau), x = log_mel(clip(160000), scene_front).unsqueeze(0)] {
    return probabilities(net, x);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"audio_front/10s_256mel", front},
                      {"audio_front/1s_64mel", digits},
                      {"audio_device/10s", device},
                      {"audio_microphone/10s", microphone},
                      {"audio_read/10s_wav24", read},
                      {"audio_resample/10s_44k_16k", resampled},
                      {"audio_scene/tau1", scene<1>},
                      {"audio_scene/tau8", scene<8>},
                      {"audio_scene/tau1_net", net_alone<1>},
                      {"audio_scene/tau8_net", net_alone<8>}});
}
