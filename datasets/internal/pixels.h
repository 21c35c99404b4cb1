// Loops over the pixels of one f32 image, values in [0, 1]: what transforms.h defines, in place and
// without checks. Internal to the transforms and views.
#pragma once

#include <regrad/datasets/transforms.h>

#include <cstdint>

namespace regrad::detail {

// channels planes of height rows of width, without gaps; channels 1 or 3.
struct Pixels {
  float* at;
  int64_t channels, height, width;
  int64_t plane() const { return height * width; }
  int64_t numel() const { return channels * plane(); }
};

void brighten(const Pixels& p, float factor);
void contrast(const Pixels& p, float factor);
// These three leave one channel as it is.
void saturate(const Pixels& p, float factor);
void turn_hue(const Pixels& p, float factor);
void to_grayscale(const Pixels& p);
void invert_above(const Pixels& p, float threshold);
void mirror(const Pixels& p);
void blur(const Pixels& p, int64_t kernel_size, double sigma);
// from: an image of p's channels; its box, resized to p.
void resize_box(const float* from, int64_t height, int64_t width, const Box& box, const Pixels& p);

}  // namespace regrad::detail
