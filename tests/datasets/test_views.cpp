// Transforms against torchvision, the laws of what is drawn, and views: the same bits whatever the
// threads.
#include <doctest/doctest.h>

#include <regrad/datasets/loader.h>
#include <regrad/datasets/views.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "golden_views.h"

using namespace regrad;
using namespace regrad::test;

namespace {

Tensor transformed(const GoldenView& g) {
  if (g.name == "adjust_brightness") return adjust_brightness(g.image, g.at("factor"));
  if (g.name == "adjust_contrast") return adjust_contrast(g.image, g.at("factor"));
  if (g.name == "adjust_saturation") return adjust_saturation(g.image, g.at("factor"));
  if (g.name == "adjust_hue") return adjust_hue(g.image, g.at("factor"));
  if (g.name == "solarize") return solarize(g.image, g.at("threshold"));
  if (g.name == "hflip") return hflip(g.image);
  if (g.name == "rgb_to_grayscale") return rgb_to_grayscale(g.image);
  if (g.name == "gaussian_blur") return gaussian_blur(g.image, g.integer("size"), g.at("sigma"));
  REQUIRE(g.name == "resized_crop");
  const Box box{g.integer("top"), g.integer("left"), g.integer("h"), g.integer("w")};
  return resized_crop(g.image, box, g.integer("to_h"), g.integer("to_w"));
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to_vector() == b.to_vector();
}

// Numbers of one draw each: their mean lies within four deviations of what is expected.
struct Sample {
  std::vector<double> values{};
  double mean() const {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  double low() const { return *std::min_element(values.begin(), values.end()); }
  double high() const { return *std::max_element(values.begin(), values.end()); }
  bool expects(double expected, double deviation) const {
    return std::abs(mean() - expected) <=
           4 * deviation / std::sqrt(static_cast<double>(values.size()));
  }
  bool share(double p) const { return expects(p, std::sqrt(p * (1 - p))); }
  bool uniform(double from, double to) const {
    return low() >= from && high() <= to && low() < from + 0.01 * (to - from) &&
           high() > to - 0.01 * (to - from) &&
           expects((from + to) / 2, (to - from) / std::sqrt(12));
  }
};
constexpr int64_t draws = 4000;

Sample of_views(const ViewRecipe& recipe, const std::function<double(const ImageView&)>& value) {
  Sample s;
  for (int64_t i = 0; i < draws; ++i)
    s.values.push_back(value(random_view(recipe, Random(5) / i, 24, 20)));
  return s;
}

// All that a view can have, in the first few of its streams.
const ViewRecipe busy{.crop = {.scale_low = 0.2},
                      .jitter = 0.7,
                      .grayscale = 0.3,
                      .blur = 0.5,
                      .sigma_high = 1,
                      .solarize = 0.4};

// The same by the public functions, one after the other.
Tensor told(const ImageView& v, Tensor x, int64_t height, int64_t width) {
  x = resized_crop(x, v.box, height, width);
  for (const int which : v.order) {
    if (!v.jitter) break;
    if (which == 0) x = adjust_brightness(x, v.brightness);
    if (which == 1) x = adjust_contrast(x, v.contrast);
    if (which == 2) x = adjust_saturation(x, v.saturation);
    if (which == 3) x = adjust_hue(x, v.hue);
  }
  if (v.grayscale) x = rgb_to_grayscale(x);
  if (v.sigma > 0) x = gaussian_blur(x, blur_kernel_size(v.sigma), v.sigma);
  if (v.solarize) x = solarize(x, 0.5);
  return v.flip ? hflip(x) : x;
}

ImageSet images(int64_t n, int64_t c, bool bytes = true) {
  const Tensor x = unit_image({n, c, 12, 10}, false, 2);
  std::vector<uint8_t> u;
  for (const double v : x.to_vector()) u.push_back(static_cast<uint8_t>(v * 255));
  std::vector<double> labels;
  for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<double>(i % 2));
  return {bytes ? tensor(u, x.shape()) : x, tensor(labels, DType::i64), {"a", "b"}};
}

}  // namespace

TEST_CASE("transforms: torchvision's, on 52 images") {
  const std::vector<GoldenView> cases = golden_views();
  CHECK(cases.size() == 52);
  std::set<std::string> seen;
  for (const GoldenView& g : cases) {
    CAPTURE(g.name);
    CAPTURE(str(g.image.shape()));
    seen.insert(g.name);
    const Tensor y = transformed(g);
    CHECK(y.shape() == g.sizes);
    CHECK(furthest(y.to_vector(), g.values) < (g.name == "adjust_hue" ? 1e-4 : 1e-5));
  }
  CHECK(seen.size() == 9);
}

