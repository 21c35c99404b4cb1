// Pools, borders, resampling and convolutions of images and sequences as compositions: every order
// against differences, and against loops written here.
#include <doctest/doctest.h>

#include "op_cases.h"

#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>

#include <cmath>
#include <limits>

using namespace regrad;
using namespace regrad::test;

namespace {

using In = const std::vector<Tensor>&;
using Numbers = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();

void images(Samples& s) {
  for (const Shape& shape : {Shape{1, 1, 3, 3}, Shape{2, 2, 4, 3}, Shape{1, 3, 4}})
    s.add({shape}, {{.kind = Domain::distinct}});
}
void sequences(Samples& s) {
  for (const Shape& shape : {Shape{1, 2, 5}, Shape{2, 3, 4}, Shape{2, 4}})
    s.add({shape}, {{.kind = Domain::distinct}});
}

const std::vector<Composition>& compositions() {
  static const std::vector<Composition> list = {
      {"max_pool2d_ceil", images,
       [](In x) { return square(max_pool2d(x[0], 2, {.ceil_mode = true})); }, false},
      {"max_pool2d_with_indices", images,
       [](In x) { return square(max_pool2d_with_indices(x[0], 2, {.padding = 1}).values); }, false},
      {"avg_pool2d_ceil", images,
       [](In x) { return square(avg_pool2d(x[0], 2, {.padding = 1, .ceil_mode = true}, false)); }},
      {"max_pool1d", sequences, [](In x) { return square(max_pool1d(x[0], 2)); }, false},
      {"avg_pool1d", sequences, [](In x) { return exp(avg_pool1d(x[0], 2)); }},
      {"adaptive_avg_pool1d", sequences, [](In x) { return exp(adaptive_avg_pool1d(x[0], 3)); }},
      {"adaptive_max_pool1d", sequences, [](In x) { return square(adaptive_max_pool1d(x[0], 3)); },
       false},
      {"pad_reflect", images,
       [](In x) {
         return exp(pad(x[0], {1, 2, 2, 0}, PadMode::reflect));
       }},
      {"pad_replicate", images,
       [](In x) {
         return exp(pad(x[0], {4, -1, 0, 3}, PadMode::replicate));
       }},
      {"pad_circular", images,
       [](In x) {
         return exp(pad(x[0], {3, 1, 2, -1}, PadMode::circular));
       }},
      {"bicubic", images,
       [](In x) {
         return square(interpolate(x[0], {5, 2}, Interpolation::bicubic));
       }},
      {"bicubic_corners", images,
       [](In x) {
         return square(interpolate(x[0], {2, 5}, Interpolation::bicubic, true));
       }},
      {"conv2d_same",
       [](Samples& s) {
         s.add({{1, 2, 4, 3}, {2, 2, 2, 3}}, {{}});
       },
       [](In x) {
         return conv2d(x[0], x[1], {}, {.padding = "same", .dilation = {1, 2}});
       }},
      {"conv_transpose1d",
       [](Samples& s) {
         s.add({{1, 2, 3}, {2, 3, 2}, {3}}, {{}});
       },
       [](In x) { return conv_transpose1d(x[0], x[1], x[2], {.stride = 2, .padding = 1}, 1); }},
      {"rms_norm",
       [](Samples& s) {
         s.add({{2, 3}, {3}}, {{.low = 0.3, .high = 2}});
         s.add({{2, 2, 4}, {4}}, {{.low = 0.3, .high = 2}});
       },
       [](In x) { return rms_norm(x[0], x[1].shape(), x[1], 0.5); }},
      {"smooth_l1_loss",
       [](Samples& s) {
         s.add({{2, 3}, {2, 3}}, {{.kind = Domain::distinct}});
         s.add({{5}, {5}}, {{.kind = Domain::distinct}});
       },
       [](In x) { return smooth_l1_loss(x[0], x[1], 0.087, Reduction::sum); }, false},
      {"batch_norm_sequence",
       [](Samples& s) {
         s.add({{3, 2, 2}, {2}, {2}}, {{}});
       },
       [](In x) { return batch_norm(x[0], x[1], x[2], {.eps = 0.5}); }},
      {"softmax_of_a_number", [](Samples& s) { s.add({{}}, {{}}); },
       [](In x) { return softmax(x[0], 0) * exp(logsumexp(x[0], {-1})) + log_softmax(x[0], -1); }},
  };
  return list;
}

Tensor draw(const Shape& s, int seed = 1) { return normal(Random(seed), s, 0, 1, DType::f64); }

// PyTorch's rule for the number of windows, and each window's largest element and mean by loops.
struct Windows {
  int64_t n, k, s, p;
  bool ceil;
  int64_t count() const {
    int64_t out = (n + 2 * p - k + (ceil ? s - 1 : 0)) / s + 1;
    if (ceil && (out - 1) * s >= n + p) --out;
    return out;
  }
  int64_t from(int64_t i) const { return i * s - p; }
};

}  // namespace

