// A trained scene net with all that it takes to classify a file: front end, rate, level, length,
// classes. What regrad-asc and regrad-rfn leave in models/.
//
//   const SceneModel m = load_scene_model("out/models/resnorm--seed-0.safetensors");
//   Tensor p = softmax(m.net(m.spectrogram(read_sound("street.wav"))), -1);      // [1,classes]
#pragma once

#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/bcresnet.h>

#include <string>
#include <vector>

namespace regrad::experiment {

// What a net sees of a sound, f32 [1,1,mels,frames].
Tensor spectrogram(const Sound& s, const FrontEnd& front);

struct SceneModel {
  BcResnetAscOptions options;
  BcResnetAsc net;
  FrontEnd front;
  std::vector<std::string> classes;
  Tensor spectrogram(const Sound& s) const { return experiment::spectrogram(s, front); }
};

// All but the net's tensors, for a safetensors file.
Metadata to_metadata(const BcResnetAscOptions& options, const FrontEnd& front,
                     const std::vector<std::string>& classes);
// IOError naming file and key: metadata missing or no number, tensors that do not fit.
SceneModel load_scene_model(const std::string& path);

}  // namespace regrad::experiment
