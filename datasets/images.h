// A set of images with a class each: what every reader and generator of images gives, and what the
// loader and the episode sampler take.
#pragma once

#include <regrad/engine/tensor.h>

#include <string>
#include <vector>

namespace regrad {

struct ImageSet {
  Tensor images;                     // [n, c, h, w]: u8 as stored, or f32 in [0, 1]
  Tensor labels;                     // i64 [n], in [0, classes.size())
  std::vector<std::string> classes;  // names
  int64_t size() const { return labels.size(0); }
};

enum class Split { train, test };

// The images of some rows, in that order: [n, c, h, w] and index [..] -> f32 [.., c, h, w], u8
// divided by 255. ShapeError at an index outside [0, n) or images of fewer than one dim; DTypeError
// where images are neither u8 nor f32, or index is not i64.
Tensor take_images(const Tensor& images, const Tensor& index);

}  // namespace regrad
