// Batches of an image set: shuffled by a stream, augmented, made ahead on a thread of the loader's
// own.
//
//   Loader loader(train, Random(seed) / "loader", {.batch = 128, .augment = {.padding = 4, .flip =
//       true}});
//   for (int64_t i = 0; i < epochs * loader.batches(); ++i) { const Batch b = loader.next();
//       step(b.x, b.y); }
//
// A batch has an address, (epoch, position): the order of an epoch depends on r and the epoch, what
// happens to a row on r, epoch and row, never on threads or on what was loaded before. So a run
// that goes on from a checkpoint seeks to its address and gets the same bits.
#pragma once

#include <regrad/datasets/augment.h>
#include <regrad/datasets/images.h>
#include <regrad/datasets/picture_folder.h>
#include <regrad/datasets/views.h>

#include <memory>

namespace regrad {

struct LoaderOptions {
  int64_t batch = 128;
  bool shuffle = true;
  bool drop_last = false;  // leave out an epoch's last batch where it is shorter
  Augment augment = {};
  // Instead of one augmented image so many views of it (views.h)
  std::vector<ViewRecipe> views = {};
  // by channel: (x - mean) / deviation, after the augmentation; none: x as it is, in [0, 1]
  std::vector<double> mean = {}, deviation = {};
  // batches made ahead of their use; 0: none, and no thread
  int64_t ahead = 2;
};

struct Batch {
  Tensor x;      // f32 [b, c, h, w]; u8 images come divided by 255. With views: the first
  Tensor y;      // i64 [b]
  Tensor index;  // i64 [b]: rows of the set
  int64_t epoch = 0, position = 0;
  std::vector<Tensor> views = {};  // f32 [b, c, size, size], one for each recipe
};

class Loader {
 public:
  // ShapeError, DTypeError: images that are not [n, c, h, w] of u8 or f32, labels that are not i64
  // [n]; ConfigError: batch below 1, ahead or padding below 0, mean and deviation that are not one
  // a channel, a deviation of 0, no batch at all in an epoch, views beside augment or as
  // random_view refuses them (ShapeError where channels are neither 1 nor 3).
  Loader(const ImageSet& set, const Random& r, const LoaderOptions& options = {});
  // Pictures that stay on disk: a batch's are read when it is made, ahead of its use, cropped and
  // then augmented or viewed. IOError, thrown by at() and next(), for one that is gone or broken.
  Loader(PictureFolder set, const PictureCrop& crop, const Random& r,
         const LoaderOptions& options = {});
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  int64_t batches() const;  // an epoch
  // The batch of that address, made on the calling thread, or views on all. May be called from any
  // thread.
  // ConfigError outside [0, batches()) or at a negative epoch.
  Batch at(int64_t epoch, int64_t position) const;
  // The next batch, epoch after epoch; from (0, 0) on, or from where seek has led. What making it
  // threw, this throws. From one thread at a time.
  Batch next();
  void seek(int64_t epoch, int64_t position);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace regrad
