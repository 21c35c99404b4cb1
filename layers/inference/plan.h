// How a list of layers is run: the sizes of every value, and for the sparse way tables of offsets into padded planes. Internal.
//
// A value [C,H,W] lies as C planes with `pad` zeros before each row, which are the zeros behind the row before it too, and `pad` rows of zeros above and
// below. So a tap of a convolution is one offset for all pixels of a plane, and a plane of outputs is a sum of shifted planes of inputs, made in long
// vectors where rows lie equally far apart in both; what falls between the rows is masked.
#pragma once

#include <regrad/layers/inference/inference.h>

namespace regrad::inference {

struct Size {
  int64_t c = 0, h = 0, w = 0;  // a vector: [c, 1, 1]
  int64_t numel() const { return c * h * w; }
};
// Of every value, 0 .. layers. ShapeError, ConfigError as InferenceNet has them.
std::vector<Size> sizes_of(const std::vector<InferenceLayer>& layers, const InferenceInfo& info);

struct Planes {
  Size size;
  int64_t pad = 0, row = 0, plane = 0;  // row: w + pad at least
  Planes() = default;
  // tight: a plane of one pixel is one element; else planes are whole vectors, so that the last vector of one ends before the next one's pixels.
  Planes(const Size& s, int64_t padding, int64_t pitch, bool tight);
  int64_t first() const { return pad * row + pad; }              // of pixel (0,0) in a plane
  int64_t reach() const { return (size.h - 1) * row + size.w; }  // from the first pixel to the last one's end
  int64_t elements() const { return plane * size.c; }
  bool operator==(const Planes& o) const;
};
inline constexpr int64_t room = 16;  // elements before and behind the planes: what vectors may read there

// Entries of a row of weights that are not 0.
struct Taps {
  std::vector<int32_t> offsets;
  std::vector<float> values;
  std::vector<int64_t> begin;  // of each row, and the end
};

struct LayerPlan {
  Taps taps;
  Planes phases;              // stride above 1: [C phases] planes of every stride-th pixel
  int64_t behind = 0;         // pixels of a phase behind a row of outputs that some tap may need
  std::vector<int> used;      // phases (row * stride + column) that some tap needs
  std::vector<int32_t> mask;  // of an output plane from its first pixel on: all bits where there is a pixel; empty where rows touch
};

// The sparse way. Values' paddings are what the convolutions that read them need; rows are equally far apart in all that a convolution reads and writes.
struct Plan {
  std::vector<Planes> values;
  std::vector<LayerPlan> layers;
  std::vector<int> slot;      // of each value: the memory it lies in, which is another's once nobody reads this one any more
  std::vector<Planes> slots;  // what each memory holds
};
Plan plan_of(const std::vector<InferenceLayer>& layers, const std::vector<Size>& sizes);

// One image x [C,H,W] -> the last value.
void run_image(const std::vector<InferenceLayer>& layers, const Plan& plan, const float* x, float* out);
inline constexpr int64_t wide = 64;
// Vectors x [n, I], n at most `wide`, through layers that are all linear -> [n, O] of the last.
void run_vectors(const std::vector<InferenceLayer>& layers, const Plan& plan, const float* x, int64_t n, float* out);

}  // namespace regrad::inference
