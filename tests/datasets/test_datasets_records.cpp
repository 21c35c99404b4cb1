// IDX and CIFAR: the real files, every type, and what is refused.
#include <doctest/doctest.h>

#include <regrad/datasets/cifar.h>
#include <regrad/datasets/idx.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/ops.h>

#include <algorithm>

#include "../engine/alloc_hook.h"
#include "../temp_folder.h"
#include "forge.h"
#include "pack.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::string idx(int type, const std::vector<uint32_t>& sizes, const std::string& items) {
  std::string out("\0\0", 2);
  out += static_cast<char>(type);
  out += static_cast<char>(sizes.size());
  for (const uint32_t n : sizes) out += be(n, 4);
  return out + items;
}
std::string bad_idx(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { parse_idx(bytes, "f"); }, "f: byte " + words);
}
std::string bad_cifar(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { parse_cifar10(bytes, "f"); }, "f: " + words);
}
std::string record(std::initializer_list<int> labels, int pixel) {
  std::string out;
  for (const int label : labels) out += static_cast<char>(label);
  return out + std::string(3072, static_cast<char>(pixel));
}

std::vector<int64_t> counts(const ImageSet& set) {
  std::vector<int64_t> n(set.classes.size(), 0);
  for (const int64_t label : set.labels.to_vector<int64_t>()) ++n.at(static_cast<size_t>(label));
  return n;
}
double mean_of(const Tensor& u8) { return mean(u8.to(DType::f64)).item(); }

}  // namespace

TEST_CASE("idx: every type, and packed") {
  CHECK(parse_idx(idx(0x08, {3}, "\x01\x02\xff")).to_vector() == std::vector<double>{1, 2, 255});
  CHECK(parse_idx(idx(0x09, {3}, "\x01\x02\xff")).to_vector() == std::vector<double>{1, 2, -1});
  CHECK(parse_idx(idx(0x0b, {2, 1}, be(515, 2) + be(0xfffe, 2))).to_vector() ==
        std::vector<double>{515, -2});
  CHECK(parse_idx(idx(0x0c, {2}, be(70000, 4) + be(0xffffffff, 4))).to_vector() ==
        std::vector<double>{70000, -1});
  CHECK(parse_idx(idx(0x0d, {1}, be(0x3fc00000, 4))).to_vector() == std::vector<double>{1.5});
  const Tensor wide = parse_idx(idx(0x0e, {1, 1, 1}, be(0x3ff8000000000000, 8)));
  CHECK(wide.dtype() == DType::f64);
  CHECK(wide.shape() == Shape{1, 1, 1});
  CHECK(wide.item() == 1.5);
  CHECK(parse_idx(idx(0x08, {0, 5}, "")).shape() == Shape{0, 5});
  const TempFolder folder;
  for (const Pack p : {Pack::none, Pack::gz, Pack::xz}) {
    write_file(folder / "x", pack(p, idx(0x08, {2}, "ab")));
    CHECK(load_idx(folder / "x").to_vector() == std::vector<double>{97, 98});
  }
}

TEST_CASE("idx: broken files are refused by file and byte") {
  const std::string good = idx(0x08, {2, 3}, "abcdef");
  for (size_t n = 0; n < good.size(); ++n) {
    CAPTURE(n);
    CHECK(bad_idx(good.substr(0, n), std::to_string(n) + ": ends ") == "");
  }
  CHECK(bad_idx(good + "g", "18: the file goes on") == "");
  CHECK(bad_idx("x" + good.substr(1), "0: is no IDX file") == "");
  CHECK(bad_idx(idx(0x0a, {1}, "a"), "2: type 10") == "");
  CHECK(bad_idx(idx(0x08, {}, "a"), "3: 0 dimensions") == "");
  CHECK(bad_idx(idx(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "a"), "3: 9 dimensions") == "");
  CHECK(bad_idx(idx(0x08, {0x7fffffff, 0x7fffffff, 3}, "a"),
                "12: sizes [2147483647,2147483647,3] overflow") == "");
  CHECK(bad_idx(idx(0x0e, {0xffffffff, 0x7fffffff}, "a"), "8: sizes ") == "");
  CHECK(peak_of([&] {
          CHECK(bad_idx(idx(0x0e, {0xffffffff}, "a"), "9: ends where 34359738359 more bytes") ==
                "");
        }) < 10000);
}

