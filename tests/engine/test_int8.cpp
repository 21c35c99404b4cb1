// 8-bit convolutions are sums of whole numbers: equal to plain loops in 64 bits, both ways that
// there are, at the ends of the range too.
#include <doctest/doctest.h>

#include <regrad/engine/functional.h>
#include <regrad/engine/int8.h>
#include <regrad/engine/kernels/int8.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "guarded.h"

using namespace regrad;
using namespace regrad::test;
using kernels::Conv;
using kernels::Int8Way;

namespace {

Conv shape(int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh, int64_t kw,
           const ConvOptions& a) {
  Conv s{1,
         c,
         h,
         w,
         o,
         0,
         0,
         kh,
         kw,
         a.stride.h,
         a.stride.w,
         a.padding.h,
         a.padding.w,
         a.dilation.h,
         a.dilation.w,
         a.groups};
  s.oh = (h + 2 * s.pad_h - s.dilation_h * (kh - 1) - 1) / s.stride_h + 1;
  s.ow = (w + 2 * s.pad_w - s.dilation_w * (kw - 1) - 1) / s.stride_w + 1;
  return s;
}

// Odd channels and sizes, groups, depthwise (narrow and wider than any block), strides, dilations,
// padding, one pixel, one row, one column.
const std::vector<Conv>& shapes() {
  static const std::vector<Conv> list = {
      shape(1, 12, 15, 20, 5, 5, {.stride = 2, .padding = 2}),
      shape(3, 9, 11, 5, 3, 3, {.padding = 1}),
      shape(25, 7, 9, 10, 1, 1, {}),
      shape(7, 6, 5, 33, 1, 1, {.stride = 2}),
      shape(80, 4, 5, 80, 1, 1, {}),
      shape(17, 5, 8, 70, 3, 2, {.stride = {2, 3}, .padding = {1, 2}, .dilation = {1, 2}}),
      shape(33, 1, 1, 3, 1, 1, {}),
      shape(16, 13, 1, 16, 3, 1, {.padding = {1, 0}}),
      shape(5, 1, 29, 9, 1, 3, {.padding = {0, 1}, .dilation = {1, 1}}),
      shape(12, 6, 7, 18, 3, 3, {.padding = 1, .groups = 3}),
      shape(10, 5, 6, 20, 2, 2, {.stride = 2, .groups = 10}),
      shape(64, 5, 7, 64, 3, 3, {.padding = 1, .groups = 4}),
      shape(15, 9, 8, 15, 3, 1, {.padding = {1, 0}, .groups = 15}),
      shape(25, 1, 19, 25, 1, 3, {.padding = {0, 4}, .dilation = {1, 4}, .groups = 25}),
      shape(64, 6, 6, 64, 3, 3, {.stride = 2, .padding = 1, .groups = 64}),
      shape(3, 40, 41, 3, 4, 5, {.stride = {3, 1}, .padding = {0, 3}, .groups = 3}),
      shape(600, 3, 3, 600, 3, 3, {.padding = 1, .groups = 600}),
      // 8 outputs of 8 weights, which oneDNN 2.6.3 packs without the sums of signed inputs
      shape(2, 8, 10, 8, 4, 2, {.groups = 2}),
      shape(4, 5, 6, 8, 2, 4, {.padding = 1, .groups = 4}),
      shape(32, 3, 4, 8, 1, 1, {.groups = 4}),
  };
  return list;
}

enum class Values { drawn, largest, alternating };

// y [oh, ow, o] of x [h, w, c] and weights [o, c / groups, kh, kw].
std::vector<int64_t> by_loops(const Conv& s, const std::vector<int64_t>& x,
                              const std::vector<int8_t>& weight) {
  const int64_t cg = s.c / s.groups, og = s.o / s.groups;
  std::vector<int64_t> y;
  for (int64_t i = 0; i < s.oh; ++i)
    for (int64_t j = 0; j < s.ow; ++j)
      for (int64_t o = 0; o < s.o; ++o) {
        int64_t sum = 0;
        for (int64_t p = 0; p < s.kh; ++p)
          for (int64_t q = 0; q < s.kw; ++q) {
            const int64_t h = i * s.stride_h - s.pad_h + p * s.dilation_h,
                          w = j * s.stride_w - s.pad_w + q * s.dilation_w;
            if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
            for (int64_t c = 0; c < cg; ++c)
              sum += x[static_cast<size_t>((h * s.w + w) * s.c + o / og * cg + c)] *
                     weight[static_cast<size_t>(((o * cg + c) * s.kh + p) * s.kw + q)];
          }
        y.push_back(sum);
      }
  return y;
}

std::vector<int64_t> numbers(uint32_t seed, int64_t n, int64_t low, int64_t high, Values v) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < n; ++i) {
    seed = seed * 1664525 + 1013904223;
    out.push_back(v == Values::drawn ? low + static_cast<int64_t>(seed >> 8) % (high - low + 1)
                  : v == Values::largest || i % 3 ? high
                                                  : low);
  }
  return out;
}

