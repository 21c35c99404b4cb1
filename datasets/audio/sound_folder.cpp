#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/split.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace regrad {
namespace {

bool ends_in_one_of(const std::string& name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view e) { return detail::has_ending(name, e); });
}

// Class -> names and paths of its sounds.
using Classes = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

Classes classes_in(const std::string& path) {
  const detail::Files files(path);
  Classes out;
  std::vector<std::string> names;
  files.each([&](const detail::FileOf& f) {
    const size_t slash = f.name.find('/');
    if (slash == std::string::npos || detail::is_clutter(f.name)) return;
    if (ends_in_one_of(f.name, {".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".opus"}))
      throw IOError(f.where +
                    ": sounds are read as WAV, FLAC or OGG; convert this one, or take it "
                    "out");
    if (!ends_in_one_of(f.name, {".wav", ".flac", ".ogg"})) return;
    names.push_back(f.name);
    out[f.name.substr(0, slash)].emplace_back(f.name, f.where);
  });
  if (out.empty()) throw IOError(path + ": holds no <class>/<sound>.wav, .flac or .ogg");
  for (const std::string& folder : detail::empty_folders(files.folders(), names))
    if (folder.find('/') == std::string::npos)
      throw IOError(path + "/" + folder +
                    ": a class without a sound; take the folder away, or "
                    "fill it");
  return out;
}

void append(AudioSet& set, const Classes& classes, Part part) {
  int64_t label = 0;
  for (const auto& [name, sounds] : classes) {
    for (const auto& [of, path] : sounds) {
      Clip c;
      c.name = of, c.path = path, c.label = label, c.part = part;
      set.clips.push_back(std::move(c));
    }
    ++label;
  }
}

std::vector<std::string> names_of(const Classes& classes) {
  std::vector<std::string> out;
  for (const auto& [name, sounds] : classes) out.push_back(name);
  return out;
}

void split(AudioSet& set, const std::string& path, const SoundFolderOptions& o) {
  std::vector<std::string> names;
  std::vector<int64_t> labels;
  for (const Clip& c : set.clips) names.push_back(c.name), labels.push_back(c.label);
  const std::vector<bool> test = test_by_name(names, labels, path, o.test_share, o.seed);
  for (size_t i = 0; i < test.size(); ++i)
    if (test[i]) set.clips[i].part = Part::test;
}

}  // namespace

AudioSet load_sound_folder(const std::string& path, const SoundFolderOptions& options) {
  return typed_memory([&] {
    std::error_code missing;
    if (!std::filesystem::is_directory(path, missing))
      throw IOError(path + ": is no folder of sounds");
    AudioSet out;
    const auto is_part = [&](const char* name) {
      return std::filesystem::is_directory(path + "/" + name, missing);
    };
    if (is_part("train") && is_part("test")) {
      const Classes train = classes_in(path + "/train"), test = classes_in(path + "/test");
      out.classes = names_of(train);
      if (out.classes != names_of(test))
        throw IOError(path + ": train/ and test/ hold folders of different classes");
      append(out, train, Part::train), append(out, test, Part::test);
    } else {
      const Classes all = classes_in(path);
      out.classes = names_of(all);
      append(out, all, Part::train);
      split(out, path, options);
    }
    return out;
  });
}

}  // namespace regrad