TEST_CASE("transforms: what must leave an image alone, and batches image by image") {
  const Tensor x = unit_image({3, 9, 8});
  CHECK(same(adjust_brightness(x, 1), x));
  CHECK(same(hflip(hflip(x)), x));
  CHECK(!same(hflip(x), x));
  CHECK(same(resized_crop(x, {0, 0, 9, 8}, 9, 8), x));
  CHECK(same(resized_crop(x, {2, 1, 5, 6}, 5, 6), slice(slice(x, 1, 2, 7), 2, 1, 7)));
  CHECK(same(gaussian_blur(x, 1, 2), x));
  CHECK(furthest(adjust_hue(x, 0).to_vector(), x.to_vector()) < 1e-6);
  CHECK(furthest(adjust_hue(x, -0.5).to_vector(), adjust_hue(x, 0.5).to_vector()) < 1e-5);
  // A kernel wider than the image: borders reflect more than once, and a constant stays.
  const Tensor flat = full({1, 3, 1}, 0.25);
  CHECK(furthest(gaussian_blur(flat, 31, 5).to_vector(), flat.to_vector()) < 1e-6);
  const Tensor batch = stack({x, unit_image({3, 9, 8}, false, 7)}, 0);
  for (const auto& f : std::vector<std::function<Tensor(const Tensor&)>>{
           [](const Tensor& t) { return adjust_contrast(t, 0.5); },
           [](const Tensor& t) { return gaussian_blur(t, 3, 1); },
           [](const Tensor& t) {
             return resized_crop(t, {1, 2, 6, 5}, 4, 7);
           }}) {
    CHECK(same(f(batch)[0], f(x)));
    CHECK(same(f(batch)[1], f(batch[1])));
  }
  // Layouts: a view of other strides is the same image.
  CHECK(same(adjust_saturation(x.mT(), 0.3), adjust_saturation(x.mT().contiguous(), 0.3)));
}

TEST_CASE("transforms: errors") {
  const Tensor x = unit_image({3, 6, 6});
  CHECK_THROWS_AS(adjust_brightness(x.to(DType::f64), 1), DTypeError);
  CHECK_THROWS_AS(adjust_brightness(unit_image({2, 6, 6}), 1), ShapeError);
  CHECK_THROWS_AS(hflip(unit_image({6, 6})), ShapeError);
  CHECK_THROWS_AS(adjust_contrast(x, -0.1), ConfigError);
  CHECK_THROWS_AS(adjust_saturation(x, NAN), ConfigError);
  CHECK_THROWS_AS(adjust_hue(x, 0.51), ConfigError);
  CHECK_THROWS_AS(gaussian_blur(x, 4, 1), ConfigError);
  CHECK_THROWS_AS(gaussian_blur(x, 3, 0), ConfigError);
  CHECK_THROWS_AS(solarize(x, 1.5), ConfigError);
  for (const Box& box : {Box{-1, 0, 2, 2}, Box{0, 5, 2, 2}, Box{0, 0, 0, 2}, Box{5, 0, 2, 1},
                         Box{INT64_MAX, 0, 2, 2}, Box{0, 0, 7, 1}})
    CHECK_THROWS_AS(resized_crop(x, box, 3, 3), ConfigError);
  CHECK_THROWS_AS(resized_crop(x, {0, 0, 2, 2}, 0, 3), ConfigError);
  CHECK_THROWS_AS(random_box({.scale_low = 0}, Random(1), 4, 4), ConfigError);
  CHECK_THROWS_AS(random_box({.scale_high = 1.1}, Random(1), 4, 4), ConfigError);
  CHECK_THROWS_AS(random_box({.ratio_low = 2, .ratio_high = 1}, Random(1), 4, 4), ConfigError);
  CHECK_THROWS_AS(random_box({}, Random(1), 0, 4), ConfigError);
  for (const ViewRecipe& wrong :
       {ViewRecipe{.jitter = 1.5}, ViewRecipe{.flip = -0.1}, ViewRecipe{.contrast = -1},
        ViewRecipe{.hue = 0.6}, ViewRecipe{.sigma_low = 0}, ViewRecipe{.sigma_high = 0.05},
        ViewRecipe{.size = -1}, ViewRecipe{.solarize = NAN}})
    CHECK_THROWS_AS(random_view(wrong, Random(1), 8, 8), ConfigError);
  CHECK_THROWS_AS(make_view(ImageView{.box = {0, 0, 2, 2}}, unit_image({1, 3, 4, 4}), 2, 2),
                  ShapeError);
}

