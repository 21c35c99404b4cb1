// Free Spoken Digit Dataset: {digit}_{speaker}_{take}.wav, one channel of 8 kHz.
//
//   const AudioSet digits = load_fsdd("data/fsdd_takes00-24.tar.xz");
//       // 1,500 clips: 1,200 train, 300 test
//
// Takes 0 to 4 are the test part, the others train (the data set's own rule). Clips are in the
// order of digit, speaker, take; fold is the take, place the speaker. IOError naming file and
// entry: no such names at all, a .wav of another name, a digit above 9, a clip twice (in two
// folders), sounds that parse_sound refuses; archives as load_omniglot.
#pragma once

#include <regrad/datasets/audio/clips.h>

namespace regrad {

// A folder (the repository's, or that with the recordings; sounds are read on demand) or an
// archive (decoded at once).
AudioSet load_fsdd(const std::string& path);
AudioSet parse_fsdd(std::string_view archive, const std::string& where = "fsdd");

}  // namespace regrad
