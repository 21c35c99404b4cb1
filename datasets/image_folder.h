// Pictures by class: a folder or archive with a folder per class (torchvision's ImageFolder), or a
// list of names and classes (mini-ImageNet's CSVs).
//
//   const ImageSet train = load_image_folder("data/flowers", {.height = 32, .width = 32, .under =
//       "train"});
//   const ImageSet test = load_image_list("data/mini-imagenet/images.zip",
//       "data/mini-imagenet/test.csv", {.height = 84, .width = 84});
//
// Pictures are .png, .jpg and .jpeg (any case); files that are no pictures are passed over. The
// same result for any number of threads.
// IOError naming file, and entry and byte or line: no pictures, those of other formats, a class
// without any, broken ones, those larger than their bytes can hold, a list that names what is not
// there; archives that are broken, cut or encrypted, unpack to more than most_bytes, or have a path
// with "..". ConfigError: sides below 1 or above 32,768, channels other than 1 and 3.
#pragma once

#include <regrad/datasets/images.h>

namespace regrad {

// bilinear: as torchvision's Resize does on pictures (Pillow 11's, antialiased), bit for bit. area:
// the exact mean over each new pixel's rectangle, rounded.
enum class Resize { bilinear, area };

struct ImageFolderOptions {
  int64_t height = 84, width = 84;
  int channels = 3;  // 3: red, green, blue; 1: gray
  Resize resize = Resize::bilinear;
  std::string under = "";  // only what lies in this folder of it
  // of what is read of an archive; -1: 64 times its own bytes and 16 MiB more
  int64_t most_bytes = -1;
};

// A class for each first folder of a path, sorted by name; pictures in it by path. u8 [n, channels,
// height, width]. names: takes "class/path below it" of each picture; sizes: the height and width
// that each had.
struct PictureSize {
  int64_t height, width;
};
ImageSet load_image_folder(const std::string& path, const ImageFolderOptions& options = {},
                           std::vector<std::string>* names = nullptr,
                           std::vector<PictureSize>* sizes = nullptr);

// The pictures that a CSV names, in its order: a header line (columns filename and label, or two of
// any name; it may be missing), then a line
// "file name,class" each. Names are matched with the paths in `path` (below `under`), whole or by
// their last part. Classes sorted by name.
ImageSet load_image_list(const std::string& path, const std::string& csv,
                         const ImageFolderOptions& options = {});

// One PNG or JPEG file, brought to the options' size: u8 [channels, height, width]. `under` is not
// looked at.
Tensor load_picture(const std::string& path, const ImageFolderOptions& options = {});

}  // namespace regrad
