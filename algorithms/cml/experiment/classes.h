// Classes of images for few-shot tasks: which rows of which set may be drawn in training, for
// validation and at test.
#pragma once

#include <regrad/algorithms/shared/episodes.h>
#include <regrad/datasets/episodes.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/picture_folder.h>

#include <memory>

namespace regrad::cml {

// A set and the sampler over those of its classes that count.
struct ClassSet {
  ImageSet set;  // without images where these stay on disk
  EpisodeSampler sampler;
  // Pictures that are read when a task has them, and how.
  std::shared_ptr<const PictureFolder> on_disk = nullptr;
  ImageFolderOptions options = {};

  ClassSet(ImageSet images, const std::vector<int64_t>& classes = {})  // none: all of them
      : set(std::move(images)), sampler(set.labels, classes) {}
  ClassSet(const std::shared_ptr<const PictureFolder>& pictures, const ImageFolderOptions& how,
           const std::vector<int64_t>& classes = {})
      : set{{}, pictures->labels, pictures->classes},
        sampler(set.labels, classes),
        on_disk(pictures),
        options(how) {}

  Shape image_shape() const;  // [c,h,w]
  // Rows of the set, i64 [..] -> f32 [..,c,h,w] in [0, 1]. IOError naming a picture that is gone or
  // broken.
  Tensor take(const Tensor& rows) const;

  // One task for each stream: x [T, ways shots, c, h, w] and [T, ways queries, c, h, w] f32 in [0,
  // 1], y i64. ConfigError as EpisodeSampler's.
  TaskBatch tasks(const std::vector<Random>& streams, const EpisodeShape& shape) const;
  int64_t least_rows() const;  // of the smallest class
};
// Their classes are disjoint.
struct ClassSplits {
  ClassSet train, validation, test;
};

// Images of `size` pixels per side; 0: 84 for pictures in a folder, else 28.

// Drawn glyphs, the same in every run: 200 classes for training, 50 for validation, 100 for test,
// 20 examples each.
ClassSplits glyph_classes(int64_t size);

// Omniglot in a folder (load_omniglot_splits): training classes with rotations by 90, 180 and 270
// degrees as classes of their own, test classes without. The whole of it has no validation
// alphabets: the last five of the thirty background ones are kept out of training for that.
ClassSplits omniglot_classes(const std::string& folder, int64_t size);

// Pictures in a folder: train, val (or validation) and test, each with a folder for each class; or
// train.csv, val.csv and test.csv beside images.zip, images.tar or images/ (mini-ImageNet's lists);
// or data/ with a folder for each class, and lists of class names, train.txt, val.txt and test.txt,
// beside it or in splits/bertinetto/ (CIFAR-FS). In colour, resized to squares. IOError where none
// of them is there, a class is in two parts, or a list names one that has no folder.
ClassSplits folder_classes(const std::string& folder, int64_t size);
// The same from folders, whose pictures stay on disk until a task has them: for sets that no memory
// holds, such as tieredImageNet. IOError also for archives and mini-ImageNet's lists.
ClassSplits lazy_folder_classes(const std::string& folder, int64_t size);

}  // namespace regrad::cml
