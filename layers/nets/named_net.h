// An image classifier by name: one type for all of them, so that a method or a file format is
// written once.
//
//   NamedNet net(Random(seed), {.name = "resnet20", .in_channels = 3, .size = 32, .classes = 10});
//   Tensor logits = net(x, ctx);                                   // [N,3,32,32] -> [N,10]
#pragma once

#include <map>
#include <string>
#include <variant>

#include <regrad/layers/nets/plain.h>
#include <regrad/layers/nets/resnet.h>

namespace regrad {

struct NamedNetOptions {
  std::string name = "resnet20";  // one of net_names()
  int64_t in_channels = 3, size = 32, classes = 10;
  DType dtype = DType::f32;
};

// tiny (two convolutions of 8 and 16 channels), mlp (two hidden layers of 128), r8 (ResNet of depth
// 8), resnet20, resnet32, resnet56 (projected shortcuts), resnet56-bottleneck (what DCIL's code
// calls ResNet-56), resnet20-pad, resnet32-pad, resnet56-pad (shortcuts without parameters), vgg16,
// wrn-28-2, mobilenet.
const std::vector<std::string>& net_names();

// An Mlp on the pixels of [N,C,H,W].
struct PixelMlp : Mlp {
  using Mlp::Mlp;
  Tensor operator()(const Tensor& x, Context&) const { return Mlp::operator()(flatten(x, -3)); }
};

struct NamedNet {
  std::variant<ChainNet, PixelMlp, Resnet, BottleneckResnet, WideResnet> net;

  NamedNet() = default;
  // ConfigError for a name that is none (with the names there are), and for counts below 1.
  NamedNet(const Random& r, const NamedNetOptions& o);
  Tensor operator()(const Tensor& x, Context& ctx) const {
    return std::visit([&](const auto& n) { return n(x, ctx); }, net);
  }
  Tensor operator()(const Tensor& x) const {  // not in training
    Context ctx;
    return (*this)(x, ctx);
  }
  // The parts are the named net's own: a file holds the same names, whichever way the net was made.
  static void parts(auto& self, auto&& part) {
    std::visit([&](auto& n) { std::decay_t<decltype(n)>::parts(n, part); }, self.net);
  }
};

// The options as a file's metadata ("net", "in_channels", "size", "classes"), and back. IOError
// beginning with `where` for what is missing or no number, or names no net.
std::map<std::string, std::string> to_metadata(const NamedNetOptions& o);
NamedNetOptions net_from_metadata(const std::map<std::string, std::string>& metadata,
                                  const std::string& where);

}  // namespace regrad
