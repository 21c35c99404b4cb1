// Pictures that stay on disk: listing, both crops, and a loader that reads them when it needs them.
#include <doctest/doctest.h>

#include <regrad/datasets/loader.h>
#include <regrad/datasets/picture_folder.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "../temp_folder.h"
#include "forge.h"

using namespace regrad;
using namespace regrad::test;

namespace {

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}

// Red is the column, green the row, blue what is given.
std::string grid(int height, int width, int blue = 0) {
  std::vector<std::string> rows;
  for (int y = 0; y < height; ++y) {
    rows.emplace_back();
    for (int x = 0; x < width; ++x)
      rows.back() += {static_cast<char>(x), static_cast<char>(y), static_cast<char>(blue)};
  }
  return png(static_cast<uint32_t>(height), static_cast<uint32_t>(width), 8, 2, rows);
}

PictureFolder one(const std::string& folder, const std::string& bytes) {
  put(folder + "/class/a.png", bytes);
  return list_picture_folder(folder);
}

// Ends of the rectangle that a channel of a grid was made of, as far as its pixels show.
std::pair<double, double> ends(const Tensor& picture, int channel) {
  const std::vector<double> v = picture[channel].to_vector();
  return {*std::min_element(v.begin(), v.end()), *std::max_element(v.begin(), v.end())};
}

}  // namespace

TEST_CASE("picture folder: classes and pictures by name; none is opened before it is asked for") {
  const TempFolder at;
  put(at / "b/2.png", "no picture"), put(at / "b/1.png", grid(8, 8, 7));
  put(at / "a/deep/x.jpg", "none either"), put(at / "a/note.txt", "x");
  const PictureFolder set = list_picture_folder(at.name());
  CHECK(set.names == std::vector<std::string>{"a/deep/x.jpg", "b/1.png", "b/2.png"});
  CHECK(set.labels.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 1});
  CHECK(set.classes == std::vector<std::string>{"a", "b"});
  CHECK(read_picture(set, 1, {.size = 7}, Random(1))[2][0][0].item() == 7);
  CHECK(complaint<IOError>([&] { read_picture(set, 2, {}, Random(1)); }, "b/2.png: byte 0") == "");
  CHECK_THROWS_AS(read_picture(set, 1, {.size = 0}, Random(1)), ConfigError);

  const PictureFolder some = rows_of(set, {2, 0});
  CHECK(some.names == std::vector<std::string>{"b/2.png", "a/deep/x.jpg"});
  CHECK(some.labels.to_vector<int64_t>() == std::vector<int64_t>{1, 0});
  CHECK(some.classes.size() == 2);
  CHECK_THROWS_AS(rows_of(set, {3}), ShapeError);

  CHECK(complaint<IOError>([&] { list_picture_folder(at / "none"); }, "is no folder") == "");
  CHECK(complaint<IOError>([&] { list_picture_folder(at / "b"); }, "holds no <class>") == "");
  put(at / "c/x.webp", "x");
  CHECK(complaint<IOError>([&] { list_picture_folder(at.name()); }, "PNG or JPEG") == "");
}

TEST_CASE("crop for test: the shorter side to 256/224 of the size, then the middle") {
  const TempFolder at;
  // a shorter side of 8 for a size of 7: nothing is resized, halves of a pixel go to the even one
  const PictureFolder wide = one(at / "wide", grid(8, 11)), tall = one(at / "tall", grid(10, 8));
  const Tensor w = read_picture(wide, 0, {.size = 7}, Random(1)),
               t = read_picture(tall, 0, {.size = 7}, Random(1));
  CHECK(w.shape() == Shape{3, 7, 7});
  CHECK(w.dtype() == DType::u8);
  CHECK(ends(w, 0) == std::pair{2.0, 8.0});  // (11 - 7) / 2
  CHECK(ends(w, 1) == std::pair{0.0, 6.0});  // 0.5
  CHECK(w[0][3][0].item() == 2);
  CHECK(w[1][3][0].item() == 3);
  CHECK(ends(t, 0) == std::pair{0.0, 6.0});
  CHECK(ends(t, 1) == std::pair{2.0, 8.0});  // 1.5
  // twice as large: 128 x 192 to 64 x 96, of which the middle 56 x 56
  const Tensor half = read_picture(one(at / "half", grid(128, 192)), 0, {.size = 56}, Random(1));
  CHECK(half[0][0][0].item() == doctest::Approx(2 * 20 + 0.5).epsilon(0.02));
  CHECK(half[1][0][0].item() == doctest::Approx(2 * 4 + 0.5).epsilon(0.1));
  CHECK(
      complaint<IOError>([&] { read_picture(one(at / "long", grid(1, 40000)), 0, {}, Random(1)); },
                         "too long") == "");
}

