// The images that the pruning tables are about.
#pragma once

#include <regrad/datasets/images.h>

#include <string>
#include <vector>

namespace regrad::pruning {

struct Images {
  ImageSet train, test;
  std::vector<double> mean, deviation;  // by channel, of images in [0, 1]
};

// Drawn glyphs, ten classes of 16x16 pixels with noise N(0, 0.3^2): 2,000 and 1,000 images, classes
// in turn.
Images glyph_images();
// Fashion-MNIST from a folder, from Debian's package where none is given: the published files, or
// train20k ones. IOError where there are none.
Images fashion_images(const std::string& folder);
// CIFAR-10 as published (binary version), or files cifar10_train*.bin and cifar10_test*.bin (also
// .gz, .xz).
Images cifar_images(const std::string& folder);

// The first so many.
ImageSet first_of(const ImageSet& set, int64_t count);

}  // namespace regrad::pruning
