// Drawn glyphs and few-shot episodes.
#include <doctest/doctest.h>

#include <regrad/datasets/episodes.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/optim.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// Share of right answers of the nearest support image, in pixels.
double nearest_neighbour(const ImageSet& set, const Episodes& e) {
  const Tensor s = take_images(set.images, e.support), q = take_images(set.images, e.query);
  const int64_t tasks = s.size(0), supports = s.size(1), queries = q.size(1),
                pixels = s.numel() / (tasks * supports);
  int64_t right = 0;
  for (int64_t t = 0; t < tasks; ++t)
    for (int64_t i = 0; i < queries; ++i) {
      std::vector<double> d;
      for (int64_t j = 0; j < supports; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < pixels; ++p)
          sum += std::pow(s.data<float>()[(t * supports + j) * pixels + p] -
                              q.data<float>()[(t * queries + i) * pixels + p],
                          2);
        d.push_back(sum);
      }
      const auto nearest = std::min_element(d.begin(), d.end()) - d.begin();
      right += e.support_y.data<int64_t>()[t * supports + nearest] ==
               e.query_y.data<int64_t>()[t * queries + i];
    }
  return static_cast<double>(right) / static_cast<double>(tasks * queries);
}

}  // namespace

TEST_CASE("glyphs: the address decides each image, whatever the threads") {
  const Glyphs glyphs;
  const int before = num_threads();
  set_num_threads(1);
  const ImageSet one = glyphs.sample(Random(5), 12, 6);
  CHECK(one.images.shape() == Shape{72, 1, 28, 28});
  CHECK(one.images.dtype() == DType::f32);
  CHECK(one.classes.size() == 12);
  for (const int threads : {2, 3, 4}) {
    set_num_threads(threads);
    CHECK(glyphs.sample(Random(5), 12, 6).images.to_vector() == one.images.to_vector());
  }
  set_num_threads(before);
  CHECK(glyphs.sample(Random(5), 3, 2).images[3].to_vector() == one.images[7].to_vector());
  CHECK(glyphs.draw(Random(5), 11, 4).to_vector() == one.images[70].to_vector());
  CHECK(glyphs.draw(Random(6), 11, 4).to_vector() != one.images[70].to_vector());
  for (int64_t i = 0; i < 72; ++i) {
    const auto pixels = one.images[i].to_vector();
    double ink = 0;
    for (const double v : pixels) {
      REQUIRE(v >= 0);
      REQUIRE(v <= 1);
      ink += v / 784;
    }
    REQUIRE(ink > 0.02);
    REQUIRE(ink < 0.5);
    REQUIRE(one.labels.data<int64_t>()[i] == i / 6);
  }
}

TEST_CASE("glyphs: classes can be separated, but not at a glance") {
  const Glyphs glyphs;
  const ImageSet set = glyphs.sample(Random(1), 50, 20);
  const EpisodeSampler sampler(set.labels);
  const double one_shot =
      nearest_neighbour(set, sampler.sample(Random(2), 100, {.ways = 5, .shots = 1, .queries = 5}));
  const double five_shot =
      nearest_neighbour(set, sampler.sample(Random(3), 100, {.ways = 5, .shots = 5, .queries = 5}));
  CAPTURE(one_shot);
  CAPTURE(five_shot);
  CHECK(one_shot > 0.4);
  CHECK(one_shot < 0.95);
  CHECK(five_shot > one_shot + 0.03);

  // A linear net learns ten classes from 30 drawings each and recognizes others of theirs.
  const ImageSet ten = glyphs.sample(Random(4), 10, 40);
  std::vector<int64_t> train, test;
  for (int64_t i = 0; i < 400; ++i) (i % 40 < 30 ? train : test).push_back(i);
  const auto part = [&](const std::vector<int64_t>& rows) {
    const Tensor index = from_data(rows.data(), {static_cast<int64_t>(rows.size())}, DType::i64);
    return std::pair(take_images(ten.images, index).reshape({-1, 784}),
                     index_select(ten.labels, 0, index));
  };
  const auto [x, y] = part(train);
  const auto [tx, ty] = part(test);
  Linear net(Random(9), 784, 10);
  Adam::State state;
  for (int step = 0; step < 100; ++step) {
    // before net is moved: arguments have no order
    const auto g = grad(cross_entropy(net(x), y), parameters(net));
    net = update(Adam{.lr = 0.01}, std::move(net), state, g);
  }
  const double accuracy = mean(eq(argmax(net(tx), 1), ty).to(DType::f32)).item();
  CAPTURE(accuracy);
  CHECK(accuracy > 0.8);
}

