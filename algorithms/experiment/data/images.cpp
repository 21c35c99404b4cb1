#include <regrad/algorithms/experiment/data/in_turn.h>
#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/datasets/cifar.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/idx.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace regrad::experiment {
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

Images glyph_images() {
  constexpr int64_t classes = 10, train = 200, test = 100;
  Glyphs glyphs;
  glyphs.size = 16;
  const Random r = Random(0) / "pruning";
  const ImageSet all = glyphs.sample(r / "glyphs", classes, train + test);
  std::vector<int64_t> of_train, of_test;
  for (int64_t e = 0; e < train + test; ++e)
    for (int64_t c = 0; c < classes; ++c)
      (e < train ? of_train : of_test).push_back(c * (train + test) + e);
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

// classes: 10 or 100. Both are normalized alike, as DCIL's code has it.
Images cifar_images(const std::string& folder, int classes) {
  const std::string n = std::to_string(classes), file = "cifar" + n,
                    packed = "cifar-" + n + "-binary.tar";
  if (folder.empty())
    throw IOError("--task " + file + ": give --data DIR, the folder with " + packed +
                  ".gz or its files; --task glyphs needs no data");
  const std::vector<std::string> train = named(folder, file + "_train", ".bin"),
                                 test = named(folder, file + "_test", ".bin"),
                                 archive = named(folder, packed, "");
  const std::string whole = archive.empty() ? folder : archive[0];
  const bool parts = !train.empty() && !test.empty();
  const auto part = [&](const std::vector<std::string>& files, Split split) {
    if (classes == 100) return parts ? load_cifar100_files(files) : load_cifar100(whole, split);
    return parts ? load_cifar10_files(files) : load_cifar10(whole, split);
  };
  return {part(train, Split::train),
          part(test, Split::test),
          {0.4914, 0.4822, 0.4465},
          {0.2023, 0.1994, 0.2010}};
}

Images imagenet_images(const std::string& folder, int64_t side) {
  if (folder.empty())
    throw IOError(
        "--task imagenet: give --data DIR, a folder with train/ and val/ that hold a folder of "
        "pictures for each class; --task glyphs needs no data");
  const auto part = [&](const char* name) {
    const PictureFolder all = list_picture_folder(folder + "/" + name);
    return rows_of(all, in_turn(all.labels, all.classes.size()));
  };
  auto disk = std::make_shared<Images::OnDisk>(Images::OnDisk{part("train"), part("val"), side});
  if (disk->train.classes != disk->test.classes)
    throw IOError(folder + ": train/ and val/ hold folders of different classes");
  Images out;
  out.mean = {0.485, 0.456, 0.406}, out.deviation = {0.229, 0.224, 0.225};
  out.disk = std::move(disk);
  return out;
}

}  // namespace

const std::vector<std::string>& image_tasks() {
  static const std::vector<std::string> names = {"glyphs",   "fmnist", "cifar10",
                                                 "cifar100", "folder", "imagenet"};
  return names;
}

Images load_images(const std::string& task, const std::string& folder, const OwnOptions& own) {
  if (task == "glyphs") return glyph_images();
  if (task == "fmnist") return fashion_images(folder);
  if (task == "cifar10") return cifar_images(folder, 10);
  if (task == "cifar100") return cifar_images(folder, 100);
  if (task == "folder") return own_images(folder, own);
  if (task == "imagenet") return imagenet_images(folder, own.side);
  throw ConfigError("'" + task +
                    "' is not one of glyphs, fmnist, cifar10, cifar100, folder, imagenet");
}

ImageSet first_of(const ImageSet& set, int64_t count) {
  const int64_t n = std::min(count, set.size());
  return {slice(set.images, 0, 0, n).contiguous(), slice(set.labels, 0, 0, n).contiguous(),
          set.classes};
}

int64_t Images::count(Split part) const {
  if (disk) return part == Split::train ? disk->train.size() : disk->test.size();
  return part == Split::train ? train.size() : test.size();
}

Loader loader_of(const Images& images, Split part, int64_t first, const Random& r,
                 LoaderOptions options) {
  options.mean = images.mean, options.deviation = images.deviation;
  const bool training = part == Split::train;
  if (!images.disk) return {first_of(training ? images.train : images.test, first), r, options};
  const PictureFolder& all = training ? images.disk->train : images.disk->test;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < std::min(first, all.size()); ++i) rows.push_back(i);
  return {rows_of(all, rows), {.size = images.disk->side, .random = training}, r, options};
}

Tensor normalized(const Images& images, const Tensor& x) {
  const Shape per{1, images.channels(), 1, 1};
  return (x - tensor(images.mean, per, x.dtype())) / tensor(images.deviation, per, x.dtype());
}

ImageBatches::ImageBatches(std::shared_ptr<const Images> images, const TrainSettings& training,
                           const ImageSettings& settings, const Random& r)
    : images_(std::move(images)), s_(settings) {
  const LoaderOptions o{.batch = training.batch,
                        .drop_last = !s_.keep_last,
                        .augment = {.padding = s_.padding, .flip = s_.flip},
                        .ahead = images_->disk ? 2 : 0};
  ahead_ = std::make_shared<Ahead>(Ahead{loader_of(*images_, Split::train, s_.train, r, o)});
}

Batch ImageBatches::batch(int64_t i) const {
  Ahead& a = *ahead_;
  if (!images_->disk) return a.loader.at(i / batches(), i % batches());
  if (i != a.next) a.loader.seek(i / batches(), i % batches());
  a.next = i + 1;
  return a.loader.next();
}

Metadata ImageBatches::about() const {
  Metadata out = images_->about;
  out["class_names"] = joined(images_->classes(), "\n");
  if (!out.count("input")) {  // x = (pixel / 255 - mean) / deviation
    for (double m : images_->mean) out["mean"] += (out["mean"].empty() ? "" : ",") + fixed(m, 6);
    for (double d : images_->deviation)
      out["deviation"] += (out["deviation"].empty() ? "" : ",") + fixed(d, 6);
  }
  return out;
}

}  // namespace regrad::experiment
