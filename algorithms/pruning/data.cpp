#include <regrad/algorithms/pruning/data.h>
#include <regrad/datasets/cifar.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/idx.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <filesystem>

namespace regrad::pruning {
namespace {

// Files of a folder whose names begin and end so, in order.
std::vector<std::string> named(const std::string& folder, const std::string& begin,
                               const std::string& within) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.rfind(begin, 0) == 0 && name.find(within) != std::string::npos)
      out.push_back(it->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

ImageSet fashion_part(const std::string& folder, Split split) {
  const std::string begin = split == Split::train ? "fashion-train" : "fashion-t10k";
  const std::vector<std::string> images = named(folder, begin, "images-idx3-ubyte"),
                                 labels = named(folder, begin, "labels-idx1-ubyte");
  if (images.empty() || labels.empty()) return load_mnist(folder, split, fashion_mnist_classes());
  return load_idx_pair(images[0], labels[0], fashion_mnist_classes());
}

ImageSet noisy(ImageSet set, const Random& r) {
  set.images = set.images + normal(r, set.images.shape(), 0, 0.3);
  return set;
}

ImageSet rows(const ImageSet& set, const std::vector<double>& index) {
  const Tensor at = tensor(index, {static_cast<int64_t>(index.size())}, DType::i64);
  return {index_select(set.images, 0, at), index_select(set.labels, 0, at), set.classes};
}

}  // namespace

Images glyph_images() {
  constexpr int64_t classes = 10, train = 200, test = 100;
  Glyphs glyphs;
  glyphs.size = 16;
  const Random r = Random(0) / "pruning";
  const ImageSet all = glyphs.sample(r / "glyphs", classes, train + test);
  std::vector<double> of_train, of_test;
  for (int64_t e = 0; e < train + test; ++e)
    for (int64_t c = 0; c < classes; ++c)
      (e < train ? of_train : of_test).push_back(static_cast<double>(c * (train + test) + e));
  return {noisy(rows(all, of_train), r / "train"),
          noisy(rows(all, of_test), r / "test"),
          {0.15},
          {0.4}};
}

Images fashion_images(const std::string& folder) {
  const std::string at = folder.empty() ? fashion_mnist_folder() : folder;
  if (at.empty())
    throw IOError(
        "--task fmnist: give --data DIR, the folder with train-images-idx3-ubyte.gz and its three "
        "companions, or install Debian's package "
        "dataset-fashion-mnist; --task glyphs needs no data");
  return {fashion_part(at, Split::train), fashion_part(at, Split::test), {0.2860}, {0.3530}};
}

Images cifar_images(const std::string& folder) {
  if (folder.empty())
    throw IOError(
        "--task cifar10: give --data DIR, the folder with cifar-10-binary.tar.gz or its files; "
        "--task glyphs needs no data");
  const std::vector<std::string> train = named(folder, "cifar10_train", ".bin"),
                                 test = named(folder, "cifar10_test", ".bin"),
                                 archive = named(folder, "cifar-10-binary.tar", "");
  const std::string whole = archive.empty() ? folder : archive[0];
  const bool parts = !train.empty() && !test.empty();
  return {parts ? load_cifar10_files(train) : load_cifar10(whole, Split::train),
          parts ? load_cifar10_files(test) : load_cifar10(whole, Split::test),
          {0.4914, 0.4822, 0.4465},
          {0.2023, 0.1994, 0.2010}};
}

ImageSet first_of(const ImageSet& set, int64_t count) {
  const int64_t n = std::min(count, set.size());
  return {slice(set.images, 0, 0, n).contiguous(), slice(set.labels, 0, 0, n).contiguous(),
          set.classes};
}

}  // namespace regrad::pruning