TEST_CASE("idx pairs: images and labels that do not belong together") {
  const TempFolder folder;
  const std::string images = folder / "i", labels = folder / "l";
  const auto pair = [&](const std::string& x, const std::string& y,
                        const std::vector<std::string>& classes = {}) {
    write_file(images, x), write_file(labels, y);
    return load_idx_pair(images, labels, classes);
  };
  const std::string x = idx(0x08, {2, 1, 3}, "abcdef");
  const ImageSet set = pair(x, idx(0x08, {2}, std::string("\x01\x00", 2)));
  CHECK(set.images.shape() == Shape{2, 1, 1, 3});
  CHECK(set.labels.to_vector() == std::vector<double>{1, 0});
  CHECK(set.classes == std::vector<std::string>{"0", "1"});
  CHECK(complaint<IOError>(
            [&] {
              pair(x, idx(0x08, {2}, "\x01\x02"), {"a", "b"});
            },
            labels + ": record 1, byte 9: label 2; there are 2 classes") == "");
  CHECK(complaint<IOError>([&] { pair(x, idx(0x08, {3}, "abc")); },
                           labels + ": byte 4: 3 labels for the 2 images") == "");
  CHECK(complaint<IOError>([&] { pair(x, x); },
                           labels + ": byte 2: labels are u8 [n], not u8 [2,1,3]") == "");
  CHECK(complaint<IOError>([&] { pair(idx(0x08, {2}, "ab"), x); },
                           images + ": byte 2: images are u8 [n, h, w], not u8 [2]") == "");
  CHECK(complaint<IOError>([&] { load_mnist(folder.name(), Split::train); },
                           "holds none of train-images-idx3-ubyte") == "");
}

TEST_CASE("Fashion-MNIST: the real files" * doctest::test_suite("shared data")) {
  if (!has_shared_data("fashion-t10k-images-idx3-ubyte.gz")) return;
  const auto load = [](const std::string& part) {
    return load_idx_pair(shared_data("fashion-" + part + "-images-idx3-ubyte.gz"),
                         shared_data("fashion-" + part + "-labels-idx1-ubyte.gz"),
                         fashion_mnist_classes());
  };
  const ImageSet test = load("t10k"), train = load("train20k");
  CHECK(test.images.shape() == Shape{10000, 1, 28, 28});
  CHECK(counts(test) == std::vector<int64_t>(10, 1000));
  CHECK(train.images.shape() == Shape{20000, 1, 28, 28});
  const auto n = counts(train);
  CHECK(*std::min_element(n.begin(), n.end()) == 1935);
  CHECK(*std::max_element(n.begin(), n.end()) == 2068);
  // the first test image
  CHECK(test.classes[static_cast<size_t>(test.labels.data<int64_t>()[0])] == "Ankle boot");
  // Trousers are columns, so their mean is well apart from bags': pixels are read in order.
  CHECK(mean_of(test.images) > 70);
  CHECK(mean_of(test.images) < 76);
}

TEST_CASE("Fashion-MNIST: Debian's package") {
  if (fashion_mnist_folder().empty()) {
    MESSAGE("skipped: the Debian package dataset-fashion-mnist is not installed");
    return;
  }
  const ImageSet train = load_mnist(fashion_mnist_folder(), Split::train, fashion_mnist_classes());
  CHECK(counts(train) == std::vector<int64_t>(10, 6000));
  CHECK(load_mnist(fashion_mnist_folder(), Split::test, fashion_mnist_classes()).size() == 10000);
}

