// Classes of images for few-shot tasks: which rows of which set may be drawn in training, for
// validation and at test.
#pragma once

#include <regrad/algorithms/shared/episodes.h>
#include <regrad/datasets/episodes.h>
#include <regrad/datasets/images.h>

namespace regrad::cml {

// A set and the sampler over those of its classes that count.
struct ClassSet {
  ImageSet set;
  EpisodeSampler sampler;

  ClassSet(ImageSet images, const std::vector<int64_t>& classes = {})  // none: all of them
      : set(std::move(images)), sampler(set.labels, classes) {}

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
// train.csv, val.csv and test.csv beside images.zip, images.tar or images/ (mini-ImageNet's lists).
// In colour. IOError where neither is there, or a class is in two parts.
ClassSplits folder_classes(const std::string& folder, int64_t size);

}  // namespace regrad::cml