void check(const Conv& s, bool is_signed, Values v, Int8Way way) {
  const auto x = numbers(1, s.c * s.h * s.w, is_signed ? -127 : 0, is_signed ? 127 : 255, v);
  const auto w64 = numbers(2, s.o * (s.c / s.groups) * s.kh * s.kw, -127, 127, v);
  const std::vector<int8_t> w(w64.begin(), w64.end());
  const auto plan = kernels::int8_plan(s, is_signed, way);
  const int64_t n = s.oh * s.ow * s.o;
  Guarded given(plan->x_bytes), packed(plan->packed_bytes), scratch(plan->scratch_bytes),
      y((n + kernels::int8_slack) * 4);
  std::fill_n(given.as<char>(), plan->x_bytes, char{0});
  for (int64_t i = 0; i < s.h; ++i)
    for (int64_t j = 0; j < s.w * s.c; ++j) {
      const int64_t at = plan->x_first + i * plan->x_row + j,
                    value = x[static_cast<size_t>(i * s.w * s.c + j)];
      if (plan->x_wide) {
        given.as<int16_t>()[at] = static_cast<int16_t>(value);
      } else {
        given.as<uint8_t>()[at] = static_cast<uint8_t>(value);
      }
    }
  plan->pack(w.data(), packed.as<void>());
  plan->run(given.as<void>(), packed.as<void>(), scratch.as<void>(), y.as<int32_t>());
  const auto expected = by_loops(s, x, w);
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; ++i) wrong += y.as<int32_t>()[i] != expected[static_cast<size_t>(i)];
  CHECK(wrong == 0);
  CHECK((given.intact() && packed.intact() && scratch.intact() && y.intact()));
}

}  // namespace

TEST_CASE(
    "8-bit convolutions equal sums in 64 bits, by 16-bit products and as this CPU does them") {
  MESSAGE(std::string(kernels::int8_description()));
  for (const Conv& s : shapes())
    for (const Int8Way way : {Int8Way::wide, kernels::int8_way()})
      for (const bool is_signed : {false, true})
        for (const Values v : {Values::drawn, Values::largest, Values::alternating}) {
          CAPTURE(s.c);
          CAPTURE(s.o);
          CAPTURE(s.kh);
          CAPTURE(s.groups);
          CAPTURE(static_cast<int>(way));
          CAPTURE(is_signed);
          check(s, is_signed, v, way);
        }
}

TEST_CASE("8-bit convolutions of tensors: 255 x 127 and 255 x -127 add up to the last unit") {
  for (const bool is_signed : {false, true}) {
    const int64_t top = is_signed ? 127 : 255, c = 19, o = 21;
    const Int8Conv2d conv(cat({full({o - 1, c, 3, 3}, 127), full({1, c, 3, 3}, -127)}, 0), {},
                          {.padding = 1},
                          Range{is_signed ? -127.0 : 0.0, static_cast<double>(top)});
    const std::vector<double> y =
        conv(full({2, c, 5, 6}, static_cast<double>(top))).contiguous().to_vector();
    int64_t wrong = 0;
    for (int64_t k = 0; k < static_cast<int64_t>(y.size()); ++k) {
      const int64_t j = k % 6, i = k / 6 % 5, rows = i == 0 || i == 4 ? 2 : 3,
                    columns = j == 0 || j == 5 ? 2 : 3;
      wrong += y[static_cast<size_t>(k)] !=
               static_cast<double>((k / 30 % o == o - 1 ? -1 : 1) * top * 127 * c * rows * columns);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("8-bit convolutions refuse sums that can pass 32 bits") {
  const Tensor long_one = ones({1, 66312, 1, 1});  // 66,312 x 255 x 127 is just above 2^31
  CHECK_THROWS_AS(Int8Conv2d(long_one, {}, {}, Range{0, 1}), ShapeError);
  CHECK(Int8Conv2d(slice(long_one, 1, 0, 66311), {}, {}, Range{0, 1})(ones({1, 66311, 1, 1}))
            .item() == doctest::Approx(66311));
  Int8Conv2d(long_one, {}, {}, Range{-1, 1});
}

TEST_CASE("integers of 2 to 8 bits, at one scale or one per channel, are the simulated levels") {
  const Tensor w = normal(Random(5) / "w", {6, 4, 3, 3}) *
                   tensor({1, 10, 0.1, 5, 0.01, 2}, {6, 1, 1, 1}, DType::f32),
               bias = normal(Random(5) / "bias", {6}), x = normal(Random(5) / "x", {2, 4, 7, 6});
  for (const int bits : {2, 3, 4, 8})
    for (const bool per_channel : {false, true})
      for (const bool is_signed : {false, true}) {
        CAPTURE(bits);
        CAPTURE(per_channel);
        CAPTURE(is_signed);
        const Int8Options o{.weights = {.bits = bits, .per_channel = per_channel},
                            .inputs = {.bits = bits}};
        const Range range{is_signed ? -2.0 : 0.0, 2};
        const Tensor expected =
            conv2d(fake_quantize(x, range, o.inputs).to(DType::f64),
                   fake_quantize(w, o.weights).to(DType::f64), bias.to(DType::f64), {.padding = 1});
        const Tensor y = Int8Conv2d(w, bias, {.padding = 1}, range, o)(x);
        CHECK(amax(abs(y.to(DType::f64) - expected)).item() < 1e-6 * amax(abs(expected)).item());
      }
  CHECK_THROWS_AS(Int8Conv2d(w, {}, {}, Range{0, 1}, {.weights = {.bits = 9}}), ConfigError);
  CHECK_THROWS_AS(Int8Conv2d(w, {}, {}, Range{0, 1}, {.inputs = {.scheme = Scheme::affine}}),
                  ConfigError);
  CHECK_THROWS_AS(Int8Conv2d(w, {}, {}, Range{-1, 1}, {.inputs = {.bits = 1}}), ConfigError);
}
