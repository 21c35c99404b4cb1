// The loader: every row once per epoch, addresses, augmentation, prefetching, and the same bits
// whatever the threads.
#include <doctest/doctest.h>

#include <regrad/datasets/loader.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// Image i holds i in every pixel but a ramp along the row.
ImageSet ramps(int64_t n, int64_t c = 2, int64_t h = 6, int64_t w = 6) {
  std::vector<uint8_t> bytes;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < c * h * w; ++k)
      bytes.push_back(static_cast<uint8_t>(i + 10 * (k % w) + 1));
    labels.push_back(i % 3);
  }
  return {from_data(bytes.data(), {n, c, h, w}, DType::u8),
          from_data(labels.data(), {n}, DType::i64),
          {"a", "b", "c"}};
}

bool same(const Batch& a, const Batch& b) {
  return a.epoch == b.epoch && a.position == b.position && a.x.to_vector() == b.x.to_vector() &&
         a.y.to_vector() == b.y.to_vector() && a.index.to_vector() == b.index.to_vector();
}

const LoaderOptions busy{.batch = 8,
                         .augment = {.padding = 2, .flip = true, .rotation = 20},
                         .mean = {0.1, 0.2},
                         .deviation = {0.5, 0.25}};

std::vector<double> augmented(const Augment& how, const Random& r, std::vector<float> image,
                              int64_t h, int64_t w) {
  augment(how, r, image.data(), 1, h, w);
  return {image.begin(), image.end()};
}

}  // namespace

TEST_CASE("loader: every row once per epoch, in another order each time") {
  Loader loader(ramps(21), Random(1), {.batch = 8});
  CHECK(loader.batches() == 3);
  std::vector<double> orders[2];
  for (auto& order : orders) {
    for (int i = 0; i < 3; ++i) {
      const Batch b = loader.next();
      CHECK(b.position == i);
      CHECK(b.x.shape() == Shape{i < 2 ? 8 : 5, 2, 6, 6});
      for (int64_t k = 0; k < b.index.size(0); ++k) {
        const int64_t row = b.index.data<int64_t>()[k];
        order.push_back(static_cast<double>(row));
        CHECK(b.x.data<float>()[k * 72] == static_cast<float>(row + 1) / 255.f);
        CHECK(b.y.data<int64_t>()[k] == row % 3);
      }
    }
  }
  CHECK(orders[0] != orders[1]);
  for (auto& order : orders) {
    std::sort(order.begin(), order.end());
    for (size_t i = 0; i < 21; ++i) CHECK(order[i] == static_cast<double>(i));
  }
  CHECK(Loader(ramps(21), Random(1), {.batch = 8, .drop_last = true}).batches() == 2);
  CHECK(Loader(ramps(21), Random(1), {.batch = 8, .shuffle = false}).at(4, 1).index.to_vector() ==
        std::vector<double>{8, 9, 10, 11, 12, 13, 14, 15});
}

TEST_CASE("loader: an address gives the same bits, whoever reads it and in whatever order") {
  const ImageSet set = ramps(50);
  Loader ahead(set, Random(3), busy);
  LoaderOptions plain = busy;
  plain.ahead = 0;
  Loader inline_one(set, Random(3), plain);
  std::vector<Batch> batches;
  for (int i = 0; i < 16; ++i) {
    batches.push_back(ahead.next());
    CHECK(same(batches.back(), inline_one.next()));
  }
  CHECK(batches[15].epoch == 2);
  CHECK(batches[15].position == 1);
  for (const Batch& b : batches) CHECK(same(b, inline_one.at(b.epoch, b.position)));
  CHECK(!same(batches[0], Loader(set, Random(4), plain).at(0, 0)));
  // A resumed run: seek, also while batches lie ready, and then as before.
  ahead.seek(1, 2);
  for (size_t i = 9; i < 16; ++i) CHECK(same(ahead.next(), batches[i]));
  ahead.seek(0, 0);
  ahead.seek(0, 5);
  for (size_t i = 5; i < 9; ++i) CHECK(same(ahead.next(), batches[i]));
  Loader moved = std::move(ahead);
  CHECK(same(moved.next(), batches[9]));
  // What happens to a row does not depend on the batch it comes in.
  plain.batch = 50;
  plain.shuffle = false;
  const Batch all = Loader(set, Random(3), plain).at(2, 0);
  const Batch part = batches[15];
  for (int64_t k = 0; k < 8; ++k)
    CHECK(part.x[k].to_vector() == all.x[part.index.data<int64_t>()[k]].to_vector());
}

TEST_CASE("loader: the same bits for any number of threads, and from several at once") {
  const ImageSet set = ramps(40);
  const int before = num_threads();
  std::vector<double> first;
  for (const int threads : {1, 2, 3, 4}) {
    set_num_threads(threads);
    Loader loader(set, Random(3), busy);
    std::vector<double> all;
    for (int i = 0; i < 10; ++i) {
      const Batch b = loader.next();
      // Something for the pool to do meanwhile.
      const double s = sum(matmul(b.x.reshape({8, -1}), b.x.reshape({8, -1}).mT())).item();
      const auto x = b.x.to_vector();
      all.insert(all.end(), x.begin(), x.end());
      all.push_back(s);
    }
    if (first.empty()) first = all;
    CHECK(all == first);
  }
  set_num_threads(before);
  const Loader shared(set, Random(3), busy);
  std::vector<std::vector<double>> got(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] { got[i] = shared.at(1, 2).x.to_vector(); });
  for (auto& t : threads) t.join();
  for (const auto& x : got) CHECK(x == got[0]);
}

