// Views: random changes of one image, of which self-supervised methods take two (MoCo v3, BYOL,
// SimCLR; text-and-ssl.md 2.1 [code]):
//
//   random resized crop -> colour jitter -> grey -> blur -> solarize -> flip
//
// each after the crop with a probability of its own. transforms.h defines the changes. That blur
// and solarize come in this order is our reading (MoCo v3's); where the flip comes changes
// nothing.
//
//   Loader loader(train, Random(seed) / "loader", {.batch = 256, .views = {small_view(),
//       small_view()}});
//   const Batch b = loader.next();  // b.views[0], b.views[1]: f32 [256, c, h, w]
//
// A view's numbers come from its stream alone: with the loader from the epoch, the image's row and
// the view's place, never from threads or from what else is in the batch.
#pragma once

#include <regrad/datasets/transforms.h>

#include <array>
#include <vector>

namespace regrad {

// The defaults are those of the papers' first view.
struct ViewRecipe {
  int64_t size = 0;  // sides of a view, in pixels; 0: the image's own
  BoxRange crop = {};
  // With probability `jitter`, brightness, contrast and saturation by factors of U(max(0, 1 - s), 1
  // + s) and hue by U(-hue, hue), in a random order (ColorJitter). Images of one channel take
  // brightness and contrast alone.
  double jitter = 0.8;
  double brightness = 0.4, contrast = 0.4, saturation = 0.2, hue = 0.1;
  double grayscale = 0.2;  // probability
  // With probability `blur`, a Gaussian of deviation U(sigma_low, sigma_high) pixels and 2 ceil(3
  // sigma) + 1 taps: torchvision's gaussian_blur with all of the bell that counts. MoCo v3's
  // code calls Pillow's, three box filters of nearly that deviation.
  double blur = 1, sigma_low = 0.1, sigma_high = 2;
  double solarize = 0;  // probability, of threshold 0.5
  double flip = 0.5;    // probability
};

// The papers' two views (2.1 [code]): always blurred; blurred with probability .1 and solarized
// with .2.
ViewRecipe first_view(int64_t size = 224);
ViewRecipe second_view(int64_t size = 224);
// For images of 28 or 32 pixels, ours (3.2): crops of a fifth of the image or more, no blur, not
// solarized; both views alike.
ViewRecipe small_view(int64_t size = 0);
// Of the alignment's measurement (2.3 [code]): the second view with jitter of probability .3.
ViewRecipe alignment_view(int64_t size = 224);
// Crop and flip alone: the linear probe's (2.3 [code]).
ViewRecipe crop_and_flip(int64_t size = 224);

// What a stream decides of a view.
struct ImageView {
  Box box = {};
  bool jitter = false;
  std::array<int, 4> order = {0, 1, 2, 3};  // 0 brightness, 1 contrast, 2 saturation, 3 hue
  double brightness = 1, contrast = 1, saturation = 1, hue = 0;
  bool grayscale = false;
  double sigma = 0;  // 0: not blurred
  bool solarize = false, flip = false;
};
// ConfigError where a probability lies outside of [0, 1], a strength is negative, hue above 0.5,
// sigma_low not above 0 or above sigma_high, or as random_box.
ImageView random_view(const ViewRecipe& recipe, const Random& r, int64_t height, int64_t width);
// image f32 [c, h, w] -> [c, height, width]. Errors as in transforms.h.
Tensor make_view(const ImageView& view, const Tensor& image, int64_t height, int64_t width);
// The taps of a blur: 2 ceil(3 sigma) + 1.
int64_t blur_kernel_size(double sigma);

// Views of some rows, one tensor a recipe: images [n, c, h, w] u8 (divided by 255) or f32, index
// i64 [b] -> f32 [b, c, size, size]. View v of row i is random_view(recipes[v], r / i / v, h, w).
// On all threads. ShapeError, DTypeError; ShapeError at an index outside [0, n).
std::vector<Tensor> image_views(const Tensor& images, const Tensor& index,
                                const std::vector<ViewRecipe>& recipes, const Random& r);

}  // namespace regrad
