// Sounds of an archive, decoded side by side. Internal to the readers.
#pragma once

#include <regrad/datasets/audio/clips.h>

#include <string>
#include <utility>
#include <vector>

namespace regrad::detail {

// One file's bytes, and what begins its messages.
struct Encoded {
  std::string bytes, where;
};
// clips[i].kept = the sound in files[i]. The first error by i is thrown.
void decode_all(std::vector<Clip>& clips, std::vector<Encoded> files);

// IOError naming the path unless there is a regular file; a list is checked before hours
// of training.
void check_there(const std::string& path, const std::string& who_says);

}  // namespace regrad::detail
