// ESC-50 and its part ESC-10 (Piczak 2015): environmental sounds in five folds.
//
//   const AudioSet ten = load_esc10("data/esc10_16k_ogg.tar");
//       // 400 clips of 16 kHz, decoded at once
//   const AudioSet fifty = load_esc50("ESC-50-master", {.only_esc10 = false, .test_fold = 5});
//       // read on demand
//
// A clip's fold is the list's column; the test fold is Part::test, the others train; place is the
// source file's number: clips of one source share a fold, which is checked. IOError naming file and
// line: columns that are missing, folds outside 1 to 5, targets outside the classes, a target with
// two names, a name twice or with a folder in it, a file that is not there (or, in the archive, not
// in the list), a source in two folds.
#pragma once

#include <regrad/datasets/audio/clips.h>

namespace regrad {

struct EscOptions {
  // of ESC-50: the 400 clips marked esc10, with targets 0 to 9 in the order of ESC-10
  bool only_esc10 = false;
  int64_t test_fold = 5;  // ConfigError outside 1 to 5
};

// The folder as published: meta/esc50.csv (filename,fold,target,category,esc10,src_file,take) and
// audio/.
AudioSet load_esc50(const std::string& folder, const EscOptions& options = {});
// An archive or folder with meta.csv (filename,fold,target,category,src_file,take) and the sounds
// beside it, targets 0 to 9.
AudioSet load_esc10(const std::string& path, int64_t test_fold = 5);
AudioSet parse_esc10(std::string_view archive, int64_t test_fold = 5,
                     const std::string& where = "esc10");

}  // namespace regrad