TEST_CASE("random_box: area, ratio and place of boxes that always fit") {
  // At most sqrt(0.5 4/3) of a side: nothing is drawn twice.
  Sample area, ratio, top, left;
  for (int64_t i = 0; i < draws; ++i) {
    const Box b = random_box({.scale_high = 0.5}, Random(9) / i, 2000, 1800);
    CHECK(b.top >= 0);
    CHECK(b.left >= 0);
    CHECK(b.top + b.height <= 2000);
    CHECK(b.left + b.width <= 1800);
    const auto h = static_cast<double>(b.height), w = static_cast<double>(b.width);
    area.values.push_back(h * w / 2000 / 1800);
    ratio.values.push_back(std::log(w / h));
    top.values.push_back((static_cast<double>(b.top) + 0.5) / (2001 - h));
    left.values.push_back((static_cast<double>(b.left) + 0.5) / (1801 - w));
  }
  // Sides rounded to pixels move both by less than 1 in 400.
  CHECK(area.low() > 0.0795);
  CHECK(area.high() < 0.5015);
  CHECK(area.expects(0.29, 0.42 / std::sqrt(12)));
  CHECK(std::abs(ratio.low() + std::log(4.0 / 3)) < 0.01);
  CHECK(std::abs(ratio.high() - std::log(4.0 / 3)) < 0.01);
  CHECK(ratio.expects(0, 2 * std::log(4.0 / 3) / std::sqrt(12)));
  CHECK(top.uniform(0, 1));
  CHECK(left.uniform(0, 1));
}

TEST_CASE("random_box: what does not fit is drawn again, and at last taken from the middle") {
  // Of pairs (area, log ratio) on a fine grid, the mean area of those that fit into a square.
  double sum = 0, squares = 0, fit = 0;
  for (int a = 0; a < 1000; ++a)
    for (int q = 0; q < 1000; ++q) {
      const double s = 0.08 + 0.92 * (a + 0.5) / 1000,
                   r = std::exp(std::log(4.0 / 3) * (2 * (q + 0.5) / 1000 - 1));
      if (s * r > 1 || s / r > 1) continue;
      sum += s;
      squares += s * s;
      ++fit;
    }
  const double mean = sum / fit;
  Sample area;
  for (int64_t i = 0; i < draws; ++i) {
    const Box b = random_box({}, Random(3) / i, 3000, 3000);
    area.values.push_back(static_cast<double>(b.height * b.width) / 9e6);
  }
  CHECK(mean < 0.51);  // 0.54 without the second draw
  CHECK(area.expects(mean, std::sqrt(squares / fit - mean * mean)));
  for (int64_t i = 0; i < 20; ++i) {
    const Box low = random_box({}, Random(i), 1, 100), high = random_box({}, Random(i), 100, 3);
    CHECK(std::vector{low.top, low.left, low.height, low.width} ==
          std::vector<int64_t>{0, 49, 1, 1});
    CHECK(std::vector{high.top, high.left, high.height, high.width} ==
          std::vector<int64_t>{48, 0, 4, 3});
    const Box whole =
        random_box({.scale_low = 1, .ratio_low = 1, .ratio_high = 1}, Random(i), 7, 7);
    CHECK(whole.height * whole.width == 49);
  }
}