TEST_CASE("crop for training: rectangles of 8% to 100% with sides from 3:4 to 4:3, by the stream") {
  const TempFolder at;
  const PictureFolder set = one(at.name(), grid(200, 250));
  double least = 2, most = 0, narrow = 9, wide = 0;
  std::set<double> lefts, tops;
  double across = 0, down = 0;  // off the middle
  for (int64_t i = 0; i < 60; ++i) {
    const PictureCrop crop{.size = 60, .random = true};
    const Tensor p = read_picture(set, 0, crop, Random(7) / i);
    CHECK(p.to_vector() == read_picture(set, 0, crop, Random(7) / i).to_vector());
    const auto [left, right] = ends(p, 0);
    const auto [top, bottom] = ends(p, 1);
    // a new pixel shows the mean of its own: ends lie half of one inside
    const double width = (right - left) * 60 / 59, height = (bottom - top) * 60 / 59;
    least = std::min(least, width * height / 50000), most = std::max(most, width * height / 50000);
    narrow = std::min(narrow, width / height), wide = std::max(wide, width / height);
    lefts.insert(left), tops.insert(top);
    across = std::max(across, std::abs(left + right - 249));
    down = std::max(down, std::abs(top + bottom - 199));
  }
  CHECK(least > 0.07);
  CHECK(least < 0.2);
  CHECK(most > 0.7);
  CHECK(most < 1.03);
  CHECK(narrow > 0.72);
  CHECK(narrow < 0.85);
  CHECK(wide < 1.38);
  CHECK(wide > 1.2);
  CHECK(lefts.size() > 20);
  CHECK(tops.size() > 20);
  CHECK(across > 40);
  CHECK(down > 40);
  // no such rectangle lies within: the largest in the middle, 5 x 4 and 4 x 5
  const Tensor flat = read_picture(one(at / "flat", grid(4, 250)), 0, {.size = 20, .random = true},
                                   Random(1)),
               thin = read_picture(one(at / "thin", grid(250, 4)), 0, {.size = 20, .random = true},
                                   Random(1));
  CHECK(ends(flat, 0) == std::pair{122.0, 126.0});
  CHECK(ends(flat, 1) == std::pair{0.0, 3.0});
  CHECK(ends(thin, 1) == std::pair{122.0, 126.0});
}

TEST_CASE("loader of pictures on disk: the same batches by address and in turn, read when due") {
  const TempFolder at;
  for (int i = 0; i < 7; ++i)
    put(at / ("c" + std::to_string(i % 2) + "/" + std::to_string(i) + ".png"), grid(9, 9, 10 * i));
  const PictureFolder set = list_picture_folder(at.name());
  const LoaderOptions o{.batch = 3, .mean = {0, 0, 0.5}, .deviation = {1, 1, 0.25}, .ahead = 2};
  const PictureCrop crop{.size = 8, .random = true};
  Loader loader(set, crop, Random(3), o);
  CHECK(loader.batches() == 3);
  for (int64_t i = 0; i < 6; ++i) {
    const Batch by_turn = loader.next(), by_address = loader.at(i / 3, i % 3);
    CHECK(by_turn.x.shape() == Shape{i % 3 == 2 ? 1 : 3, 3, 8, 8});
    CHECK(by_turn.x.to_vector() == by_address.x.to_vector());
    CHECK(by_turn.index.to_vector() == by_address.index.to_vector());
    for (int64_t b = 0; b < by_turn.y.numel(); ++b) {
      const std::string& name = set.names[static_cast<size_t>(by_turn.index[b].item())];
      CHECK(by_turn.y[b].item() == name[1] - '0');
      const double blue = 10 * (name[3] - '0') / 255.0;
      CHECK(by_turn.x[b][2][4][4].item() == doctest::Approx((blue - 0.5) / 0.25).epsilon(1e-6));
    }
  }
  // other crops in another epoch
  const auto rows = [&](int64_t epoch) {
    std::vector<std::vector<double>> out(7);
    for (int64_t b = 0; b < 3; ++b) {
      const Batch batch = loader.at(epoch, b);
      for (int64_t i = 0; i < batch.y.numel(); ++i)
        out[static_cast<size_t>(batch.index[i].item())] = batch.x[i][0].to_vector();
    }
    return out;
  };
  CHECK(rows(0) != rows(1));
  // views of what was cropped
  const Batch seen = Loader(set, crop, Random(3), {.batch = 3, .views = {small_view(5)}}).at(1, 2);
  const int64_t row = static_cast<int64_t>(seen.index[0].item());
  const Random stream = Random(3) / "augment" / 1 / row;
  const Tensor cropped = read_picture(set, row, crop, stream / "crop").to(DType::f32) / 255;
  CHECK(seen.views.front()[0].to_vector() ==
        make_view(random_view(small_view(5), stream / 0, 8, 8), cropped, 5, 5).to_vector());
  loader.seek(0, 1);
  CHECK(loader.next().index.to_vector() == loader.at(0, 1).index.to_vector());

  // a picture that is gone fails its own batch alone
  Loader later(set, crop, Random(3), o);
  const auto gone = static_cast<size_t>(later.at(0, 1).index[0].item());
  std::filesystem::remove(at / set.names[gone]);
  CHECK_NOTHROW(later.next());
  CHECK(complaint<IOError>([&] { later.next(); }, set.names[gone]) == "");
  CHECK_NOTHROW(later.next());
}
