// What --task and --data mean to a table that trains a net on images: generated ones, published
// sets, or a person's own.
#pragma once

#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/experiment/training/settings.h>
#include <regrad/datasets/loader.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>

#include <memory>

namespace regrad::experiment {

struct Images {
  ImageSet train, test;
  std::vector<double> mean, deviation;  // by channel, of images in [0, 1]
  // Where pictures stay on disk: in the place of both sets, which are empty then.
  struct OnDisk {
    PictureFolder train, test;
    int64_t side;
  };
  std::shared_ptr<const OnDisk> disk = {};
  // Where the set has a part for the learning curve: the curve reads no test image then.
  ImageSet validation = {};
  // Of each test image its cluster, such as its speaker; empty: each stands alone.
  std::vector<int64_t> test_group = {};
  // Where the images are spectrograms: what makes one of a sound, for a model's file.
  Metadata about = {};
  // Of a person's own examples: what was read and what was done to it, for the log.
  std::vector<std::string> notes = {};

  int64_t count(Split part) const;
  int64_t channels() const { return disk ? 3 : train.images.size(1); }
  int64_t side() const { return disk ? disk->side : train.images.size(2); }
  int64_t columns() const { return disk ? disk->side : train.images.size(3); }
  const std::vector<std::string>& classes() const {
    return disk ? disk->train.classes : train.classes;
  }
};

// Batches of the part's first so many images, with the images' mean and deviation. From disk:
// random crops for training, the middle for test (datasets/picture_folder.h).
Loader loader_of(const Images& images, Split part, int64_t first, const Random& r,
                 LoaderOptions options);

// f32 [n,c,h,w] by the images' mean and deviation, as batches come.
Tensor normalized(const Images& images, const Tensor& x);

// What examples in a folder are brought to.
struct OwnOptions {
  int64_t side = 32;    // pictures (imagenet's too): pixels a side
  int64_t frames = 32;  // sounds: frames a second
  double seconds = 1;   // sounds: of each, from its beginning
  // the share of each class that is for test, where there is no train/ and test/
  double test_share = 0.2;
};

// glyphs, fmnist, cifar10, cifar100, folder, imagenet.
const std::vector<std::string>& image_tasks();

// glyphs: drawn, no data: ten classes of 16x16 pixels with noise N(0, 0.3^2), 2,000 and 1,000
// images, classes in turn.
// fmnist: Fashion-MNIST from the folder, from Debian's package where none is given: the published
// files, or train20k ones.
// cifar10: as published (binary version), or files cifar10_train*.bin and cifar10_test*.bin (also
// .gz, .xz).
// cifar100: the same of CIFAR-100, its 100 fine classes.
// folder: pictures or sounds by class, a person's own (own.h): folders of classes in train/ and
// test/, or folders of classes alone, of which a share is kept for test.
// imagenet: pictures by class in train/ and val/, which stay on disk and are read batch by batch,
// as side x side pixels; classes in turn, as in folder; normalized as torchvision's models have it.
// IOError where they are missing or broken; ConfigError where there is no such task.
Images load_images(const std::string& task, const std::string& folder, const OwnOptions& own = {});

// The first so many.
ImageSet first_of(const ImageSet& set, int64_t count);

// What such a table lets the user set of its images, beside TrainSettings.
struct ImageSettings {
  int train = 5000, test = 10000, curve = 2000;
  int size = 32;
  double seconds = 1, test_share = 0.2;
  int padding = 0;
  bool flip = false, keep_last = false;

  OwnOptions own(int64_t frames = 32) const { return {size, frames, seconds, test_share}; }
  static void parts(auto& self, auto&& part) {
    part("train", self.train, "training images, the first so many", at_least(1));
    part("test", self.test, "test images, the first so many", at_least(1));
    part("curve", self.curve, "of them those behind a point of the learning curve", at_least(1));
    part("size", self.size, "folder, imagenet: pixels per side that pictures are brought to",
         between(1, 4096));
    part("seconds", self.seconds, "folder of sounds: seconds of each, from its beginning",
         between(0.1, 60));
    part("test_share", self.test_share,
         "folder without train/ and test/: share of each class that is kept for test, by a hash of "
         "the names",
         inside());
    part("padding", self.padding, "random crops with so many zeros around", between(0, 1024));
    part("flip", self.flip, "random horizontal flips");
    part("keep_last", self.keep_last, "an epoch's last, shorter batch is used too");
  }
};

// For each of the part's first so many images 100 where its largest logit is its class's, else 0,
// by the net out of training.
template <class Net>
std::vector<double> hits_of(const Net& net, const Images& images, Split part, int64_t first) {
  const NoGrad quiet;
  const Loader loader = loader_of(images, part, first, Random(0),
                                  {.batch = images.disk ? 50 : 250, .shuffle = false, .ahead = 0});
  std::vector<double> out;
  for (int64_t b = 0; b < loader.batches(); ++b) {
    const Batch batch = loader.at(0, b);
    const std::vector<double> some = hits_of(net(batch.x), batch.y);
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

// The set of a TrainTrial (training/trial.h): shuffled batches by the stream r, "test accuracy" on
// the curve, "accuracy" at the end, classes and mean and deviation in the model's file.
class ImageBatches {
 public:
  ImageBatches(std::shared_ptr<const Images> images, const TrainSettings& training,
               const ImageSettings& settings, const Random& r);

  int64_t batches() const { return ahead_->loader.batches(); }
  // From disk the next ones are read meanwhile.
  Batch batch(int64_t i) const;

  template <class Net>
  Moment curve(const Net& net) const {
    if (!images_->validation.labels.defined())
      return {{"test accuracy", mean(hits_of(net, *images_, Split::test, s_.curve))}};
    const ImageSet& held = images_->validation;
    const Tensor x = normalized(*images_, held.images);
    return {{"validation accuracy", mean(hits_of(net, x, held.labels, 250))}};
  }
  template <class Net>
  void score(const Job& job, const Net& net, Outcome& out) const {
    std::vector<double> hits = this->hits(net);
    add_score(job, "accuracy", mean(hits), out);
    add_items(job, "accuracy", std::move(hits), out, images_->test_group);
  }
  // Of the test images that the score counts.
  template <class Net>
  std::vector<double> hits(const Net& net) const {
    return hits_of(net, *images_, Split::test, s_.test);
  }
  Metadata about() const;

 private:
  std::shared_ptr<const Images> images_;
  ImageSettings s_;
  struct Ahead {
    Loader loader;
    int64_t next = 0;  // the step whose batch loader.next() gives
  };
  std::shared_ptr<Ahead> ahead_;
};

}  // namespace regrad::experiment
