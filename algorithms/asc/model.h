// A trained scene net with all that it takes to hear a file with it: front end, rate, level, length, classes. What regrad-asc leaves in models/.
//
//   const SceneModel m = load_scene_model("out/models/resnorm--seed-0.safetensors");
//   Tensor p = softmax(m.net(m.spectrogram(read_sound("street.wav"))), -1);      // [1,classes]
#pragma once

#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/serialize.h>
#include <regrad/layers/nets/bcresnet.h>

#include <string>
#include <vector>

namespace regrad::asc {

// How a sound becomes what a net sees: one channel, the front end's rate, an RMS, and so many samples (repeated or cut).
struct Ears {
  LogMel front;
  int64_t samples = 0;  // at front.rate
  double rms = 0.1;
  Tensor operator()(const Sound& s) const;  // f32 [1,1,mels,frames]
};

struct SceneModel {
  BcResnetAscOptions options;
  BcResnetAsc net;
  Ears ears;
  std::vector<std::string> classes;
  Tensor spectrogram(const Sound& s) const { return ears(s); }
};

// All but the net's tensors, for a safetensors file.
Metadata to_metadata(const BcResnetAscOptions& options, const Ears& ears, const std::vector<std::string>& classes);
// IOError naming file and key: metadata missing or no number, tensors that do not fit.
SceneModel load_scene_model(const std::string& path);

}  // namespace regrad::asc
