#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/bottleneck.h>
#include <regrad/layers/nets/mobilenet.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/nets/resnet50.h>
#include <regrad/layers/nets/two_convs.h>
#include <regrad/layers/nets/vgg.h>
#include <regrad/layers/nets/wide_resnet.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace regrad {
namespace {

using Options = NamedNetOptions;

// An Mlp on the pixels of [N,C,H,W].
struct PixelMlp : Mlp {
  using Mlp::Mlp;
  Tensor operator()(const Tensor& x, Context& ctx) const {
    return Mlp::operator()(flatten_pixels(x, ctx), ctx);
  }
};
NamedNet mlp(const Random& r, const Options& o) {
  return NamedNet::of(PixelMlp(r, {o.in_channels * o.size * o.columns(), 128, 128, o.classes}, true,
                               Activation::relu, o.dtype));
}
template <ChainNet (*net)(const Random&, const ConvNetOptions&, int64_t), int64_t width = 64>
NamedNet chain(const Random& r, const Options& o) {
  return NamedNet::of(
      net(r, {.in_channels = o.in_channels, .width = width, .dtype = o.dtype}, o.classes));
}
template <int depth, Shortcut shortcut, class Net = Resnet>
NamedNet residual(const Random& r, const Options& o) {
  return NamedNet::of(
      Net(r, {.depth = depth, .in_channels = o.in_channels, .shortcut = shortcut, .dtype = o.dtype},
          o.classes));
}
NamedNet wrn_28_2(const Random& r, const Options& o) {
  return NamedNet::of(WideResnet(r, {.in_channels = o.in_channels, .dtype = o.dtype}, o.classes));
}

NamedNet resnet50(const Random& r, const Options& o) {
  return NamedNet::of(Resnet50(r, {.in_channels = o.in_channels, .dtype = o.dtype}, o.classes));
}

template <int tau>
NamedNet bcresnet(const Random& r, const Options& o) {
  return NamedNet::of(BcResnet(
      r, fitted({.tau = tau, .classes = o.classes, .in_channels = o.in_channels, .dtype = o.dtype},
                o.size)));
}

struct Choice {
  const char* name;
  NamedNet (*make)(const Random&, const Options&);
};
constexpr Choice choices[] = {
    {"tiny", chain<two_convs, 8>},
    {"mlp", mlp},
    {"r8", residual<8, Shortcut::project>},
    {"resnet20", residual<20, Shortcut::project>},
    {"resnet32", residual<32, Shortcut::project>},
    {"resnet56", residual<56, Shortcut::project>},
    {"resnet20-pad", residual<20, Shortcut::pad>},
    {"resnet32-pad", residual<32, Shortcut::pad>},
    {"resnet56-pad", residual<56, Shortcut::pad>},
    {"resnet56-bottleneck", residual<56, Shortcut::project, BottleneckResnet>},
    {"vgg16", chain<vgg16>},
    {"wrn-28-2", wrn_28_2},
    {"mobilenet", chain<mobilenet>},
    {"resnet50", resnet50},
    {"bcresnet-1", bcresnet<1>},
    {"bcresnet-8", bcresnet<8>},
};

// nullptr where there is none.
const Choice* choice(const std::string& name) {
  const auto* found = std::find_if(std::begin(choices), std::end(choices),
                                   [&](const Choice& c) { return c.name == name; });
  return found == std::end(choices) ? nullptr : found;
}
std::string all_names() {
  std::string all;
  for (const std::string& n : net_names()) all += (all.empty() ? "" : ", ") + n;
  return all;
}

int64_t number(const std::map<std::string, std::string>& metadata, const std::string& key,
               const std::string& where) {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    throw IOError(where + ": its metadata have no '" + key +
                  "'; is it a model that regrad-map or regrad-dcil wrote?");
  const std::string& text = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 65536)
    throw IOError(where + ": its metadata's '" + key + "' is '" + text +
                  "', not a number from 1 to 65536");
  return value;
}

// Weights [O,I,..] drawn by fan-in, as by fan-out: fans are I k and O k.
NamedNet by_fan_out(NamedNet net) {
  const NoGrad quiet;
  each(net, [](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer || t.dim() != 4) return;
    const double ratio = static_cast<double>(t.size(1)) / static_cast<double>(t.size(0));
    t = (t * std::sqrt(ratio)).requires_grad_();
  });
  return net;
}

}  // namespace

const std::vector<std::string>& net_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Choice& c : choices) out.emplace_back(c.name);
    return out;
  }();
  return names;
}

NamedNet::NamedNet(const Random& r, const NamedNetOptions& o) {
  const Choice* found = choice(o.name);
  if (!found) throw ConfigError("net: '" + o.name + "' is not one of " + all_names());
  if (o.in_channels < 1 || o.size < 1 || o.width < 0 || o.classes < 1)
    throw ConfigError("net: channels, size and classes are at least 1, and width is not below 0");
  *this = found->make(r, o);
  if (o.fan == init::Fan::out) *this = by_fan_out(std::move(*this));
}
Tensor NamedNet::operator()(const Tensor& x, Context& ctx) const {
  if (!does_) throw ConfigError("NamedNet: holds no net");
  return does_->forward(net_, x, ctx);
}

std::map<std::string, std::string> to_metadata(const NamedNetOptions& o) {
  std::map<std::string, std::string> out{{"net", o.name},
                                         {"in_channels", std::to_string(o.in_channels)},
                                         {"size", std::to_string(o.size)},
                                         {"classes", std::to_string(o.classes)}};
  if (o.columns() != o.size) out["width"] = std::to_string(o.width);
  return out;
}

NamedNetOptions net_from_metadata(const std::map<std::string, std::string>& metadata,
                                  const std::string& where) {
  const auto name = metadata.find("net");
  if (name == metadata.end())
    throw IOError(
        where +
        ": its metadata name no 'net'; is it a model that regrad-map or regrad-dcil wrote?");
  if (!choice(name->second))
    throw IOError(where + ": its metadata name '" + name->second + "', which is not one of " +
                  all_names());
  return {.name = name->second,
          .in_channels = number(metadata, "in_channels", where),
          .size = number(metadata, "size", where),
          .width = metadata.count("width") ? number(metadata, "width", where) : 0,
          .classes = number(metadata, "classes", where)};
}

}  // namespace regrad
