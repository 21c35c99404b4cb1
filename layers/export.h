// From a trained net to one that runs without training code (inference/inference.h): batch norms
// are folded into the convolutions before them, and weights stay as they are, zeros included.
#pragma once

#include <regrad/layers/inference/inference.h>
#include <regrad/layers/nets/named_net.h>

namespace regrad {

struct ExportOptions {
  std::vector<std::string> classes = {};
  // of the images that the net was trained on, by channel
  std::vector<float> mean = {}, deviation = {};
  // Filters whose weights are all 0 are taken out where their output is 0 after ReLU whatever the
  // image (folded bias at or below 0) and one convolution alone reads it; that one loses the
  // channel. What is taken out changes no logit.
  bool remove_filters = true;
};
// The net out of training, f32. ConfigError: a norm without running statistics.
InferenceNet export_net(const NamedNet& net, const NamedNetOptions& of,
                        const ExportOptions& options = {});

// Convolutions' filters that could be taken out, and were.
std::vector<InferenceLayer> without_dead_filters(std::vector<InferenceLayer> layers);

}  // namespace regrad
