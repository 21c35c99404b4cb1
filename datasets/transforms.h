// Changes of images by given parameters: torchvision.transforms.functional on float tensors, by the
// same names and definitions. What draws the parameters is in views.h.
//
// An image is f32 [.., c, h, w] with values in [0, 1], c = 1 or 3 (red, green, blue); each image of
// a batch is changed by itself. Results are new tensors without a graph. Each throws ShapeError and
// DTypeError at another image, ConfigError at a parameter outside its range.
#pragma once

#include <regrad/engine/random.h>

namespace regrad {

// clamp(factor x, 0, 1), factor >= 0
Tensor adjust_brightness(const Tensor& image, double factor);
// clamp(factor x + (1 - factor) m, 0, 1), m the mean of the image's grey values; factor >= 0
Tensor adjust_contrast(const Tensor& image, double factor);
// clamp(factor x + (1 - factor) grey, 0, 1); factor >= 0. One channel stays as it is.
Tensor adjust_saturation(const Tensor& image, double factor);
// The hue of HSV moved by factor of a full turn, factor in [-0.5, 0.5]. One channel stays as it is.
Tensor adjust_hue(const Tensor& image, double factor);
// 0.2989 r + 0.587 g + 0.114 b in all three channels (torchvision's num_output_channels = 3). One
// channel stays as it is.
Tensor rgb_to_grayscale(const Tensor& image);
// 1 - x where x >= threshold
Tensor solarize(const Tensor& image, double threshold = 0.5);
// left to right
Tensor hflip(const Tensor& image);
// By a Gaussian of deviation sigma pixels (above 0), cut to kernel_size (odd) and brought to sum 1,
// along both sides. Borders reflect, without their last pixel, as often as it takes (torchvision
// refuses where once is not enough).
Tensor gaussian_blur(const Tensor& image, int64_t kernel_size, double sigma);

// Rows [top, top + height) and columns [left, left + width) of an image, in pixels.
struct Box {
  int64_t top = 0, left = 0, height = 0, width = 0;
};
// The box, which lies within the image, resized to height x width: bilinear, with the filter as
// wide as the reduction (antialias=True, torchvision's default for tensors from 0.17 on).
Tensor resized_crop(const Tensor& image, const Box& box, int64_t height, int64_t width);

// RandomResizedCrop's box in an image of height x width: of U(scale) of its area, width over height
// log-uniform in [ratio_low, ratio_high], sides rounded to pixels, place uniform. Drawn up to ten
// times until it fits; else the largest box in the middle whose ratio is in range.
struct BoxRange {
  double scale_low = 0.08, scale_high = 1;
  double ratio_low = 3.0 / 4, ratio_high = 4.0 / 3;
};
// ConfigError: 0 < low <= high must hold for both, and scale_high <= 1; sides below 1.
Box random_box(const BoxRange& range, const Random& r, int64_t height, int64_t width);

}  // namespace regrad
