#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/pixels.h>
#include <regrad/datasets/transforms.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

void check(const char* what, const Tensor& image) {
  if (image.dtype() != DType::f32)
    throw DTypeError(std::string(what) + ": images are f32, not " + name(image.dtype()));
  if (image.dim() < 3 || (image.size(-3) != 1 && image.size(-3) != 3) || image.size(-2) < 1 ||
      image.size(-1) < 1)
    throw ShapeError(std::string(what) + ": images are [.., 1 or 3, h, w], not " +
                     str(image.shape()));
}

void check_factor(const char* what, double factor) {
  if (!(factor >= 0) || !std::isfinite(factor))
    throw ConfigError(std::string(what) + ": the factor must be 0 or more");
}

// A copy of which f changes each image.
template <class F>
Tensor changed(const char* what, const Tensor& image, F&& f) {
  check(what, image);
  return typed_memory([&] {
    std::vector<float> out = image.to_vector<float>();
    const int64_t one = image.size(-3) * image.size(-2) * image.size(-1);
    for (float* p = out.data(); p != out.data() + out.size(); p += one)
      f(detail::Pixels{p, image.size(-3), image.size(-2), image.size(-1)});
    return detail::adopt(std::move(out), image.shape());
  });
}

// Python's round: halves to the even number.
int64_t rounded(double v) { return static_cast<int64_t>(std::nearbyint(v)); }

}  // namespace

Tensor adjust_brightness(const Tensor& image, double factor) {
  check_factor("adjust_brightness", factor);
  return changed("adjust_brightness", image,
                 [&](const detail::Pixels& p) { detail::brighten(p, static_cast<float>(factor)); });
}
Tensor adjust_contrast(const Tensor& image, double factor) {
  check_factor("adjust_contrast", factor);
  return changed("adjust_contrast", image,
                 [&](const detail::Pixels& p) { detail::contrast(p, static_cast<float>(factor)); });
}
Tensor adjust_saturation(const Tensor& image, double factor) {
  check_factor("adjust_saturation", factor);
  return changed("adjust_saturation", image,
                 [&](const detail::Pixels& p) { detail::saturate(p, static_cast<float>(factor)); });
}
Tensor adjust_hue(const Tensor& image, double factor) {
  if (!(factor >= -0.5 && factor <= 0.5))
    throw ConfigError("adjust_hue: the factor is a part of a turn, in [-0.5, 0.5]");
  return changed("adjust_hue", image,
                 [&](const detail::Pixels& p) { detail::turn_hue(p, static_cast<float>(factor)); });
}
Tensor rgb_to_grayscale(const Tensor& image) {
  return changed("rgb_to_grayscale", image, detail::to_grayscale);
}
Tensor solarize(const Tensor& image, double threshold) {
  if (!(threshold <= 1)) throw ConfigError("solarize: the threshold must be at most 1");
  return changed("solarize", image, [&](const detail::Pixels& p) {
    detail::invert_above(p, static_cast<float>(threshold));
  });
}
Tensor hflip(const Tensor& image) { return changed("hflip", image, detail::mirror); }

Tensor gaussian_blur(const Tensor& image, int64_t kernel_size, double sigma) {
  if (kernel_size < 1 || kernel_size % 2 == 0 || kernel_size > 1 << 20)
    throw ConfigError("gaussian_blur: kernel_size must be odd, from 1 to 2^20");
  if (!(sigma > 0) || !std::isfinite(sigma))
    throw ConfigError("gaussian_blur: sigma must be above 0");
  return changed("gaussian_blur", image,
                 [&](const detail::Pixels& p) { detail::blur(p, kernel_size, sigma); });
}

Tensor resized_crop(const Tensor& image, const Box& box, int64_t height, int64_t width) {
  check("resized_crop", image);
  const int64_t c = image.size(-3), h = image.size(-2), w = image.size(-1);
  if (box.top < 0 || box.left < 0 || box.height < 1 || box.width < 1 || box.height > h ||
      box.width > w || box.top > h - box.height || box.left > w - box.width)
    throw ConfigError("resized_crop: the box does not lie within an image of " + std::to_string(h) +
                      " x " + std::to_string(w));
  if (height < 1 || width < 1 || height > 1 << 15 || width > 1 << 15)
    throw ConfigError("resized_crop: new sides are 1 to 32768 pixels");
  return typed_memory([&] {
    Shape sizes = image.shape();
    sizes[sizes.size() - 2] = height;
    sizes[sizes.size() - 1] = width;
    const Tensor from = image.contiguous();
    std::vector<float> out(static_cast<size_t>(sizes.numel()));
    const int64_t images = from.numel() / (c * h * w);
    for (int64_t i = 0; i < images; ++i)
      detail::resize_box(from.data<float>() + i * c * h * w, h, w, box,
                         {out.data() + i * c * height * width, c, height, width});
    return detail::adopt(std::move(out), sizes);
  });
}

Box random_box(const BoxRange& range, const Random& r, int64_t height, int64_t width) {
  if (!(range.scale_low > 0 && range.scale_low <= range.scale_high && range.scale_high <= 1 &&
        range.ratio_low > 0 && range.ratio_low <= range.ratio_high &&
        std::isfinite(range.ratio_high)))
    throw ConfigError("random_box: 0 < low <= high for scale and ratio, and scale at most 1");
  if (height < 1 || width < 1) throw ConfigError("random_box: an image without pixels");
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  const double narrow = std::log(range.ratio_low), wide = std::log(range.ratio_high);
  for (int64_t attempt = 0; attempt < 10; ++attempt) {
    const Random draw = r / attempt;
    const double area =
        h * w * (range.scale_low + (range.scale_high - range.scale_low) * draw.uniform(0));
    const double ratio = std::exp(narrow + (wide - narrow) * draw.uniform(1));
    const int64_t across = rounded(std::sqrt(area * ratio)),
                  down = rounded(std::sqrt(area / ratio));
    if (across < 1 || down < 1 || across > width || down > height) continue;
    return {draw.integer(2, height - down + 1), draw.integer(3, width - across + 1), down, across};
  }
  const double ratio = w / h;
  Box box{0, 0, height, width};
  if (ratio < range.ratio_low) box.height = std::max<int64_t>(1, rounded(w / range.ratio_low));
  if (ratio > range.ratio_high) box.width = std::max<int64_t>(1, rounded(h * range.ratio_high));
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

}  // namespace regrad
