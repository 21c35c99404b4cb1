// What lies in a folder of somebody's own examples, before a reader is chosen for it.
//
//   if (folder_kind("data/birds").kind == FolderKind::sounds) load_sound_folder("data/birds");
#pragma once

#include <string>

namespace regrad {

struct FolderKind {
  enum Kind { pictures, sounds } kind = pictures;
  bool parts = false;  // train/ and test/ are there
  // some example lies right in a first folder, "owl/hoot.wav"; else all lie deeper, as
  // "ann/owl/hoot.wav" does
  bool flat = false;
};

// By the endings of the names: .png, .jpg, .jpeg; .wav, .flac, .ogg; in any case. A folder, or an
// archive as load_image_folder reads them. IOError naming it: it is neither, no example lies in a
// folder of it, or it holds both kinds (one of each is named).
FolderKind folder_kind(const std::string& path);

}  // namespace regrad
