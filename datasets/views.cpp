#include <regrad/datasets/images.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/pixels.h>
#include <regrad/datasets/internal/view.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

// Places of a view's numbers in its stream.
enum Place : uint64_t {
  of_jitter,
  of_brightness,
  of_contrast,
  of_saturation,
  of_hue,
  of_grayscale,
  of_blur,
  of_sigma,
  of_solarize,
  of_flip,
  of_order = 16  // and 17, 18, 19
};

void check(const std::string& what, const ViewRecipe& v) {
  for (const double p : {v.jitter, v.grayscale, v.blur, v.solarize, v.flip})
    if (!(p >= 0 && p <= 1)) throw ConfigError(what + ": a probability lies in [0, 1]");
  for (const double s : {v.brightness, v.contrast, v.saturation})
    if (!(s >= 0) || !std::isfinite(s))
      throw ConfigError(what + ": a strength of the jitter must be 0 or more");
  if (!(v.hue >= 0 && v.hue <= 0.5)) throw ConfigError(what + ": hue lies in [0, 0.5]");
  if (!(v.sigma_low > 0 && v.sigma_low <= v.sigma_high && v.sigma_high <= 1000))
    throw ConfigError(what + ": sigma needs 0 < low <= high <= 1000");
  if (v.size < 0 || v.size > 1 << 15)
    throw ConfigError(what + ": sides are 1 to 32768 pixels, or 0 for the image's own");
  random_box(v.crop, Random(0), 1, 1);
}

// All that comes after the crop.
void change(const ImageView& v, const detail::Pixels& to) {
  for (size_t i = 0; v.jitter && i < v.order.size(); ++i) {
    if (v.order[i] == 0) detail::brighten(to, static_cast<float>(v.brightness));
    if (v.order[i] == 1) detail::contrast(to, static_cast<float>(v.contrast));
    if (v.order[i] == 2) detail::saturate(to, static_cast<float>(v.saturation));
    if (v.order[i] == 3) detail::turn_hue(to, static_cast<float>(v.hue));
  }
  if (v.grayscale) detail::to_grayscale(to);
  if (v.sigma > 0) detail::blur(to, blur_kernel_size(v.sigma), v.sigma);
  if (v.solarize) detail::invert_above(to, 0.5f);
  if (v.flip) detail::mirror(to);
}

ImageView drawn(const ViewRecipe& recipe, const Random& r, int64_t height, int64_t width) {
  ImageView v;
  v.box = random_box(recipe.crop, r / "crop", height, width);
  const auto between = [&](Place place, double low, double high) {
    return low + (high - low) * r.uniform(place);
  };
  const auto about_1 = [&](Place place, double strength) {
    return between(place, std::max(0.0, 1 - strength), 1 + strength);
  };
  v.jitter = r.uniform(of_jitter) < recipe.jitter;
  v.brightness = about_1(of_brightness, recipe.brightness);
  v.contrast = about_1(of_contrast, recipe.contrast);
  v.saturation = about_1(of_saturation, recipe.saturation);
  v.hue = between(of_hue, -recipe.hue, recipe.hue);
  for (int64_t i = 3; i > 0; --i)
    std::swap(v.order[static_cast<size_t>(i)],
              v.order[static_cast<size_t>(r.integer(of_order + static_cast<uint64_t>(i), i + 1))]);
  v.grayscale = r.uniform(of_grayscale) < recipe.grayscale;
  if (r.uniform(of_blur) < recipe.blur)
    v.sigma = between(of_sigma, recipe.sigma_low, recipe.sigma_high);
  v.solarize = r.uniform(of_solarize) < recipe.solarize;
  v.flip = r.uniform(of_flip) < recipe.flip;
  return v;
}

// Images that a thread takes at a time.
constexpr int64_t rows_a_block = 8;

}  // namespace

ViewRecipe first_view(int64_t size) { return {.size = size}; }
ViewRecipe second_view(int64_t size) { return {.size = size, .blur = 0.1, .solarize = 0.2}; }
ViewRecipe small_view(int64_t size) {
  return {.size = size, .crop = {.scale_low = 0.2}, .blur = 0};
}
ViewRecipe alignment_view(int64_t size) {
  ViewRecipe v = second_view(size);
  v.jitter = 0.3;
  return v;
}
ViewRecipe crop_and_flip(int64_t size) {
  return {.size = size, .jitter = 0, .grayscale = 0, .blur = 0};
}

int64_t blur_kernel_size(double sigma) {
  return 2 * static_cast<int64_t>(std::ceil(3 * sigma)) + 1;
}

ImageView random_view(const ViewRecipe& recipe, const Random& r, int64_t height, int64_t width) {
  check("random_view", recipe);
  return drawn(recipe, r, height, width);
}

Tensor make_view(const ImageView& view, const Tensor& image, int64_t height, int64_t width) {
  if (image.dim() != 3)
    throw ShapeError("make_view: an image is [c, h, w], not " + str(image.shape()));
  return typed_memory([&] {
    std::vector<float> out = resized_crop(image, view.box, height, width).to_vector<float>();
    change(view, {out.data(), image.size(0), height, width});
    return detail::adopt(std::move(out), {image.size(0), height, width});
  });
}

namespace detail {

void check_views(const char* what, const std::vector<ViewRecipe>& recipes, int64_t channels) {
  for (const ViewRecipe& recipe : recipes) check(what, recipe);
  if (channels != 1 && channels != 3)
    throw ShapeError(std::string(what) + ": views are of images of 1 or 3 channels, not " +
                     std::to_string(channels));
}

void write_view(const ViewRecipe& recipe, const Random& r, const float* image, int64_t channels,
                int64_t height, int64_t width, float* to) {
  const ImageView view = drawn(recipe, r, height, width);
  const Pixels pixels{to, channels, side(recipe, height), side(recipe, width)};
  resize_box(image, height, width, view.box, pixels);
  change(view, pixels);
}

}  // namespace detail

std::vector<Tensor> image_views(const Tensor& images, const Tensor& index,
                                const std::vector<ViewRecipe>& recipes, const Random& r) {
  if (images.dim() != 4)
    throw ShapeError("image_views: images are [n, c, h, w], not " + str(images.shape()));
  if (index.dim() != 1) throw ShapeError("image_views: an index is [b], not " + str(index.shape()));
  const int64_t c = images.size(1), h = images.size(2), w = images.size(3), b = index.size(0);
  detail::check_views("image_views", recipes, c);
  return typed_memory([&] {
    const Tensor whole = take_images(images, index), rows = index.contiguous();
    std::vector<std::vector<float>> out;
    for (const ViewRecipe& v : recipes)
      out.emplace_back(static_cast<size_t>(b * c * detail::side(v, h) * detail::side(v, w)));
    parallel_for((b + rows_a_block - 1) / rows_a_block, [&](int64_t block) {
      const int64_t last = std::min(b, (block + 1) * rows_a_block);
      for (int64_t i = block * rows_a_block; i < last; ++i) {
        const Random of_row = r / rows.data<int64_t>()[i];
        for (size_t v = 0; v < recipes.size(); ++v)
          detail::write_view(recipes[v], of_row / static_cast<int64_t>(v),
                             whole.data<float>() + i * c * h * w, c, h, w,
                             out[v].data() + i * (static_cast<int64_t>(out[v].size()) / b));
      }
    });
    std::vector<Tensor> made;
    for (size_t v = 0; v < recipes.size(); ++v)
      made.push_back(detail::adopt(
          std::move(out[v]), {b, c, detail::side(recipes[v], h), detail::side(recipes[v], w)}));
    return made;
  });
}

}  // namespace regrad
