#include <regrad/algorithms/sdssl/experiment/model.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/split.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>

namespace regrad::sdssl {
namespace {

namespace fs = std::filesystem;

std::string listed(const std::vector<double>& v) {
  std::string out;
  for (const double x : v) out += (out.empty() ? "" : ",") + decimal(x, 9);
  return out;
}

class Read {
 public:
  explicit Read(const TensorFile& file) : file_(file) {}

  Model model() const {
    if (value("net") != "vit") fail("it is no ViT; regrad-sdssl leaves one in models/");
    const VitOptions o{.image = number("image"),
                       .patch = number("patch"),
                       .channels = number("channels"),
                       .width = number("width"),
                       .layers = number("layers"),
                       .heads = number("heads")};
    check_sizes(o);
    Model out{{}, reals("pixel_mean"), reals("pixel_deviation")};
    const auto each = static_cast<size_t>(o.channels);
    if (out.mean.size() != each || out.deviation.size() != each)
      fail("pixel_mean and pixel_deviation must be a number for each of " +
           std::to_string(o.channels) + " channels");
    for (const double d : out.deviation)
      if (d < 1e-6) fail("its metadata's 'pixel_deviation' must be above 0");
    try {
      out.net = with_tensors(Vit(Random(0), o), file_);
    } catch (const ConfigError& e) {
      fail(e.what());
    } catch (const ShapeError& e) {
      throw IOError(e.what());
    } catch (const DTypeError& e) {
      throw IOError(e.what());
    }
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw IOError(file_.where + ": " + why); }

  // Before a net of these sizes is made.
  void check_sizes(const VitOptions& o) const {
    const Tensor &patch = file_["patch.weight"], &places = file_["positions"];
    const bool fits = patch.dim() == 2 && places.dim() == 2 && patch.size(0) == o.width &&
                      places.size(1) == o.width && o.patch <= 4096 && o.image <= 65536 &&
                      patch.size(1) == o.channels * o.patch * o.patch &&
                      places.size(0) == (o.image / o.patch) * (o.image / o.patch) &&
                      patch.dtype() == DType::f32;
    if (!fits)
      fail("tensors 'patch.weight' " + str(patch.shape()) + " and 'positions' " +
           str(places.shape()) + " are not those of the net that its metadata name");
    file_["layers." + std::to_string(o.layers - 1) + ".linear1.weight"];
  }
  std::string value(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    return found == file_.metadata.end() ? "" : found->second;
  }
  int64_t number(const std::string& key) const {
    const std::optional<double> n = number_of(value(key));
    if (!n || *n < 1 || *n > 1e6 || *n != std::floor(*n))
      fail("its metadata have no size '" + key + "'");
    return static_cast<int64_t>(*n);
  }
  std::vector<double> reals(const std::string& key) const {
    std::vector<double> out;
    for (const std::string& one : split(value(key), ',')) {
      const std::optional<double> n = number_of(one);
      if (!n || !std::isfinite(*n)) fail("its metadata's '" + key + "' is no list of numbers");
      out.push_back(*n);
    }
    return out;
  }

  const TensorFile& file_;
};

bool is_picture(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

}  // namespace

Metadata to_metadata(const Model& model) {
  const VitOptions& o = model.net.options;
  return {{"net", "vit"},
          {"image", std::to_string(o.image)},
          {"patch", std::to_string(o.patch)},
          {"channels", std::to_string(o.channels)},
          {"width", std::to_string(o.width)},
          {"layers", std::to_string(o.layers)},
          {"heads", std::to_string(o.heads)},
          {"pixel_mean", listed(model.mean)},
          {"pixel_deviation", listed(model.deviation)}};
}

Model load_model(const std::string& path) {
  const TensorFile file = load_safetensors(path);
  return Read(file).model();
}

std::vector<std::string> pictures(const std::string& folder) {
  std::error_code failed;
  std::vector<std::string> out;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed))
    if (is_picture(at->path()) && at->is_regular_file(failed)) out.push_back(at->path().string());
  if (failed) throw IOError(folder + ": " + failed.message());
  if (out.empty()) throw IOError(folder + ": holds no .png, .jpg or .jpeg picture");
  std::sort(out.begin(), out.end());
  return out;
}

Tensor embed(const Model& model, const std::vector<std::string>& paths, int64_t layer) {
  const VitOptions& o = model.net.options;
  if (layer < 1 || layer > o.layers)
    throw ConfigError("layer: " + std::to_string(layer) + "; this net has 1 to " +
                      std::to_string(o.layers));
  const NoGrad quiet;
  const Shape per{1, o.channels, 1, 1};
  const Tensor mean = tensor(model.mean, per, DType::f32),
               deviation = tensor(model.deviation, per, DType::f32);
  const ImageFolderOptions how{
      .height = o.image, .width = o.image, .channels = static_cast<int>(o.channels)};
  std::vector<Tensor> out;
  constexpr size_t at_once = 128;
  for (size_t from = 0; from < paths.size(); from += at_once) {
    std::vector<Tensor> x;
    for (size_t i = from; i < std::min(from + at_once, paths.size()); ++i)
      x.push_back(load_picture(paths[i], how));
    Context ctx;
    const Tensor pixels = stack(x, 0).to(DType::f32) / 255.0;
    out.push_back(
        model.net.features((pixels - mean) / deviation, ctx)[static_cast<size_t>(layer - 1)]);
  }
  return cat(out, 0).contiguous();
}

}  // namespace regrad::sdssl