TEST_CASE("cifar: records, labels, archives as published") {
  const std::string two = record({3}, 7) + record({9}, 8);
  const ImageSet set = parse_cifar10(two);
  CHECK(set.images.shape() == Shape{2, 3, 32, 32});
  CHECK(set.labels.to_vector() == std::vector<double>{3, 9});
  CHECK(set.classes.size() == 10);
  CHECK(set.images[1].to_vector() == std::vector<double>(3072, 8));
  const std::string hundred = record({19, 99}, 1) + record({0, 5}, 2);
  CHECK(parse_cifar100(hundred).labels.to_vector() == std::vector<double>{99, 5});
  CHECK(parse_cifar100(hundred, Cifar100Labels::coarse).labels.to_vector() ==
        std::vector<double>{19, 0});
  CHECK(parse_cifar100(hundred).classes.size() == 100);
  CHECK(parse_cifar100(hundred).classes[99] == "worm");
  CHECK(parse_cifar100(hundred, Cifar100Labels::coarse).classes.size() == 20);

  const TempFolder folder;
  PackedFiles batches{{"cifar-10-batches-bin/test_batch.bin", record({9}, 0)},
                      {"cifar-10-batches-bin/readme.html", "x"}};
  for (const int i : {4, 1, 5, 2, 3})
    batches.emplace_back("cifar-10-batches-bin/data_batch_" + std::to_string(i) + ".bin",
                         record({i}, i));
  write_file(folder / "cifar.tar.gz", pack("tar", Pack::gz, batches));
  CHECK(load_cifar10(folder / "cifar.tar.gz", Split::train).labels.to_vector() ==
        std::vector<double>{1, 2, 3, 4, 5});
  CHECK(load_cifar10(folder / "cifar.tar.gz", Split::test).labels.to_vector() ==
        std::vector<double>{9});
  std::filesystem::create_directory(folder / "in");
  for (const auto& [name, bytes] : batches)
    write_file(folder / ("in/" + name.substr(name.rfind('/') + 1) + ".gz"), pack(Pack::gz, bytes));
  CHECK(load_cifar10(folder / "in", Split::train).labels.to_vector() ==
        std::vector<double>{1, 2, 3, 4, 5});
  std::filesystem::remove(folder / "in/data_batch_3.bin.gz");
  CHECK(complaint<IOError>([&] { load_cifar10(folder / "in", Split::train); },
                           "in: holds no data_batch_3.bin") == "");
  CHECK(complaint<IOError>([&] { load_cifar100(folder / "in", Split::train); },
                           "in: holds no train.bin") == "");
  write_file(folder / "in/test_batch.bin", record({1}, 1));
  CHECK(complaint<IOError>([&] { load_cifar10(folder / "in", Split::test); },
                           "'test_batch.bin' stands there twice") == "");
}

TEST_CASE("cifar: broken files are refused by file, record and byte") {
  const std::string good = record({3}, 7) + record({9}, 8);
  CHECK(bad_cifar("", "record 0: ends at byte 0") == "");
  CHECK(bad_cifar(good.substr(0, 1), "record 0: ends at byte 1") == "");
  CHECK(bad_cifar(good.substr(0, 5000), "record 1: ends at byte 5000") == "");
  CHECK(bad_cifar(good + "x", "record 2: ends at byte 6147") == "");
  CHECK(bad_cifar(record({3}, 7) + record({10}, 8),
                  "record 1, byte 3073: label 10; CIFAR-10 has 0 to 9") == "");
  CHECK(bad_cifar(record({255}, 8), "record 0, byte 0: label 255") == "");
  const auto bad100 = [](const std::string& bytes, const std::string& words) {
    return complaint<IOError>([&] { parse_cifar100(bytes, Cifar100Labels::fine, "f"); },
                              "f: " + words);
  };
  CHECK(bad100(record({20, 0}, 8), "record 0, byte 0: label 20; CIFAR-100 has 0 to 19") == "");
  CHECK(bad100(record({0, 0}, 8) + record({0, 100}, 8),
               "record 1, byte 3075: label 100; CIFAR-100 has 0 to 99") == "");
  CHECK(bad100(good, "record 1: ends at byte 6146") == "");
  const TempFolder folder;
  write_file(folder / "bomb.bin.gz", pack(Pack::gz, std::string(3073 * 20000, '\0')));
  CHECK(complaint<IOError>([&] { load_cifar10_files({folder / "bomb.bin.gz"}); },
                           "unpacks to more than the ") == "");
  write_file(folder / "bad.zip", zip({{"../test_batch.bin", good}}));
  CHECK(complaint<IOError>([&] { load_cifar10(folder / "bad.zip", Split::test); },
                           "leads out of the archive") == "");
}

