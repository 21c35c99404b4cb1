// What makes a net's input of a file: of a sound or of a picture. A model's file holds it in its
// metadata, and so does the small file that is made of the model.
//
//   const InferenceNet net = load_inference("net.safetensors");
//   const Inputs in = inputs_of(net.info(), "net.safetensors");
//   Tensor logits = net(in.of_file("seven.wav").unsqueeze(0));
#pragma once

#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/inference/inference.h>

#include <string>

namespace regrad::experiment {

struct Inputs {
  bool sounds = false;
  FrontEnd front = {};
  // sounds: as first_samples leaves them, without their last frame (words.h), else as prepared
  bool words = false;
  double shift = 0, scale = 1;  // sounds: (log-mel - shift) / scale
  InferenceInfo info = {};      // its sizes; of pictures its mean and deviation

  Tensor of_sound(const Sound& s) const;           // [1,mels,frames]
  Tensor of_picture(const Tensor& picture) const;  // u8 [C,H,W] -> [C,H,W]
  // WAV, FLAC, OGG; or PNG, JPEG, brought to info's size. IOError where it is broken or the other.
  Tensor of_file(const std::string& path) const;
};

Metadata to_metadata(const Inputs& inputs);
// IOError naming `where` and the key: what is lacking or no number, a front end that does not give
// info's sizes.
Inputs inputs_of(const Metadata& metadata, const InferenceInfo& info, const std::string& where);
// Of a small file (info.about); where it says nothing of its inputs they are pictures.
Inputs inputs_of(const InferenceInfo& info, const std::string& where);

}  // namespace regrad::experiment
