// A trained scene net with all that it takes to classify a file: front end, rate, level, length,
// classes. What regrad-asc and regrad-rfn leave in models/.
//
//   const SceneModel m = load_scene_model("out/models/resnorm--seed-0.safetensors");
//   Tensor p = softmax(m.net(m.spectrogram(read_sound("street.wav"))), -1);      // [1,classes]
#pragma once

#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/serialize.h>

#include <string>
#include <vector>

namespace regrad::experiment {

// What a net sees of a sound, f32 [1,1,mels,frames].
Tensor spectrogram(const Sound& s, const FrontEnd& front);
// The same of a file. IOError naming it: broken, or of a rate that cannot be brought to the front
// end's.
Tensor spectrogram_of(const std::string& file, const FrontEnd& front);

struct SceneModel {
  BcResnetAscOptions options;
  BcResnetAsc net;
  FrontEnd front;
  std::vector<std::string> classes;
  Tensor spectrogram(const Sound& s) const { return experiment::spectrogram(s, front); }
};
constexpr const char* scene_net = "bcresnet-asc";  // the metadata's `net`

// All but the net's tensors, for a safetensors file; of another net by its name.
Metadata to_metadata(const BcResnetAscOptions& options, const FrontEnd& front,
                     const std::vector<std::string>& classes, const std::string& net = scene_net);
// The way back, without a net. IOError naming file and key: metadata missing or no number, those of
// another net.
struct SceneFacts {
  BcResnetAscOptions options;  // with the number of classes and the norm
  FrontEnd front;
  std::vector<std::string> classes;
};
SceneFacts scene_facts(const TensorFile& file, const std::string& net = scene_net);

// net with the file's tensors, as constants. IOError naming the file where they do not fit.
template <class Net>
Net of_file(Net net, const TensorFile& file) {
  try {
    return as_leaves(with_tensors(std::move(net), file), false);
  } catch (const IOError&) {
    throw;
  } catch (const Error& e) {
    throw IOError(file.where + ": " + e.what());
  }
}

// IOError naming file and key: as scene_facts; tensors that do not fit.
SceneModel scene_model(const TensorFile& file);
SceneModel load_scene_model(const std::string& path);

}  // namespace regrad::experiment
