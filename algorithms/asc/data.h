// What regrad-asc trains on and is tested by: spectrograms of clips, each as some device heard it.
#pragma once

#include <regrad/algorithms/asc/model.h>
#include <regrad/algorithms/asc/settings.h>

namespace regrad::asc {

struct Data {
  Tensor train_x, train_y, train_device;  // f32 [n,1,mels,frames], i64 [n], i64 [n] in [0, seen); device 0 is the source
  // Pairs for the translation: row pair_source[i] of source_x is by the source what row pair_clip[i] of train_x is by another device, at the same
  // time.
  Tensor source_x, pair_source, pair_clip;
  struct Heard {
    std::string device;
    Tensor x, y;  // f32 [m,1,mels,frames], i64 [m]
  };
  std::vector<Heard> tests;  // those of training first, in the order of train_device
  int64_t seen = 0;          // devices of training
  bool paired = true;        // the test clips of all devices are the same ones
  std::vector<std::string> classes;
  Ears ears;
};

// scenes (generated), digits (FSDD), esc10, tau. `folder`: --data. IOError where data are missing or broken.
Data load_data(const std::string& task, const std::string& folder, const Settings& settings);

}  // namespace regrad::asc