TEST_CASE("loader: goes away while batches are being made") {
  for (int i = 0; i < 20; ++i) {
    Loader loader(ramps(100), Random(1), {.batch = 10, .ahead = 3});
    if (i % 2) loader.next();
    if (i % 3 == 0) loader.seek(i, 0);
  }
}

TEST_CASE("augment: each change by hand") {
  const std::vector<float> image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto plain = std::vector<double>(image.begin(), image.end());
  const std::vector<double> flipped{3, 2, 1, 6, 5, 4, 9, 8, 7};
  CHECK(augmented({}, Random(1), image, 3, 3) == plain);
  int flips = 0;
  for (int64_t i = 0; i < 400; ++i) {
    const auto x = augmented({.flip = true}, Random(1) / i, image, 3, 3);
    flips += x == flipped;
    const bool of_either = x == flipped || x == plain;
    REQUIRE(of_either);
  }
  CHECK(std::abs(flips - 200) < 50);
  // A crop is the image moved by at most the padding: each of 3 x 3 ways, zeros from outside.
  std::vector<int> moved(9, 0);
  for (int64_t i = 0; i < 900; ++i) {
    const auto x = augmented({.padding = 1}, Random(2) / i, image, 3, 3);
    int matches = 0;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx) {
        bool equal = true;
        for (int y = 0; y < 3; ++y)
          for (int c = 0; c < 3; ++c) {
            const int fy = y + dy, fx = c + dx;
            const double want =
                fy < 0 || fy > 2 || fx < 0 || fx > 2 ? 0 : image[static_cast<size_t>(fy * 3 + fx)];
            equal = equal && x[static_cast<size_t>(y * 3 + c)] == want;
          }
        if (equal) ++matches, ++moved[static_cast<size_t>((dy + 1) * 3 + dx + 1)];
      }
    REQUIRE(matches == 1);
  }
  for (const int n : moved) CHECK(std::abs(n - 100) < 50);
  // Turns keep the middle; over all angles a corner's ink stays at its distance from it.
  for (int64_t i = 0; i < 50; ++i) {
    std::vector<float> dot(21 * 21, 0.f);
    dot[10 * 21 + 10] = 1;
    CHECK(augmented({.rotation = 180}, Random(3) / i, dot, 21, 21)[10 * 21 + 10] ==
          doctest::Approx(1));
    std::fill(dot.begin(), dot.end(), 0.f);
    dot[10 * 21 + 17] = 1;
    const auto x = augmented({.rotation = 30}, Random(4) / i, dot, 21, 21);
    double weight = 0, cx = 0, cy = 0;
    for (int y = 0; y < 21; ++y)
      for (int c = 0; c < 21; ++c) {
        const double v = x[static_cast<size_t>(y * 21 + c)];
        weight += v, cx += v * (c - 10), cy += v * (y - 10);
      }
    CHECK(weight == doctest::Approx(1).epsilon(0.3));
    CHECK(std::hypot(cx, cy) / weight == doctest::Approx(7).epsilon(0.05));
    CHECK(std::abs(std::atan2(cy, cx)) < 31 * 3.14159 / 180);
  }
}

TEST_CASE("loader: what is refused") {
  const ImageSet set = ramps(4);
  const auto bad = [&](LoaderOptions o, const std::string& words) {
    return complaint<ConfigError>([&] { Loader(set, Random(1), o); }, words);
  };
  CHECK(bad({.batch = 0}, "batch must be at least 1") == "");
  CHECK(bad({.batch = 5, .drop_last = true}, "make no batch of 5") == "");
  CHECK(bad({.augment = {.padding = -1}}, "padding") == "");
  CHECK(bad({.mean = {1}}, "1 means or deviations for 2 channels") == "");
  CHECK(bad({.deviation = {1, 0}}, "above 0") == "");
  Loader loader(set, Random(1));
  CHECK(complaint<ConfigError>([&] { loader.at(0, 1); }, "no batch 1 of epoch 0; there are 1") ==
        "");
  CHECK(complaint<ConfigError>([&] { loader.seek(-1, 0); }, "no batch 0 of epoch -1") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              Loader({set.images[0], set.labels, {}}, Random(1));
            },
            "images are [n, c, h, w]") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              Loader({set.images, tensor({1}, DType::i64), {}}, Random(1));
            },
            "labels of [1] for 4 images") == "");
  CHECK(complaint<DTypeError>(
            [&] {
              Loader({set.labels.reshape({4, 1, 1, 1}), set.labels, {}}, Random(1));
            },
            "u8 or f32") == "");
}