TEST_CASE("pools, borders and norms at every order") {
  for (const Composition& c : compositions()) {
    CAPTURE(std::string(c.name));
    const Checked done = check_composition(c);
    CHECK(done.fault == "");
    CHECK(done.cases > 0);
  }
}

TEST_CASE("ceil_mode and indices against loops, over kernels, strides, paddings and sizes") {
  int64_t reached_beyond = 0;
  for (int64_t n = 1; n <= 7; ++n)
    for (int64_t k = 1; k <= 4; ++k)
      for (int64_t s = 1; s <= 5; ++s)
        for (int64_t p = 0; p <= k / 2; ++p)
          for (bool ceil : {false, true}) {
            if (n + 2 * p < k) continue;
            const Windows w{n, k, s, p, ceil};
            const PoolOptions o{s, p, 1, ceil};
            const Tensor x = draw({1, 1, n}, static_cast<int>(n));
            const Numbers v = x.to_vector();
            const Tensor largest = max_pool1d(x, k, o), all = avg_pool1d(x, k, o),
                         inside = avg_pool1d(x, k, o, false);
            const Extreme at =
                max_pool2d_with_indices(unsqueeze(x, -2), {1, k}, {{1, s}, {0, p}, 1, ceil});
            INFO(n, " ", k, " ", s, " ", p, " ", ceil);
            REQUIRE(largest.numel() == w.count());
            REQUIRE(all.numel() == w.count());
            reached_beyond += w.from(w.count() - 1) + k > n + p;
            for (int64_t i = 0; i < w.count(); ++i) {
              double most = -inf, sum = 0;
              int64_t place = -1, count = 0;
              for (int64_t j = std::max<int64_t>(0, w.from(i)); j < std::min(n, w.from(i) + k);
                   ++j, ++count) {
                const double e = v[static_cast<size_t>(j)];
                sum += e;
                if (e > most) most = e, place = j;
              }
              const int64_t padded = std::min(w.from(i) + k, n + p) - w.from(i);
              const auto of = [i](const Tensor& t) {
                return t.to_vector()[static_cast<size_t>(i)];
              };
              CHECK(of(largest) == most);
              CHECK(of(at.values) == most);
              CHECK(of(at.indices) == static_cast<double>(place));
              CHECK(of(inside) == doctest::Approx(sum / static_cast<double>(count)));
              CHECK(of(all) == doctest::Approx(sum / static_cast<double>(padded)));
            }
          }
  CHECK(reached_beyond > 50);
}

TEST_CASE("indices of large windows, single images, infinities and ties") {
  const Tensor x = draw({2, 20, 21});
  const Extreme y = max_pool2d_with_indices(x, {18, 19}, {.stride = 1});  // more taps than a byte
  CHECK(y.indices.shape() == Shape{2, 3, 3});
  CHECK(gather(reshape(x, {2, 420}), 1, reshape(y.indices, {2, 9})).to_vector() ==
        y.values.to_vector());
  const Tensor low = full({1, 3, 3}, -inf, DType::f64);
  const Extreme z = max_pool2d_with_indices(low, 2, {.ceil_mode = true});
  CHECK(z.indices.to_vector() == Numbers{0, 2, 6, 8});
  CHECK(max_pool2d_with_indices(zeros({1, 2, 2}), 2).indices.item() == 0);
  CHECK(max_pool2d_with_indices(tensor({1, NAN, 2, 3}, {1, 2, 2}), 2).indices.item() == 1);
  CHECK(max_pool2d_with_indices(ones({3, 1, 2, 4, 4}), 2).indices.shape() == Shape{3, 1, 2, 2, 2});
}

