// The file of a trained ViT, as regrad-sdssl leaves it in models/, and what pictures become by it.
//
//   const Model m = load_model("out/models/sd-seed-0.safetensors");
//   Tensor f = embed(m, pictures("flowers").paths, 12);   // [n, width], layer 12
#pragma once

#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/vit.h>

#include <string>
#include <vector>

namespace regrad::sdssl {

struct Model {
  Vit net;
  std::vector<double> mean, deviation;  // by channel, of pixels in [0, 1]
};

Metadata to_metadata(const Model& model);
// IOError naming the file: no ViT, metadata or tensors that are missing or do not fit. What is
// allocated follows the file's tensors.
Model load_model(const std::string& path);

// All PNG and JPEG files below a folder, sorted by path. IOError: no folder, no picture in it.
std::vector<std::string> pictures(const std::string& folder);

// f32 [n, width]: each picture, brought to the net's size, by layer 1 .. layers. IOError for a
// broken one; ConfigError: no such layer.
Tensor embed(const Model& model, const std::vector<std::string>& paths, int64_t layer);

}  // namespace regrad::sdssl
