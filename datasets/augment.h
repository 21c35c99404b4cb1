// Random changes of one image: crop with padding, horizontal flip, rotation.
#pragma once

#include <regrad/engine/random.h>

#include <vector>

namespace regrad {

struct Augment {
  // crop of the image's own size from the image with so many zeros around: torchvision's
  // RandomCrop(size, padding)
  int64_t padding = 0;
  bool flip = false;  // left to right, with probability 1/2
  // degrees: by U(-rotation, rotation) about the middle, bilinear, zeros outside
  double rotation = 0;
  bool any() const { return padding > 0 || flip || rotation > 0; }
};

// image: f32, channels x height x width, changed in place; rotation, then flip, then crop. The
// stream decides all of it.
// ConfigError: padding or rotation below 0.
void augment(const Augment& how, const Random& r, float* image, int64_t channels, int64_t height,
             int64_t width);

}  // namespace regrad