TEST_CASE("no largest element is taken of padding alone") {
  const Tensor x = -1 - abs(draw({1, 1, 3, 3}));
  for (int64_t n = 1; n <= 5; ++n)
    for (int64_t k = 2; k <= 4; ++k)
      for (int64_t d = 1; d <= 4; ++d)
        for (int64_t s = 1; s <= 3; ++s)
          for (int64_t p = 0; p <= k / 2; ++p)
            for (bool ceil : {false, true}) {
              const Tensor low = full({1, 1, n}, -2, DType::f64);
              try {
                for (double v : max_pool1d(low, k, {s, p, d, ceil}).to_vector()) CHECK(v == -2);
              } catch (const ShapeError&) {
              }
            }
  CHECK(max_pool2d(x, 2, {.padding = 1, .dilation = 2}).shape() == Shape{1, 1, 2, 2});
  CHECK_THROWS_WITH_AS(max_pool1d(ones({1, 1, 1}), 2, {.padding = 1, .dilation = 2}),
                       doctest::Contains("nothing but padding"), ShapeError);
  CHECK_THROWS_AS(max_pool2d_with_indices(ones({1, 2, 9}), {2, 1}, {1, {1, 0}, {3, 1}}),
                  ShapeError);
}

TEST_CASE("a mean of ceil_mode is exact where its window is whole") {
  const Tensor x = draw({1, 1, 7, 7});
  const Tensor whole = avg_pool2d(x, 3, {.stride = 2}),
               longer = avg_pool2d(x, 3, {.stride = 2, .ceil_mode = true});
  CHECK(whole.to_vector() == longer.to_vector());
  CHECK(slice(slice(avg_pool2d(x, 2, {.ceil_mode = true}), -1, 0, 3), -2, 0, 3).to_vector() ==
        avg_pool2d(x, 2).to_vector());
}

TEST_CASE("borders by mode") {
  const Tensor x = arange(0, 4);
  CHECK(pad(x, {2, 1}, PadMode::reflect).to_vector() == Numbers{2, 1, 0, 1, 2, 3, 2});
  CHECK(pad(x, {2, 1}, PadMode::replicate).to_vector() == Numbers{0, 0, 0, 1, 2, 3, 3});
  CHECK(pad(x, {2, 1}, PadMode::circular).to_vector() == Numbers{2, 3, 0, 1, 2, 3, 0});
  CHECK(pad(x, {-1, 2}, PadMode::circular).to_vector() == Numbers{1, 2, 3, 1, 2});
  CHECK(pad(x, {1, 1}, PadMode::constant).to_vector() == Numbers{0, 0, 1, 2, 3, 0});
  CHECK(pad(arange(0, 1), {2, 3}, PadMode::replicate).to_vector() == Numbers(6, 0));
  CHECK(pad(zeros({0, 2}), {1, 1}, PadMode::reflect).shape() == Shape{0, 4});
  CHECK(pad(zeros({2, 0}), {0, 0}, PadMode::circular).shape() == Shape{2, 0});
  CHECK(pad(tensor({1, 0}, DType::b8), {0, 1}, PadMode::reflect).to_vector() == Numbers{1, 0, 1});
}