TEST_CASE("glyphs: what is refused") {
  CHECK(complaint<ConfigError>([] { Glyphs{}.sample(Random(1), 0, 1); },
                               "0 classes of 1 examples") == "");
  CHECK(complaint<ConfigError>([] { Glyphs{.size = 0}.sample(Random(1), 1, 1); }, "size") == "");
  CHECK(complaint<ConfigError>(
            [] { Glyphs{.least_strokes = 3, .strokes = 2}.draw(Random(1), 0, 0); }, "strokes") ==
        "");
  CHECK(complaint<ConfigError>([] { Glyphs{.wobble = -1}.draw(Random(1), 0, 0); }, "0 or more") ==
        "");
  CHECK(complaint<ConfigError>([] { Glyphs{.thin = 0}.draw(Random(1), 0, 0); },
                               "the pen's width") == "");
}

TEST_CASE("episodes: rows of the right classes, support and query disjoint") {
  // Classes 2, 5 and 9 with 4, 6 and 5 rows; some rows of none.
  std::vector<int64_t> y;
  for (int i = 0; i < 4; ++i) y.insert(y.end(), {2, 5, 9, -1});
  y.insert(y.end(), {5, 9, 5});
  const Tensor labels = from_data(y.data(), {static_cast<int64_t>(y.size())}, DType::i64);
  const EpisodeSampler sampler(labels);
  CHECK(sampler.classes() == std::vector<int64_t>{2, 5, 9});
  const EpisodeShape shape{.ways = 2, .shots = 1, .queries = 3};
  const Episodes e = sampler.sample(Random(3), 200, shape);
  CHECK(e.support.shape() == Shape{200, 2});
  CHECK(e.query.shape() == Shape{200, 6});
  CHECK(e.classes.shape() == Shape{200, 2});
  std::set<std::pair<int64_t, int64_t>> orders;
  for (int64_t t = 0; t < 200; ++t) {
    std::set<int64_t> rows;
    const auto* classes = e.classes.data<int64_t>() + 2 * t;
    const auto check = [&](const Tensor& x, const Tensor& ways, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        const int64_t row = x.data<int64_t>()[t * n + i], way = ways.data<int64_t>()[t * n + i];
        REQUIRE(rows.insert(row).second);
        REQUIRE(way == i / (n / 2));
        REQUIRE(y[static_cast<size_t>(row)] == classes[way]);
      }
    };
    check(e.support, e.support_y, 2);
    check(e.query, e.query_y, 6);
    REQUIRE(classes[0] != classes[1]);
    orders.emplace(classes[0], classes[1]);
  }
  CHECK(orders.size() == 6);  // every pair in both orders
  // Task t depends on the stream's t alone.
  const Episodes fewer = sampler.sample(Random(3), 3, shape);
  for (int64_t i = 0; i < 6; ++i)
    CHECK(fewer.support.data<int64_t>()[i] == e.support.data<int64_t>()[i]);
  CHECK(sampler.sample(Random(4), 3, shape).support.to_vector() != fewer.support.to_vector());
  // Rows are drawn evenly: each of 6 rows of class 5 is support in a sixth of the tasks.
  const Episodes many =
      EpisodeSampler(labels, {5}).sample(Random(5), 3000, {.ways = 1, .shots = 1, .queries = 0});
  std::vector<int64_t> seen(y.size(), 0);
  for (const int64_t row : many.support.to_vector<int64_t>()) ++seen[static_cast<size_t>(row)];
  for (size_t i = 0; i < y.size(); ++i)
    CHECK(std::abs(static_cast<double>(seen[i]) - (y[i] == 5 ? 500 : 0)) <
          5 * std::sqrt(500 * 5 / 6.0));
  CHECK(many.query.shape() == Shape{3000, 0});
}

TEST_CASE("episodes: what is refused") {
  const Tensor labels = tensor({0, 0, 1, 1, 1}, DType::i64);
  const EpisodeSampler sampler(labels);
  CHECK(complaint<ConfigError>(
            [&] { sampler.sample(Random(1), 1, {.ways = 3, .shots = 1, .queries = 1}); },
            "3 ways of 2 classes") == "");
  CHECK(complaint<ConfigError>(
            [&] { sampler.sample(Random(1), 1, {.ways = 2, .shots = 1, .queries = 2}); },
            "class 0 has 2 rows, 1 shots and 2 queries") == "");
  CHECK(complaint<ConfigError>([&] { sampler.sample(Random(1), 0, {}); }, "must be at least 1") ==
        "");
  CHECK(complaint<ConfigError>(
            [&] {
              EpisodeSampler(labels, {1, 2});
            },
            "class 2 has no row") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              EpisodeSampler(labels, {1, 1});
            },
            "class 1 is named twice") == "");
  CHECK(complaint<DTypeError>([&] { EpisodeSampler(zeros({3})); }, "labels are i64") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              EpisodeSampler(labels.reshape({5, 1}));
            },
            "labels are [n]") == "");
}
