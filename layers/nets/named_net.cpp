#include <regrad/layers/nets/named_net.h>

#include <algorithm>
#include <charconv>

namespace regrad {
namespace {

template <class Net>
NamedNet named(Net net) {
  NamedNet out;
  out.net = std::move(net);
  return out;
}

NamedNet residual(const Random& r, const NamedNetOptions& o, int depth, Shortcut shortcut) {
  return named(Resnet(
      r, {.depth = depth, .in_channels = o.in_channels, .shortcut = shortcut, .dtype = o.dtype},
      o.classes));
}

NamedNet made(const Random& r, const NamedNetOptions& o) {
  const std::string& name = o.name;
  if (name == "tiny")
    return named(
        two_convs(r, {.in_channels = o.in_channels, .width = 8, .dtype = o.dtype}, o.classes));
  if (name == "mlp")
    return named(PixelMlp(r, {o.in_channels * o.size * o.size, 128, 128, o.classes}, true,
                          Activation::relu, o.dtype));
  if (name == "r8") return residual(r, o, 8, Shortcut::project);
  if (name == "resnet20") return residual(r, o, 20, Shortcut::project);
  if (name == "resnet32") return residual(r, o, 32, Shortcut::project);
  if (name == "resnet56") return residual(r, o, 56, Shortcut::project);
  if (name == "resnet20-pad") return residual(r, o, 20, Shortcut::pad);
  if (name == "resnet32-pad") return residual(r, o, 32, Shortcut::pad);
  if (name == "resnet56-pad") return residual(r, o, 56, Shortcut::pad);
  if (name == "resnet56-bottleneck")
    return named(BottleneckResnet(r, {.depth = 56, .in_channels = o.in_channels, .dtype = o.dtype},
                                  o.classes));
  if (name == "wrn-28-2")
    return named(WideResnet(r, {.in_channels = o.in_channels, .dtype = o.dtype}, o.classes));
  const ConvNetOptions conv{.in_channels = o.in_channels, .width = 64, .dtype = o.dtype};
  return named(name == "vgg16" ? vgg16(r, conv, o.classes) : mobilenet(r, conv, o.classes));
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

}  // namespace

const std::vector<std::string>& net_names() {
  static const std::vector<std::string> names = {
      "tiny",     "mlp",          "r8",           "resnet20",     "resnet32",
      "resnet56", "resnet20-pad", "resnet32-pad", "resnet56-pad", "resnet56-bottleneck",
      "vgg16",    "wrn-28-2",     "mobilenet"};
  return names;
}

NamedNet::NamedNet(const Random& r, const NamedNetOptions& o) {
  const std::vector<std::string>& names = net_names();
  if (std::find(names.begin(), names.end(), o.name) == names.end()) {
    std::string all;
    for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
    throw ConfigError("net: '" + o.name + "' is not one of " + all);
  }
  if (o.in_channels < 1 || o.size < 1 || o.classes < 1)
    throw ConfigError("net: channels, size and classes are at least 1");
  *this = made(r, o);
}

std::map<std::string, std::string> to_metadata(const NamedNetOptions& o) {
  return {{"net", o.name},
          {"in_channels", std::to_string(o.in_channels)},
          {"size", std::to_string(o.size)},
          {"classes", std::to_string(o.classes)}};
}

NamedNetOptions net_from_metadata(const std::map<std::string, std::string>& metadata,
                                  const std::string& where) {
  const auto name = metadata.find("net");
  const std::vector<std::string>& names = net_names();
  if (name == metadata.end())
    throw IOError(
        where +
        ": its metadata name no 'net'; is it a model that regrad-map or regrad-dcil wrote?");
  if (std::find(names.begin(), names.end(), name->second) == names.end())
    throw IOError(where + ": its metadata name '" + name->second + "', which is no net of ours");
  return {.name = name->second,
          .in_channels = number(metadata, "in_channels", where),
          .size = number(metadata, "size", where),
          .classes = number(metadata, "classes", where)};
}

}  // namespace regrad
