// TAU's layout made up on the spot: every scene with a few locations to train in and one to test
// in, a moment at each heard by every device that may. A clip is two tones: one is the device's,
// the weaker one is the scene's.
#pragma once

#include <regrad/datasets/audio/sound.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/files.h>

#include <filesystem>
#include <string>
#include <vector>

namespace regrad::test {

inline double device_tone(int64_t device) { return 300 + 300 * static_cast<double>(device); }
inline double scene_tone(int64_t scene) { return 4000 + 300 * static_cast<double>(scene); }

struct TauFolder {
  int locations = 3;                        // of each scene in the training part
  std::vector<std::string> seconds = {""};  // of TAU 2022: "-0", "-1", between segment and device
};

inline void write_tau(const std::string& folder, const TauFolder& o = {}) {
  namespace fs = std::filesystem;
  fs::create_directories(folder + "/audio"), fs::create_directories(folder + "/evaluation_setup");
  std::string meta = "filename\tscene_label\tidentifier\tsource_label\n",
              train = "filename\tscene_label\n", test = "filename\n";
  const Tensor t = arange(0, 800).to(DType::f64) * (6.283185307179586 / 16000);
  const auto add = [&](int64_t scene, const std::string& place, int segment, int64_t device,
                       bool to_train, const std::string& second) {
    const std::string name = tau_scenes()[static_cast<size_t>(scene)],
                      by = tau_devices()[static_cast<size_t>(device)],
                      file = "audio/" + name + "-" + place + "-" + std::to_string(segment) +
                             second + "-" + by + ".wav";
    meta += file + "\t" + name + "\t" + place + "\t" + by + "\n";
    (to_train ? train : test) += file + (to_train ? "\t" + name : "") + "\n";
    const Tensor x = sin(t * device_tone(device)) * 0.4 + sin(t * scene_tone(scene)) * 0.2;
    write_file(folder + "/" + file, to_wav({reshape(x.to(DType::f32), {1, 800}), 16000}));
  };
  for (int64_t scene = 0; scene < 10; ++scene) {
    // Each moment is another device's beside the source's.
    for (int64_t k = 0; k < o.locations; ++k)
      for (const int64_t device : {int64_t{0}, 1 + (scene + k) % 5})
        for (const std::string& second : o.seconds)
          add(scene, "lisbon-" + std::to_string(100 + k), static_cast<int>(k), device, true,
              second);
    for (int64_t device = 0; device < 9; ++device)
      for (const std::string& second : o.seconds) add(scene, "lyon-200", 7, device, false, second);
  }
  write_file(folder + "/meta.csv", meta);
  write_file(folder + "/evaluation_setup/fold1_train.csv", train);
  write_file(folder + "/evaluation_setup/fold1_test.csv", test);
}

}  // namespace regrad::test