TEST_CASE("CIFAR-10: the real subset" * doctest::test_suite("shared data")) {
  if (!has_shared_data("cifar10_train6000.bin.xz")) return;
  const ImageSet train = load_cifar10_files({shared_data("cifar10_train6000.bin.xz")}),
                 test = load_cifar10_files({shared_data("cifar10_test2000.bin.xz")});
  CHECK(counts(train) == std::vector<int64_t>(10, 600));
  CHECK(counts(test) == std::vector<int64_t>(10, 200));
  // Record 10 k + label (the data README), so that prefixes are balanced.
  for (int64_t i = 0; i < train.size(); ++i) REQUIRE(train.labels.data<int64_t>()[i] == i % 10);
  // Each record's original file lies in its class's folder:
  // "train/airplane/aeroplane_s_000004.png".
  const std::string names = detail::read_unpacked(shared_data("cifar10_subset_files.txt.xz"));
  CHECK(std::count(names.begin(), names.end(), '\n') == 8000);
  size_t start = 0;
  for (int64_t i = 0; i < 8000; ++i) {
    const ImageSet& set = i < 6000 ? train : test;
    const int64_t label = set.labels.data<int64_t>()[i < 6000 ? i : i - 6000];
    const std::string folder_of =
        (i < 6000 ? "train/" : "test/") + set.classes[static_cast<size_t>(label)] + "/";
    REQUIRE(names.compare(start, folder_of.size(), folder_of) == 0);
    start = names.find('\n', start) + 1;
  }
  // Channel means of CIFAR-10: 125.3, 123.0, 113.9 over all of it.
  const Tensor x = train.images.to(DType::f64);
  const auto channels = mean(x, {0, 2, 3}).to_vector();
  CHECK(std::abs(channels[0] - 125.3) < 2.5);
  CHECK(std::abs(channels[1] - 123.0) < 2.5);
  CHECK(std::abs(channels[2] - 113.9) < 2.5);
  const std::string packed = read_file(shared_data("cifar10_test2000.bin.xz"));
  const TempFolder folder;
  write_file(folder / "cut.bin.xz", packed.substr(0, packed.size() / 2));
  CHECK(complaint<IOError>([&] { load_cifar10_files({folder / "cut.bin.xz"}); },
                           "cut.bin.xz: byte ") == "");
}

TEST_CASE("take_images: rows as f32, in the index's shape") {
  const ImageSet set = parse_cifar10(record({3}, 255) + record({9}, 51));
  const Tensor x = take_images(set.images, tensor({1, 0, 1}, DType::i64).reshape({3, 1}));
  CHECK(x.shape() == Shape{3, 1, 3, 32, 32});
  CHECK(x[0][0][0][0][0].item() == doctest::Approx(0.2));
  CHECK(x[1][0][2][31][31].item() == 1);
  CHECK(complaint<ShapeError>([&] { take_images(set.images, tensor({2}, DType::i64)); },
                              "index 2 of 2 images") == "");
  CHECK(complaint<ShapeError>([&] { take_images(set.images, tensor({-1}, DType::i64)); },
                              "index -1") == "");
  CHECK(complaint<DTypeError>([&] { take_images(set.labels, tensor({0}, DType::i64)); },
                              "u8 or f32") == "");
  CHECK(complaint<DTypeError>([&] { take_images(set.images, tensor({0})); }, "index is i64") == "");
}
