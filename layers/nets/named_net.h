// An image classifier by name: one type for all of them, so that a method or a file format is
// written once.
//
//   NamedNet net(Random(seed), {.name = "resnet20", .in_channels = 3, .size = 32, .classes = 10});
//   Tensor logits = net(x, ctx);                                   // [N,3,32,32] -> [N,10]
//
// A new net is a file of its own, and a line of the list in named_net.cpp.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <regrad/layers/context.h>
#include <regrad/layers/init.h>

namespace regrad {

struct NamedNetOptions {
  std::string name = "resnet20";  // one of net_names()
  int64_t in_channels = 3, size = 32;
  int64_t width = 0;  // of inputs, where it is not their height, `size`; 0: as size
  int64_t classes = 10;
  DType dtype = DType::f32;
  // out: convolutions start with N(0, 2 / fan_out) instead of N(0, 2 / fan_in), the same draw
  init::Fan fan = init::Fan::in;
  int64_t columns() const { return width > 0 ? width : size; }
};

// tiny (two convolutions of 8 and 16 channels), mlp (two hidden layers of 128), r8 (ResNet of depth
// 8), resnet20, resnet32, resnet56 (projected shortcuts), resnet56-bottleneck (what DCIL's code
// calls ResNet-56), resnet20-pad, resnet32-pad, resnet56-pad (shortcuts without parameters), vgg16,
// wrn-28-2, mobilenet, resnet50 (for large images, as torchvision's), bcresnet-1 and bcresnet-8
// (for log-mels [N,1,size,width]; images too, with bands and tail as nets/bcresnet.h fits them;
// dropout 0.1, which the context's random stream switches on).
const std::vector<std::string>& net_names();

class NamedNet {
 public:
  NamedNet() = default;
  // ConfigError for a name that is none (with the names there are), and for counts below 1.
  NamedNet(const Random& r, const NamedNetOptions& o);
  // Any net with net(x, ctx) and parts.
  template <class Net>
  static NamedNet of(Net net) {
    NamedNet out;
    out.net_ = std::move(net);
    out.does_ = &does<Net>;
    return out;
  }

  // The net that `of` was given. ConfigError: of another type.
  template <class Net>
  const Net& as() const {
    const Net* net = std::any_cast<Net>(&net_);
    if (!net) throw ConfigError("NamedNet: the net is of another type");
    return *net;
  }

  // [N,C,H,W] -> [N,classes]. ConfigError: made without a name.
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  // The parts are the named net's own: a file holds the same names, whichever way the net was made.
  static void parts(auto& self, auto&& part) {
    if (!self.does_) return;
    const auto seen = [&](const std::string& name, auto& tensor, bool is_buffer) {
      is_buffer ? part(name.c_str(), tensor, buffer) : part(name.c_str(), tensor);
    };
    if constexpr (std::is_const_v<std::remove_reference_t<decltype(self)>>) {
      self.does_->each_of_const(self.net_, seen);
    } else {
      self.does_->each_of(self.net_, seen);
    }
  }

 private:
  // What a net can do, whatever its type.
  struct Does {
    Tensor (*forward)(const std::any& net, const Tensor& x, Context& ctx);
    void (*each_of)(std::any& net, const std::function<void(const std::string&, Tensor&, bool)>& f);
    void (*each_of_const)(const std::any& net,
                          const std::function<void(const std::string&, const Tensor&, bool)>& f);
  };
  template <class Net>
  static constexpr Does does{
      [](const std::any& net, const Tensor& x, Context& ctx) {
        return std::any_cast<const Net&>(net)(x, ctx);
      },
      [](std::any& net, const auto& f) { each(std::any_cast<Net&>(net), f); },
      [](const std::any& net, const auto& f) { each(std::any_cast<const Net&>(net), f); }};

  std::any net_;
  const Does* does_ = nullptr;
};

// The options as a file's metadata ("net", "in_channels", "size", "classes", and
// "width" where it is not the size), and back. IOError
// beginning with `where` for what is missing or no number, or names no net.
std::map<std::string, std::string> to_metadata(const NamedNetOptions& o);
NamedNetOptions net_from_metadata(const std::map<std::string, std::string>& metadata,
                                  const std::string& where);

}  // namespace regrad