TEST_CASE("padding \"same\" keeps the size; words and numbers") {
  for (int64_t k = 1; k <= 5; ++k)
    for (int64_t d = 1; d <= 3; ++d)
      CHECK(conv1d(ones({1, 2, 4}), ones({3, 2, k}), {}, {.padding = "same", .dilation = d})
                .shape() == Shape{1, 3, 4});
  CHECK(conv2d(ones({2, 4, 5}), ones({3, 2, 2, 3}), {}, {.padding = "same"}).shape() ==
        Shape{3, 4, 5});
  const Tensor x = arange(0, 4, 1, DType::f64).reshape({1, 1, 4}), w = ones({1, 1, 2}, DType::f64);
  CHECK(conv1d(x, w, {}, {.padding = "same"}).to_vector() == Numbers{1, 3, 5, 3});
  CHECK(conv1d(x, w, {}, {.padding = "valid"}).to_vector() == Numbers{1, 3, 5});
  CHECK(conv1d(x, w, {}, {.padding = 0}).to_vector() == Numbers{1, 3, 5});
  CHECK_THROWS_AS(conv1d(x, w, {}, {.padding = "full"}), ConfigError);
}

TEST_CASE("bicubic keeps constants and, with corners aligned, the corners") {
  const Tensor flat = full({1, 1, 3, 4}, 2.5, DType::f64);
  for (double v : interpolate(flat, {7, 5}, Interpolation::bicubic).to_vector())
    CHECK(v == doctest::Approx(2.5));
  const Tensor x = draw({1, 3, 4});
  const Tensor y = interpolate(x, {5, 7}, Interpolation::bicubic, true);
  CHECK(y[0][0][0].item() == doctest::Approx(x[0][0][0].item()));
  CHECK(y[0][-1][-1].item() == doctest::Approx(x[0][-1][-1].item()));
  CHECK(interpolate(x, {3, 4}, Interpolation::bicubic).to_vector() == x.to_vector());
  CHECK(interpolate(ones({1, 1, 1}), {2, 3}, Interpolation::bicubic).to_vector() == Numbers(6, 1));
}

TEST_CASE("batch_norm of sequences is that of images of one row, with all that goes with it") {
  const Tensor x = draw({3, 2, 4}), w = draw({2}, 2), b = draw({2}, 3), r = draw({3, 2, 4}, 4);
  BatchStatistics one, row;
  const Tensor y = batch_norm(x, w, b, {.relu = true, .residual = r}, &one);
  CHECK(y.shape() == x.shape());
  CHECK(y.to_vector() ==
        batch_norm(unsqueeze(x, -2), w, b, {.relu = true, .residual = unsqueeze(r, -2)}, &row)
            .to_vector());
  CHECK(one.mean.to_vector() == row.mean.to_vector());
  CHECK(batch_norm(x, one, w, b, {.residual = r}).shape() == x.shape());
}

TEST_CASE("softmax and kin take a number as a vector of one") {
  const Tensor x = scalar(-3, DType::f64);
  for (int64_t dim : {0, -1}) {
    CHECK(softmax(x, dim).item() == 1);
    CHECK(log_softmax(x, dim).item() == 0);
    CHECK(logsumexp(x, {dim}).item() == -3);
    CHECK(gumbel_softmax(x, Random(1), 1, true, dim).item() == 1);
  }
  CHECK(logsumexp(x, {}, true).shape() == Shape{});
  for (int64_t dim : {1, -2}) {
    CHECK_THROWS_AS(softmax(x, dim), ShapeError);
    CHECK_THROWS_AS(logsumexp(x, {dim}), ShapeError);
    CHECK_THROWS_AS(gumbel_softmax(x, Random(1), 1, false, dim), ShapeError);
  }
}

TEST_CASE("rms_norm: zeros, and the default eps of each dtype") {
  CHECK(rms_norm(zeros({2, 3}), {3}).to_vector() == Numbers(6, 0));
  CHECK(rms_norm(zeros({0, 3}), {3}).shape() == Shape{0, 3});
  CHECK(rms_norm(full({1}, 1e-30, DType::f64), {1}).item() ==
        doctest::Approx(1e-30 / std::sqrt(std::numeric_limits<double>::epsilon())));
  CHECK(rms_norm(full({1}, 1e-10), {1}).item() ==
        doctest::Approx(1e-10 / std::sqrt(std::numeric_limits<float>::epsilon())));
}
