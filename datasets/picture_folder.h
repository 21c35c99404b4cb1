// Pictures by class that stay on disk: names and classes are held, and a picture is read and
// decoded when its batch is made, by the loader's own thread ahead of its use (loader.h). For sets
// that no memory holds, such as ImageNet.
//
//   const PictureFolder train = list_picture_folder("data/imagenet/train");
//   Loader loader(train, {.size = 224, .random = true}, Random(seed) / "loader",
//                 {.batch = 256, .augment = {.flip = true}, .ahead = 4});
#pragma once

#include <regrad/engine/random.h>

#include <string>
#include <vector>

namespace regrad {

struct PictureFolder {
  std::string folder;
  std::vector<std::string> names;  // below it: "class/picture.jpg"
  Tensor labels;                   // i64 [n], in [0, classes.size())
  std::vector<std::string> classes;
  int64_t size() const { return static_cast<int64_t>(names.size()); }
};

// A class for each folder in it, sorted by name; pictures (PNG, JPEG) in it by path. No picture is
// opened. IOError: no folder; as load_image_folder (image_folder.h) has it.
PictureFolder list_picture_folder(const std::string& folder);
// Those of some rows, in that order. ShapeError at a row that is not there.
PictureFolder rows_of(const PictureFolder& set, const std::vector<int64_t>& rows);

// How a picture of any size becomes size x size pixels; both as torchvision's transforms on
// pictures (Pillow's bilinear filter with antialiasing).
struct PictureCrop {
  int64_t size = 224;
  // false: Resize, the shorter side to size 256 / 224, then CenterCrop(size). true:
  // RandomResizedCrop(size): a rectangle of 8% to 100% of the area whose sides are as 3:4 to 4:3,
  // drawn up to ten times until it lies within, else the largest such in the middle; resized.
  bool random = false;
};
// u8 [3, size, size]; a gray picture three times. The stream decides the rectangle. IOError naming
// the file: it is gone, or broken. ConfigError: a size outside [1, 32768].
Tensor read_picture(const PictureFolder& set, int64_t row, const PictureCrop& crop,
                    const Random& r);

}  // namespace regrad
