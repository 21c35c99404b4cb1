// From a trained net to one that runs without training code (inference/inference.h): batch norms
// are folded into the convolutions before them, and weights stay as they are, zeros included.
//
//   export_net(net, {.name = "resnet20", ..}, {.quantization = of_each_layer});
//       // by whole numbers
//
// The layers are those that a forward pass reports (Context::evaluate): a net that is made of the
// layers and steps that inference has can be exported as it stands.
#pragma once

#include <functional>

#include <regrad/layers/inference/inference.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/quantize.h>

namespace regrad {

struct ExportOptions {
  std::vector<std::string> classes = {};
  // of the images that the net was trained on, by channel
  std::vector<float> mean = {}, deviation = {};
  std::map<std::string, std::string> about = {};  // InferenceInfo's
  // Filters whose weights are all 0 are taken out where their output is 0 after ReLU whatever the
  // image (folded bias at or below 0) and one convolution alone reads it; that one loses the
  // channel. What is taken out changes no logit.
  bool remove_filters = true;
  // Of each convolution and linear map in the order of the forward pass, or of none: those layers
  // then hold levels. Their weights' ranges are those of the net's weights (weight_ranges), and
  // norms go into scales and biases, so that levels stay whole numbers of that many bits.
  std::vector<LayerQuantization> quantization = {};
};

// The layers of one forward pass on x, f32. ConfigError: a norm without running statistics, a step
// that inference has not, a quantization for another number of layers, of more than 8 bits, affine,
// or by ranges that are neither one nor one per group.
std::vector<InferenceLayer> recorded_layers(
    const std::function<Tensor(const Tensor&, Context&)>& forward, const Tensor& x,
    const std::vector<LayerQuantization>& quantization = {});

// Any net with net(x, ctx) that maps images of `info` to classes, out of training; options'
// classes, mean, deviation and about are taken where info has none. ConfigError as
// recorded_layers'.
template <class Net>
InferenceNet export_net(const Net& net, const InferenceInfo& info,
                        const ExportOptions& options = {});
InferenceNet export_net(const NamedNet& net, const NamedNetOptions& of,
                        const ExportOptions& options = {});

// Convolutions' filters that could be taken out, and were.
std::vector<InferenceLayer> without_dead_filters(std::vector<InferenceLayer> layers);

// info with what options add.
InferenceInfo joined(InferenceInfo info, const ExportOptions& options);

template <class Net>
InferenceNet export_net(const Net& net, const InferenceInfo& info, const ExportOptions& options) {
  const std::vector<Tensor> p = parameters(net);
  const DType t = p.empty() ? DType::f32 : p[0].dtype();
  std::vector<InferenceLayer> layers =
      recorded_layers([&](const Tensor& x, Context& ctx) { return net(x, ctx); },
                      zeros({1, info.channels, info.height, info.width}, t), options.quantization);
  if (options.remove_filters) layers = without_dead_filters(std::move(layers));
  return InferenceNet(std::move(layers), joined(info, options));
}

}  // namespace regrad
