// A person's own examples by class: what --task folder reads, in every table.
//
//   DIR/train/CLASS/* and DIR/test/CLASS/*     parts as they stand, or
//   DIR/CLASS/*                                parts by a hash of the names (datasets/split.h)
//
// Pictures are PNG and JPEG, sounds WAV, FLAC and OGG; classes are the folders, sorted by name.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/datasets/audio/clips.h>

#include <map>
#include <mutex>

namespace regrad::experiment {

// Counts what examples were before they were brought to one size or rate, for the log.
class Brought {
 public:
  void add(const std::string& was);  // "28 x 28 pixels"; from any thread
  // "6 of 10 pictures brought to 32 x 32 pixels: 28 x 28 pixels (5), 9 x 7 pixels (1)"; empty where
  // all were so.
  std::string line(const std::string& things, const std::string& to) const;

 private:
  std::mutex mutex_ = {};
  std::map<std::string, int64_t> count_ = {};
};
std::string hertz(int64_t rate);  // "16000 Hz"

struct OwnPictures {
  ImageSet all;                    // u8 [n,3,side,side]
  std::vector<std::string> names;  // "class/cat.png", in train/ and test/ alike
  std::vector<bool> test;          // of each, whether it is for test
};
// IOError as load_image_folder and test_by_name; sounds; classes of test/ that train/ has not.
OwnPictures own_pictures(const std::string& folder, int64_t side, double test_share, Brought& was);
// IOError as load_sound_folder; pictures.
AudioSet own_sounds(const std::string& folder, double test_share);

// Pictures of side x side pixels; or sounds as 40 log-mels (words.h), `seconds` of each. A part of
// the training sounds is for the curve (parts_for). IOError naming folder or file: none of both,
// both, one class, a class of one example, a broken file.
Images own_images(const std::string& folder, const OwnOptions& o);

// IOError naming the folder: none was given, or it is none.
void need_folder(const std::string& folder, const std::string& what);
// IOError: fewer than two classes.
void need_classes(const std::string& folder, const std::vector<std::string>& classes);
// "DIR: 60 pictures of 5 classes (a, b, c, d, e): 48 to train on, 12 to test on, .."
std::string counted(const std::string& folder, const std::string& things,
                    const std::vector<std::string>& classes, int64_t train, int64_t test);

}  // namespace regrad::experiment
