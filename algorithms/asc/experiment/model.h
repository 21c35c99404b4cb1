// A trained scene net with all that it takes to hear a file with it: front end, rate, level,
// length, classes. What regrad-asc leaves in models/.
//
//   const SceneModel m = load_scene_model("out/models/resnorm--seed-0.safetensors");
//   Tensor p = softmax(m.net(m.spectrogram(read_sound("street.wav"))), -1);      // [1,classes]
#pragma once

#include <regrad/algorithms/scenes/clips.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/bcresnet.h>

#include <string>
#include <vector>

namespace regrad::asc {

// What a net sees of a sound, f32 [1,1,mels,frames].
Tensor spectrogram(const Sound& s, const scenes::Ear& ear);

struct SceneModel {
  BcResnetAscOptions options;
  BcResnetAsc net;
  scenes::Ear ear;
  std::vector<std::string> classes;
  Tensor spectrogram(const Sound& s) const { return asc::spectrogram(s, ear); }
};

// All but the net's tensors, for a safetensors file.
Metadata to_metadata(const BcResnetAscOptions& options, const scenes::Ear& ear,
                     const std::vector<std::string>& classes);
// IOError naming file and key: metadata missing or no number, tensors that do not fit.
SceneModel load_scene_model(const std::string& path);

}  // namespace regrad::asc