TEST_CASE("random_view: each change as often, and as strong, as the recipe has it") {
  CHECK(of_views(busy, [](auto& v) { return v.jitter; }).share(0.7));
  CHECK(of_views(busy, [](auto& v) { return v.grayscale; }).share(0.3));
  CHECK(of_views(busy, [](auto& v) { return v.sigma > 0; }).share(0.5));
  CHECK(of_views(busy, [](auto& v) { return v.solarize; }).share(0.4));
  CHECK(of_views(busy, [](auto& v) { return v.flip; }).share(0.5));
  // Two of them together: no number serves twice.
  CHECK(of_views(busy, [](auto& v) { return v.jitter && v.flip; }).share(0.35));
  CHECK(of_views(busy, [](auto& v) { return v.solarize && v.sigma > 0; }).share(0.2));
  CHECK(of_views(busy, [](auto& v) { return v.grayscale && v.brightness > 1; }).share(0.15));
  CHECK(of_views(busy, [](auto& v) { return v.contrast > 1 && v.saturation > 1; }).share(0.25));
  CHECK(of_views(busy, [](auto& v) { return v.hue > 0 && v.brightness > 1; }).share(0.25));
  // The box is the recipe's: U(0.2, 0.5) of 480 pixels, but for sides rounded.
  ViewRecipe halves = busy;
  halves.crop.scale_high = 0.5;
  const Sample area =
      of_views(halves, [](auto& v) { return static_cast<double>(v.box.height * v.box.width); });
  CHECK(area.low() > 0.2 * 480 - 15);
  CHECK(area.high() < 0.5 * 480 + 18);
  CHECK(area.expects(0.35 * 480, 0.3 * 480 / std::sqrt(12)));
  ViewRecipe always = busy;
  always.blur = 1;
  always.contrast = 1.5;
  CHECK(of_views(always, [](auto& v) { return v.brightness; }).uniform(0.6, 1.4));
  CHECK(of_views(always, [](auto& v) { return v.contrast; }).uniform(0, 2.5));
  CHECK(of_views(always, [](auto& v) { return v.saturation; }).uniform(0.8, 1.2));
  CHECK(of_views(always, [](auto& v) { return v.hue; }).uniform(-0.1, 0.1));
  CHECK(of_views(always, [](auto& v) { return v.sigma; }).uniform(0.1, 1));
  std::map<std::array<int, 4>, double> orders;
  for (int64_t i = 0; i < draws; ++i) ++orders[random_view(busy, Random(5) / i, 24, 20).order];
  CHECK(orders.size() == 24);
  double chi2 = 0;
  for (const auto& [order, n] : orders) chi2 += std::pow(n - draws / 24.0, 2) / (draws / 24.0);
  CHECK(chi2 < 49.7);  // the 0.999 quantile for 23 degrees of freedom
}

TEST_CASE("recipes: the papers' two views, and those for small images") {
  const ViewRecipe one = first_view(), two = second_view(), small = small_view(),
                   measured = alignment_view(), plain = crop_and_flip(32);
  CHECK(one.size == 224);
  CHECK(one.crop.scale_low == 0.08);
  CHECK(std::vector{one.jitter, one.brightness, one.contrast, one.saturation, one.hue} ==
        std::vector{0.8, 0.4, 0.4, 0.2, 0.1});
  CHECK(std::vector{one.grayscale, one.blur, one.sigma_low, one.sigma_high, one.solarize,
                    one.flip} == std::vector{0.2, 1.0, 0.1, 2.0, 0.0, 0.5});
  CHECK(std::vector{two.jitter, two.grayscale, two.blur, two.solarize, two.crop.scale_low} ==
        std::vector{0.8, 0.2, 0.1, 0.2, 0.08});
  CHECK(std::vector{small.jitter, small.grayscale, small.blur, small.solarize, small.crop.scale_low,
                    small.flip} == std::vector{0.8, 0.2, 0.0, 0.0, 0.2, 0.5});
  CHECK(small.size == 0);
  CHECK(std::vector{measured.jitter, measured.blur, measured.solarize} ==
        std::vector{0.3, 0.1, 0.2});
  CHECK(std::vector{plain.jitter, plain.grayscale, plain.blur, plain.solarize, plain.flip} ==
        std::vector{0.0, 0.0, 0.0, 0.0, 0.5});
  CHECK(blur_kernel_size(0.1) == 3);
  CHECK(blur_kernel_size(2) == 13);
}

TEST_CASE("make_view: crop, jitter in its order, grey, blur, solarize, flip") {
  for (const int64_t c : {1, 3}) {
    const Tensor x = unit_image({c, 24, 20});
    int jittered = 0, blurred = 0, inverted = 0;
    for (int64_t i = 0; i < 60; ++i) {
      const ImageView v = random_view(busy, Random(6) / i, 24, 20);
      CHECK(same(make_view(v, x, 11, 13), told(v, x, 11, 13)));
      jittered += v.jitter;
      blurred += v.sigma > 0;
      inverted += v.solarize && v.sigma > 0 && v.flip;
    }
    CHECK(jittered > 20);
    CHECK(blurred > 10);
    CHECK(inverted > 2);
  }
}

