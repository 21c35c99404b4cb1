// Sounds by class: a folder with a folder for each class.
//
//   const AudioSet set = load_sound_folder("data/birds");  // data/birds/owl/hoot.wav, ..
#pragma once

#include <regrad/datasets/audio/clips.h>

namespace regrad {

struct SoundFolderOptions {
  // where there is no train/ and test/: the share of each class that is kept for test, by the
  // names' hashes with that seed (../split.h)
  double test_share = 0.2;
  uint64_t seed = 0;
};

// Folders of classes in train/ and test/, or folders of classes alone. Classes sorted by name,
// sounds in them (.wav, .flac, .ogg, any case, however deep) by path; a sound is read when it is
// asked for. Files that are no sounds are passed over. IOError naming folder or file: no sounds,
// those of other formats, a class without any, other classes in test/ than in train/, a class of
// fewer than two sounds where they have to be split.
AudioSet load_sound_folder(const std::string& path, const SoundFolderOptions& options = {});

}  // namespace regrad
