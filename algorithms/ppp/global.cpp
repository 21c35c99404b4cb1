#include <regrad/algorithms/ppp/global.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/split.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace regrad::ppp {
namespace {

// The shortest text that reads back as the same number.
std::string text(const std::vector<float>& v) {
  std::string out;
  for (const float x : v) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), x).ptr;
    out += (out.empty() ? "" : ",") + std::string(digits.data(), end);
  }
  return out;
}

class Read {
 public:
  explicit Read(const TensorFile& file) : file_(file) {}

  Global global(bool whole_too = false) const {
    Global out;
    out.options = gated_from_metadata(file_.metadata, file_.where);
    if (!has_gates()) out.options.gate = GateKind::none;
    if (out.options.gate == GateKind::none && !whole_too)
      fail(
          "its net has no gates, so there is nothing to personalize; regrad-ppp leaves a net with "
          "gates in models/ (ppp-seed-0.safetensors)");
    check_sizes(out.options);
    out.net = net(out.options);
    out.info = {out.options.in_channels,
                number("input_height"),
                number("input_width"),
                split(value("class_names"), '\n'),
                {},
                {}};
    InferenceInfo& info = out.info;
    if (static_cast<int64_t>(info.classes.size()) != out.options.classes)
      fail("its metadata name " + std::to_string(info.classes.size()) + " classes, its net has " +
           std::to_string(out.options.classes));
    info.mean = reals("pixel_mean"), info.deviation = reals("pixel_deviation");
    if (info.mean.size() != info.deviation.size()) fail("pixel_mean and pixel_deviation differ");
    out.metadata = file_.metadata;
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw IOError(file_.where + ": " + why); }

  GatedNet net(const GatedOptions& o) const {
    try {
      return with_tensors(GatedNet(Random(0), o), file_);
    } catch (const ShapeError& e) {
      throw IOError(e.what());
    } catch (const DTypeError& e) {
      throw IOError(e.what());
    }
  }
  bool has_gates() const {
    return std::any_of(file_.tensors.begin(), file_.tensors.end(), [](const NamedTensor& t) {
      return t.first.find(".gate.logits.weight") != std::string::npos;
    });
  }
  // Before a net of these sizes is made.
  void check_sizes(const GatedOptions& o) const {
    const Tensor &first = file_["conv.weight"], &last = file_["linear.weight"];
    const bool fits = first.dim() == 4 && first.size(0) == o.width &&
                      first.size(1) == o.in_channels && last.dim() == 2 &&
                      last.size(0) == o.classes && last.size(1) == 4 * o.width &&
                      first.dtype() == DType::f32;
    if (!fits)
      fail("tensors 'conv.weight' " + str(first.shape()) + " and 'linear.weight' " +
           str(last.shape()) + " are not those of the net that its metadata name");
    file_["blocks." + std::to_string((o.depth - 2) / 2 - 1) + ".conv2.weight"];
  }

  std::string value(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    return found == file_.metadata.end() ? "" : found->second;
  }
  int64_t number(const std::string& key) const {
    const std::optional<double> n = number_of(value(key));
    if (!n || *n < 1 || *n > 65536 || *n != std::floor(*n))
      fail("its metadata's '" + key + "' is '" + value(key) + "', not a number from 1 to 65536");
    return static_cast<int64_t>(*n);
  }
  std::vector<float> reals(const std::string& key) const {
    std::vector<float> out;
    for (const std::string& word : split(value(key), ',')) {
      const std::optional<double> n = number_of(word);
      if (!n || !std::isfinite(*n) || (key == "pixel_deviation" && *n == 0))
        fail("its metadata's '" + key + "': '" + word + "' will not do");
      out.push_back(static_cast<float>(*n));
    }
    return out;
  }

  const TensorFile& file_;
};

}  // namespace

Metadata to_metadata(const GatedOptions& o, const InferenceInfo& info) {
  Metadata out = regrad::to_metadata(o);
  out["input_height"] = std::to_string(info.height);
  out["input_width"] = std::to_string(info.width);
  std::string classes;
  for (const std::string& c : info.classes) classes += (classes.empty() ? "" : "\n") + c;
  out["class_names"] = classes;
  out["pixel_mean"] = text(info.mean), out["pixel_deviation"] = text(info.deviation);
  return out;
}

Global load_global(const std::string& path) {
  const TensorFile file = load_safetensors(path);
  return Read(file).global();
}

Global gated_model(const TensorFile& file) { return Read(file).global(true); }

}  // namespace regrad::ppp
