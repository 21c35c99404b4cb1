// Parts of file names. Internal to the readers.
#pragma once

#include <string>
#include <string_view>

namespace regrad::detail {

inline bool ends_with(std::string_view name, std::string_view ending) {
  return name.size() > ending.size() && name.substr(name.size() - ending.size()) == ending;
}
// Whether a name ends so in any case: "A.WAV" ends in ".wav", which is given in small letters.
inline bool has_ending(std::string_view name, std::string_view ending) {
  if (name.size() <= ending.size()) return false;
  for (size_t i = 0; i < ending.size(); ++i) {
    const char c = name[name.size() - ending.size() + i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != ending[i]) return false;
  }
  return true;
}
// "b.wav" of "a/b.wav".
inline std::string base_of(std::string_view name) {
  return std::string(name.substr(name.rfind('/') + 1));
}
// "b" of "a/b.wav".
inline std::string stem_of(std::string_view name) {
  const std::string base = base_of(name);
  return base.substr(0, base.rfind('.'));
}
// The folder that a file lies in, by its last name: "b" of "a/b/c.wav"; empty where there is none.
inline std::string folder_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "" : base_of(name.substr(0, slash));
}

}  // namespace regrad::detail
