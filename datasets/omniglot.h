// Omniglot (Lake, Salakhutdinov and Tenenbaum 2015): handwritten characters of many alphabets, 20
// drawings each. Zips as published, or unpacked.
//
//   const OmniglotSplits omniglot = load_omniglot_splits("data");
//       // finds what is there, whole or small
//   const Omniglot small = load_omniglot({"data/omniglot_images_background_small1.zip"},
//       {.rotations = true});
//       // 544 classes
//
// A drawing is <anything>/<alphabet>/<character>/<number>_<drawer>.png, 105 x 105, black ink on
// white.
// IOError naming file, entry and byte: no drawings at all, a name without a drawer's number,
// another size, a broken PNG, two files that hold different drawings of one name; archives that are
// broken, cut or encrypted, unpack to more than 64 times their bytes and 16 MiB, or have a path
// with "..".
#pragma once

#include <regrad/datasets/images.h>

#include <string_view>

namespace regrad {

struct Omniglot {
  // f32 [n, 1, size, size], ink 1 on 0; a class a character: "Greek/character01"; by class, then
  // drawer
  ImageSet set;
  Tensor drawers;                      // i64 [n], as in the files' names: 1 to 20
  Tensor alphabet_of;                  // i64 [classes], in [0, alphabets.size())
  std::vector<std::string> alphabets;  // sorted
};

struct OmniglotOptions {
  // three more classes a character: turned by 90, 180 and 270 degrees counterclockwise, ".../90",
  // ...
  bool rotations = false;
  // pixels a side, each the mean over its part of the 105 (exact); ConfigError outside [1, 105]
  int64_t size = 28;
  // only these; ConfigError at one that is not there. None: all
  std::vector<std::string> alphabets = {};
};

// From several archives or folders together; a drawing that stands in more than one counts once.
// With rotations, class c + k characters is character c turned k times.
Omniglot load_omniglot(const std::vector<std::string>& paths, const OmniglotOptions& options = {});
// One zip or tar in memory; `where` begins messages.
Omniglot parse_omniglot(std::string_view bytes, const OmniglotOptions& options = {},
                        const std::string& where = "omniglot");

// Sets with disjoint alphabets for few-shot learning.
struct OmniglotSplits {
  // validation is undefined (no classes) with the whole Omniglot, whose published split has none
  Omniglot train, validation, test;
  bool whole = false;
};
struct OmniglotSplitOptions {
  bool rotate_train = true, rotate_test = false;
  int64_t size = 28;
};
// From a folder with images_background and images_evaluation: these (964 and 659 characters). Else
// with images_background_small1 and _small2: train the first (5 alphabets, 136 characters),
// validation Tagalog (17), test Japanese_(katakana) and Sanskrit (89). Each a folder or a .zip,
// with or without "omniglot_" before it.
OmniglotSplits load_omniglot_splits(const std::string& folder,
                                    const OmniglotSplitOptions& options = {});

}  // namespace regrad
