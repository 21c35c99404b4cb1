// What regrad-map, regrad-dcil and regrad-pqk leave in models/: a net by name, of few bits where it
// was quantized, and what its inputs are.
//
//   const NamedModel m = named_model(load_safetensors("map-90%-seed-0.safetensors"));
//   Tensor logits = m.net(unsqueeze(m.inputs.of_file("cat.png"), 0));
#pragma once

#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/layers/qat.h>

namespace regrad::experiment {

struct NamedModel {
  NamedNetOptions options;
  FewBitNet net;
  Inputs inputs;  // its info with classes, and of pictures mean and deviation
};

// IOError naming the file: metadata that are missing (with the run that writes them) or do not fit,
// and tensors that do not.
NamedModel named_model(const TensorFile& file);

}  // namespace regrad::experiment
