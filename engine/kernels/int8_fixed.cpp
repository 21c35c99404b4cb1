// How weights and numbers are laid out for the kernels of isa/int8_whole.cpp.
#include "int8_fixed.h"

#include "int8.h"

#include <regrad/engine/internal/memory.h>

#include <algorithm>
#include <vector>

namespace regrad::kernels {
namespace {

bool is_depthwise(const Conv& s) { return s.groups == s.c && s.o == s.c && s.c > 1; }
int64_t up_to(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

bool int8_wide_input(const Conv& s) {
  return is_depthwise(s) || !table().int8.conv_bytes || int8_way() != Int8Way::vnni;
}

struct Int8Fixed::Parts {
  Conv s;
  Int8Input x;
  const Int8Kernels& k = table().int8;
  bool depthwise, vectors;  // vectors: images are the pixels of one row
  int64_t item, origin;     // bytes of an element; where the first output's window begins
  std::vector<int64_t> places = {};
  std::shared_ptr<detail::Scratch> weight = {};
  int64_t group_weight = 0;  // bytes
  Int8Conv conv{};
  Int8Depthwise rows{};
  int64_t width = 0;  // of the arrays, of which each has room behind: `pitch` from one to the next
  int64_t pitch = 0, bands = 0, band_rows = 1;
  std::vector<int32_t> start = {};
  // scale, bias, inverse, then band_scale and band_bias by band
  std::shared_ptr<detail::Scratch> arrays = {};
  const float* array(int64_t i) const { return arrays->as<float>() + i * pitch; }

  Parts(const Conv& given, const Int8Input& input)
      : s(given),
        x(input),
        depthwise(is_depthwise(s)),
        vectors(s.oh == 1 && s.ow == 1 && !depthwise),
        item(x.wide ? 2 : 1),
        origin((x.first - s.pad_h * x.row - s.pad_w * s.c) * item) {}

  int64_t tap(int64_t p, int64_t q) const {  // elements
    return p * s.dilation_h * x.row + q * s.dilation_w * s.c;
  }
  void spread(const float* v, int64_t array_number) const {
    float* out = arrays->as<float>() + array_number * pitch;
    const int64_t n = depthwise ? rows.run : s.o;
    for (int64_t i = 0; i < pitch; ++i) out[i] = i < n ? v[i % s.o] : 0.0f;
  }
  void pack_dense(const int8_t* w);
  void pack_depthwise(const int8_t* w);
};

// A segment: the channels of one tap; or, where taps along the width are neighbours too, of a row
// of them.
void Int8Fixed::Parts::pack_dense(const int8_t* w) {
  const int64_t each = 4 / item, inputs = s.c / s.groups, outputs = s.o / s.groups;
  const bool whole_rows = s.groups == 1 && s.dilation_w == 1;
  for (int64_t p = 0; p < s.kh; ++p)
    for (int64_t q = 0; q < (whole_rows ? 1 : s.kw); ++q) places.push_back(tap(p, q) * item);
  const auto segments = static_cast<int64_t>(places.size());
  const int64_t length = (whole_rows ? s.kw : 1) * inputs, units = (length + each - 1) / each;
  conv = {s.oh,    s.ow,   s.stride_h * x.row * item, s.stride_w * s.c * item, segments, units,
          nullptr, outputs};
  if (vectors) conv.pixel_step = x.bytes;
  const int64_t padded = up_to(outputs, k.sums);
  group_weight = padded * segments * units * 4;
  width = s.o;
  weight = std::make_shared<detail::Scratch>(s.groups * group_weight);
  auto* bytes = weight->as<int8_t>();
  auto* halves = weight->as<int16_t>();
  start.assign(static_cast<size_t>(s.o + 4 * k.sums), 0);
  for (int64_t g = 0; g < s.groups; ++g)
    for (int64_t o = 0; o < padded; o += 2 * k.sums)
      for (int64_t i = 0; i < segments; ++i)
        for (int64_t u = 0; u < units; ++u)
          for (int64_t j = 0; j < std::min(2 * k.sums, padded - o); ++j)
            for (int64_t e = u * each; e < (u + 1) * each; ++e) {
              int8_t v = 0;
              if (o + j < outputs && e < length) {
                const int64_t c = whole_rows ? e % s.c : e, p = whole_rows ? i : i / s.kw,
                              q = whole_rows ? e / s.c : i % s.kw, out = g * outputs + o + j;
                v = w[((out * inputs + c) * s.kh + p) * s.kw + q];
                if (!x.wide && x.is_signed) start[static_cast<size_t>(out)] -= 128 * v;
              }
              x.wide ? void(*halves++ = v) : void(*bytes++ = v);
            }
}

// Runs: of several pixels where neighbours of x are neighbours of y, else of one.
void Int8Fixed::Parts::pack_depthwise(const int8_t* w) {
  constexpr int64_t wide = 512;
  const int64_t n = s.ow * s.c, taps = s.kh * s.kw;
  const bool joined = s.stride_w == 1;
  const int64_t run = joined ? std::min(n, std::max(s.c, wide / s.c * s.c)) : s.c,
                runs = (n + run - 1) / run;
  width = up_to(run, 2 * k.sums);
  for (int64_t t = 0; t < up_to(taps, 2); ++t)
    places.push_back(t < taps ? tap(t / s.kw, t % s.kw) : places.back());
  rows = {s.oh,
          runs,
          run,
          n - (runs - 1) * run,
          s.stride_h * x.row,
          joined ? run : s.stride_w * s.c,
          width,
          static_cast<int64_t>(places.size()) / 2,
          nullptr};
  weight = std::make_shared<detail::Scratch>(static_cast<int64_t>(places.size()) * width * 2 + 64);
  auto* to = weight->as<int16_t>();
  std::vector<int16_t> pair(static_cast<size_t>(2 * width));
  for (int64_t t = 0; t < rows.pairs; ++t, to += 2 * width) {
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t j = 0; j < run; ++j)
        pair[static_cast<size_t>(h * width + j)] =
            2 * t + h < taps ? w[j % s.c * taps + 2 * t + h] : int16_t{0};
    k.depthwise_pack(pair.data(), pair.data() + width, width, to);
  }
}

Int8Fixed::Int8Fixed(const Conv& s, const int8_t* weight, const Int8Input& x,
                     const Int8Numbers& numbers) {
  auto p = std::make_shared<Parts>(s, x);
  p->depthwise ? p->pack_depthwise(weight) : p->pack_dense(weight);
  p->pitch = up_to(p->width + 4 * p->k.sums, 16);
  p->arrays = std::make_shared<detail::Scratch>((3 + 2 * numbers.bands) * p->pitch * 4);
  p->spread(numbers.scale, 0), p->spread(numbers.bias, 1);
  p->spread(numbers.inverse ? numbers.inverse : numbers.scale, 2);
  p->band_rows = numbers.bands > 0 ? s.oh / numbers.bands : s.oh;
  p->bands = numbers.bands;
  for (int64_t b = 0; b < numbers.bands; ++b) {
    p->spread(numbers.band_scale + b * s.o, 3 + b);
    p->spread(numbers.band_bias + b * s.o, 3 + numbers.bands + b);
  }
  parts_ = std::move(p);
}

void Int8Fixed::run(int64_t images, const void* x, Int8Finish f, int64_t y_image,
                    int64_t q_image) const {
  const Parts& p = *parts_;
  f.start = p.start.data();
  f.scale = p.array(0), f.bias = p.array(1), f.inverse = p.array(2);
  f.band_scale = p.bands > 0 ? p.array(3) : nullptr;
  f.band_bias = p.bands > 0 ? p.array(3 + p.bands) : nullptr;
  f.band_rows = p.band_rows, f.band_width = p.bands > 0 ? p.pitch : 0;
  f.exact = p.s.groups > 1 && !p.depthwise;
  f.y_row = p.s.ow * p.s.o, f.y_pixel = p.vectors ? y_image : p.s.o;
  if (p.vectors) f.q_pixel = q_image;
  const char* from = static_cast<const char*>(x) + p.origin;
  const int64_t q_item = f.wide ? 2 : 1;
  const auto kernel = p.x.wide ? p.k.conv_halves : p.k.conv_bytes;
  Int8Conv conv = p.conv;
  conv.segment = p.places.data();
  if (p.vectors) conv.pixels = images;
  Int8Depthwise rows = p.rows;
  rows.tap = p.places.data();
  const int64_t outputs = conv.outputs;
  for (int64_t i = 0; i < (p.vectors ? 1 : images); ++i) {
    if (p.depthwise) {
      p.k.conv_depthwise(rows, f, reinterpret_cast<const int16_t*>(from), p.weight->as<int16_t>());
    } else {
      Int8Finish g = f;
      for (int64_t k = 0; k < p.s.groups; ++k) {
        kernel(conv, g, from + k * (p.s.c / p.s.groups) * p.item,
               p.weight->as<char>() + k * p.group_weight);
        g.start += outputs, g.scale += outputs, g.bias += outputs, g.inverse += outputs;
        if (g.band_scale) g.band_scale += outputs, g.band_bias += outputs;
        if (g.y) g.y += outputs;
        if (g.residual) g.residual += outputs;
        if (g.q) g.q = static_cast<char*>(g.q) + outputs * q_item;
      }
    }
    from += p.x.bytes;
    if (f.y) f.y += y_image;
    if (f.residual) f.residual += y_image;
    if (f.q) f.q = static_cast<char*>(f.q) + q_image * q_item;
  }
}

}  // namespace regrad::kernels
