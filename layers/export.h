// From a trained net to one that runs without training code (inference/inference.h): batch norms
// are folded into the convolutions before them, and weights stay as they are, zeros included.
//
// The layers are those that a forward pass reports (Context::evaluate): a net that is made of the
// layers and steps that inference has can be exported as it stands.
#pragma once

#include <functional>

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

// The layers of one forward pass on x, f32. ConfigError: a norm without running statistics, or a
// step that inference has not.
std::vector<InferenceLayer> recorded_layers(
    const std::function<Tensor(const Tensor&, Context&)>& forward, const Tensor& x);

// Any net with net(x, ctx) that maps images of `info` to classes, out of training. ConfigError as
// recorded_layers'.
template <class Net>
InferenceNet export_net(const Net& net, const InferenceInfo& info, bool remove_filters = true);
InferenceNet export_net(const NamedNet& net, const NamedNetOptions& of,
                        const ExportOptions& options = {});

// Convolutions' filters that could be taken out, and were.
std::vector<InferenceLayer> without_dead_filters(std::vector<InferenceLayer> layers);

template <class Net>
InferenceNet export_net(const Net& net, const InferenceInfo& info, bool remove_filters) {
  const std::vector<Tensor> p = parameters(net);
  const DType t = p.empty() ? DType::f32 : p[0].dtype();
  std::vector<InferenceLayer> layers =
      recorded_layers([&](const Tensor& x, Context& ctx) { return net(x, ctx); },
                      zeros({1, info.channels, info.height, info.width}, t));
  return InferenceNet(remove_filters ? without_dead_filters(std::move(layers)) : std::move(layers),
                      info);
}

}  // namespace regrad
