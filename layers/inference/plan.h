// How a list of layers is run: the sizes of every value, and for the sparse way tables of offsets
// into padded planes. Internal.
//
// A value [C,H,W] lies as C planes with `pad` zeros before each row, which are the zeros behind the
// row before it too, and `pad` rows of zeros above and below. So a tap of a convolution is one
// offset for all pixels of a plane, and a plane of outputs is a sum of shifted planes of inputs,
// made in long vectors: rows lie equally far apart in both, and what falls between them is masked.
#pragma once

#include <regrad/engine/kernels/fixed_conv.h>
#include <regrad/engine/kernels/int8_fixed.h>
#include <regrad/layers/inference/inference.h>

#include <algorithm>
#include <optional>

namespace regrad::inference {

struct Size {
  int64_t c = 0, h = 0, w = 0;  // a vector: [c, 1, 1]
  int64_t numel() const { return c * h * w; }
};
// Of every value, 0 .. layers. ShapeError, ConfigError as InferenceNet has them.
std::vector<Size> sizes_of(const std::vector<InferenceLayer>& layers, const InferenceInfo& info);

// A convolution's window along rows and columns, and its sides on an image.
struct Steps {
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  explicit Steps(const InferenceLayer& l)
      : stride_h(l.stride),
        stride_w(l.stride_w > 0 ? l.stride_w : l.stride),
        pad_h(l.padding),
        pad_w(l.padding_w >= 0 ? l.padding_w : l.padding),
        dilation_h(l.dilation),
        dilation_w(l.dilation_w > 0 ? l.dilation_w : l.dilation) {}
};

// Values rounded to the levels of a layer's input: of channel c of `channels`.
struct Held {
  float inverse, scale, low, high;
  Held(const InferenceLevels& l, int64_t c, int64_t channels) {
    const auto groups = static_cast<int64_t>(l.input_scale.size());
    scale = l.input_scale[static_cast<size_t>(c * groups / channels)];
    inverse = static_cast<float>(1 / static_cast<double>(scale));
    const int most = l.input_signed ? (1 << (l.input_bits - 1)) - 1 : (1 << l.input_bits) - 1;
    high = static_cast<float>(most), low = l.input_signed ? -high : 0;
  }
  // Adding and taking away 3 2^22 rounds to a whole number, halves to even; NaN becomes the lowest.
  float level(float x) const {
    constexpr float shift = 12582912;
    const float v = x * inverse, above = v > low ? v : low, held = above < high ? above : high;
    return (held + shift) - shift;
  }
  void operator()(const float* x, int64_t n, float* y) const {
    for (int64_t i = 0; i < n; ++i) y[i] = level(x[i]) * scale;
  }
};

// A max pool's window: its side, and of output i the first pixel inside of the image and the end.
inline int64_t pool_side(const InferenceLayer& l) { return l.kernel > 0 ? l.kernel : l.stride; }
struct PoolSpan {
  int64_t first, end;
  PoolSpan(const InferenceLayer& l, int64_t i, int64_t size)
      : first(std::max<int64_t>(0, i * l.stride - l.padding)),
        end(std::min(size, i * l.stride - l.padding + pool_side(l))) {}
};

struct Planes {
  Size size;
  int64_t pad = 0, row = 0, plane = 0;  // row: w + pad at least
  Planes() = default;
  // tight: planes are h w elements, as run_vectors takes them, where no convolution passes over
  // them; else they are whole vectors, so that the last vector of one ends before the next one's
  // pixels.
  Planes(const Size& s, int64_t padding, int64_t pitch, bool tight);
  int64_t first() const { return pad * row + pad; }  // of pixel (0,0) in a plane
  // from the first pixel to the last one's end
  int64_t reach() const { return (size.h - 1) * row + size.w; }
  int64_t elements() const { return plane * size.c; }
  bool operator==(const Planes& o) const;
};
// elements before and behind the planes: what vectors may read there
inline constexpr int64_t room = 16;

// Entries of a row of weights that are not 0.
struct Taps {
  std::vector<int32_t> offsets;
  std::vector<float> values;
  std::vector<int64_t> begin;  // of each row, and the end
};

struct LayerPlan {
  Taps taps;
  Planes phases;  // stride above 1: [C phases] planes of every stride-th pixel
  // pixels of a phase behind a row, and behind a column, of outputs that some tap may need
  int64_t behind_w = 0, behind_h = 0;
  std::vector<int> used;  // phases (row * stride_w + column) that some tap needs
  // of an output plane from its first pixel on: all bits where there is a pixel; empty where rows
  // touch
  std::vector<int32_t> mask;
};

// The sparse way. Values' paddings are what the convolutions that read them need; rows are equally
// far apart in all that a convolution reads and writes.
struct Plan {
  std::vector<Planes> values;
  std::vector<LayerPlan> layers;
  // of each value: the memory it lies in, which is another's once nobody reads this one any more
  std::vector<int> slot;
  std::vector<Planes> slots;  // what each memory holds
};
Plan plan_of(const std::vector<InferenceLayer>& layers, const std::vector<Size>& sizes);

// One image x [C,H,W] -> the last value.
void run_image(const std::vector<InferenceLayer>& layers, const Plan& plan, const float* x,
               float* out);
inline constexpr int64_t wide = 64;
// Vectors x [n, I], n at most `wide`, through layers that are all linear -> [n, O] of the last.
void run_vectors(const std::vector<InferenceLayer>& layers, const Plan& plan, const float* x,
                 int64_t n, float* out);

// The dense way: values [n,h,w,c], some images at a time; convolutions and matrices with their
// weights packed once.
struct DensePlan {
  std::vector<Size> values;
  std::vector<std::optional<kernels::FixedConv>> convs;  // of each layer that runs as one
  // of each layer, what it reads in place of its weight: a linear one on pictures its weight over
  // [h,w,c]; an affine one means of 0 [c], then weight and bias, each [bands, c]; a depthwise
  // convolution that oneDNN would pad [kh,kw,c]
  std::vector<std::vector<float>> constants;
  std::vector<int> slot;       // of each value
  std::vector<int64_t> slots;  // elements an image, of each memory
  int64_t most = 1;            // images at a time
  int64_t held = 0;            // elements an image of the largest input that is rounded
};
// Layers with levels are left out where skip_levels is set: integer_plan_of has them.
DensePlan dense_plan_of(const std::vector<InferenceLayer>& layers, const std::vector<Size>& sizes,
                        bool skip_levels = false);
// Layer i on n images, channels last; residual and row where it has them. scratch: scratch_bytes.
struct Images {
  int64_t n;
  const float *x, *residual, *row;
  float* y;
};
int64_t scratch_bytes(const DensePlan& plan, int64_t n);
void run_layer(const std::vector<InferenceLayer>& layers, const DensePlan& plan, size_t i,
               const Images& v, void* scratch);
// [c,h,w] -> [h,w,c], and back.
void channels_last(const Size& s, const float* x, float* y);
void channels_first(const Size& s, const float* x, float* y);
// Images x [n,C,H,W], n at most plan.most -> the last value.
void run_dense(const std::vector<InferenceLayer>& layers, const DensePlan& plan, const float* x,
               int64_t n, float* out);

// The integer way: layers with levels by whole numbers, the others as dense has them. A value is
// f32 where somebody reads it so, whole numbers for each way in which a layer with levels reads it,
// or both; the first of these is written where the sums are made.
struct WholeValue {
  int value;
  kernels::Int8Input lies;
  Size size;
  int64_t pad_h = 0, pad_w = 0;
  std::vector<float> scale = {}, inverse = {};  // of each channel
  float low = 0, high = 0;
  int32_t offset = 0;
  std::vector<float> columns = {};  // inverse over and over, `period` of them, and room
  int64_t period = 0;
};
struct WholeLayer {
  std::optional<kernels::Int8Fixed> conv;  // of a layer with levels
  int reads = -1;                          // of `wholes`
  int writes = 0;                      // value; of a layer that an affine one follows, that one's
  bool relu = false, skipped = false;  // skipped: done with the layer before
};
struct IntegerPlan {
  DensePlan dense;
  std::vector<WholeValue> wholes;
  std::vector<WholeLayer> layers;
  std::vector<std::vector<int>> of_value;  // wholes of each value
  std::vector<bool> is_f32;                // of each value
  // where they lie, bytes an image and where the memory begins, per image, of values and of wholes
  std::vector<int64_t> value_at, whole_at;
  int64_t bytes = 0;  // an image
  int64_t most = 1;   // images at a time
};
IntegerPlan integer_plan_of(const std::vector<InferenceLayer>& layers,
                            const std::vector<Size>& sizes);
// Images x [n,C,H,W], n at most plan.most -> the last value.
void run_integers(const std::vector<InferenceLayer>& layers, const IntegerPlan& plan,
                  const float* x, int64_t n, float* out);

// The way that takes less time on an instruction set ("avx512", "avx2", "baseline"; with VNNI or
// not), by costs of a multiply-add that were measured there.
InferenceMode faster_mode(const std::vector<InferenceLayer>& layers, const Plan& plan,
                          const std::string& isa, bool vnni = false);

// Which memory each value may lie in: one whose last value nobody reads any more, where fits(that
// value, this one). A residual is read where the sum is written, element by element, so the layer
// that reads it as one may write there, and does if it can.
template <class F>
std::vector<int> memories(const std::vector<InferenceLayer>& layers, F&& fits) {
  // lies: the first value of each memory; busy: until when
  std::vector<int> until(layers.size() + 1, -1), slot, lies, busy;
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    const InferenceLayer& l = layers[static_cast<size_t>(i)];
    const auto reads = [&](int v, int when) {
      until[static_cast<size_t>(v)] = std::max(until[static_cast<size_t>(v)], when);
    };
    if (l.residual >= 0) reads(l.residual, 2 * i);
    if (l.row >= 0) reads(l.row, 2 * i + 1);
    reads(l.from, 2 * i + 1);
  }
  for (int v = 0; v <= static_cast<int>(layers.size()); ++v) {
    const auto is_free = [&](int s) {
      return busy[static_cast<size_t>(s)] <= 2 * (v - 1) && fits(lies[static_cast<size_t>(s)], v);
    };
    const int residual = v > 0 ? layers[static_cast<size_t>(v - 1)].residual : -1;
    int s = residual >= 0 ? slot[static_cast<size_t>(residual)] : 0;
    if (residual < 0 || !is_free(s))
      for (s = 0; s < static_cast<int>(lies.size()) && !is_free(s);) ++s;
    if (s == static_cast<int>(lies.size())) lies.push_back(v), busy.push_back(0);
    slot.push_back(s);
    busy[static_cast<size_t>(s)] = std::max(until[static_cast<size_t>(v)], 2 * (v - 1) + 1);
  }
  return slot;
}

}  // namespace regrad::inference