TEST_CASE("image_views: by the row's number alone, on any number of threads") {
  const int before = num_threads();
  ViewRecipe sized = busy;
  sized.size = 9;
  const std::vector<ViewRecipe> recipes{busy, sized};
  for (const int64_t c : {1, 3}) {
    const ImageSet set = images(40, c);
    const Tensor index = tensor({3, 39, 0, 3, 17, 20, 21, 22, 23, 24, 5}, DType::i64);
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const std::vector<Tensor> made = image_views(set.images, index, recipes, Random(8));
      REQUIRE(made.size() == 2);
      CHECK(made[0].shape() == Shape{11, c, 12, 10});
      CHECK(made[1].shape() == Shape{11, c, 9, 9});
      if (first.empty()) first = made;
      CHECK(same(made[0], first[0]));
      CHECK(same(made[1], first[1]));
    }
    const Tensor x = take_images(set.images, index);
    for (int64_t k = 0; k < 11; ++k)
      for (int64_t v = 0; v < 2; ++v) {
        const int64_t row = index.data<int64_t>()[k], h = v ? 9 : 12, w = v ? 9 : 10;
        const ImageView drawn =
            random_view(recipes[static_cast<size_t>(v)], Random(8) / row / v, 12, 10);
        CHECK(same(first[static_cast<size_t>(v)][k], make_view(drawn, x[k], h, w)));
      }
    CHECK(!same(image_views(set.images, index, recipes, Random(9))[0], first[0]));
  }
  set_num_threads(before);
  const ImageSet set = images(4, 3);
  CHECK(image_views(set.images, zeros({0}, DType::i64), recipes, Random(1))[0].shape() ==
        Shape{0, 3, 12, 10});
  CHECK_THROWS_AS(image_views(set.images[0], tensor({0}, DType::i64), recipes, Random(1)),
                  ShapeError);
  CHECK_THROWS_AS(image_views(set.images, tensor({4}, DType::i64), recipes, Random(1)), ShapeError);
  CHECK_THROWS_AS(image_views(set.images, tensor({1}), recipes, Random(1)), DTypeError);
  CHECK_THROWS_AS(image_views(images(4, 2).images, tensor({1}, DType::i64), recipes, Random(1)),
                  ShapeError);
}

TEST_CASE("loader: views of a batch, made ahead or not, on any number of threads") {
  const int before = num_threads();
  const ImageSet set = images(21, 3);
  ViewRecipe sized = busy;
  sized.size = 8;
  LoaderOptions o{.batch = 8, .views = {busy, sized}};
  LoaderOptions plain = o;
  plain.ahead = 0;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Loader ahead(set, Random(3), o), now(set, Random(3), plain);
    for (int i = 0; i < 5; ++i) {
      const Batch a = ahead.next(), b = now.next(), c = now.at(a.epoch, a.position);
      const std::vector<Tensor> expected =
          image_views(set.images, a.index, o.views, Random(3) / "augment" / a.epoch);
      REQUIRE(a.views.size() == 2);
      for (size_t v = 0; v < 2; ++v)
        for (const Batch* batch : {&a, &b, &c}) CHECK(same(batch->views[v], expected[v]));
      CHECK(same(a.x, a.views[0]));
      CHECK(a.index.to_vector() == b.index.to_vector());
      for (int64_t k = 0; k < a.y.size(0); ++k)
        CHECK(a.y.data<int64_t>()[k] == a.index.data<int64_t>()[k] % 2);
    }
  }
  set_num_threads(before);
  // Brought to mean and deviation after all else.
  plain.mean = {0.25, 0.5, 0};
  plain.deviation = {0.5, 0.25, 2};
  const Batch scaled = Loader(set, Random(3), plain).at(1, 1);
  const Tensor whole = image_views(set.images, scaled.index, {sized}, Random(3) / "augment" / 1)[0];
  CHECK(!same(scaled.views[1], whole));  // the second view's stream is another
  const Tensor second =
      Loader(set, Random(3), {.batch = 8, .views = {busy, sized}}).at(1, 1).views[1];
  for (int64_t ch = 0; ch < 3; ++ch) {
    const double mean = plain.mean[static_cast<size_t>(ch)],
                 deviation = plain.deviation[static_cast<size_t>(ch)];
    CHECK(furthest(select(scaled.views[1], 1, ch).to_vector(),
                   ((select(second, 1, ch) - mean) / deviation).to_vector()) < 1e-6);
  }
  CHECK(Loader(set, Random(3), {.batch = 4}).at(0, 0).views.empty());
  CHECK_THROWS_AS(Loader(set, Random(1), {.augment = {.flip = true}, .views = {busy}}),
                  ConfigError);
  CHECK_THROWS_AS(Loader(set, Random(1), {.views = {{.flip = 2}}}), ConfigError);
  CHECK_THROWS_AS(Loader(images(4, 2), Random(1), {.views = {busy}}), ShapeError);
}
