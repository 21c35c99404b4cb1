#include <regrad/datasets/folder_kind.h>
#include <regrad/datasets/internal/class_folders.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <set>

namespace regrad {
namespace {

bool is_sound(const std::string& name) {
  return !detail::is_clutter(name) &&
         (detail::has_ending(name, ".wav") || detail::has_ending(name, ".flac") ||
          detail::has_ending(name, ".ogg"));
}

}  // namespace

FolderKind folder_kind(const std::string& path) {
  return typed_memory([&] {
    FolderKind out;
    std::string picture, sound;  // the first of each
    std::set<std::string> first;
    detail::Files(path).each([&](const detail::FileOf& f) {
      const auto slashes = std::count(f.name.begin(), f.name.end(), '/');
      const bool heard = is_sound(f.name);
      if (slashes == 0 || !(heard || detail::is_picture(f.name))) return;
      if (std::string& kept = heard ? sound : picture; kept.empty()) kept = f.name;
      first.insert(f.name.substr(0, f.name.find('/')));
      out.flat = out.flat || slashes == 1;
    });
    if (picture.empty() && sound.empty())
      throw IOError(path +
                    ": holds no pictures (.png, .jpg) and no sounds (.wav, .flac, .ogg) in folders "
                    "by class");
    if (!picture.empty() && !sound.empty())
      throw IOError(path + ": holds pictures (" + picture + ") and sounds (" + sound +
                    "); a table is of one kind, so give each a folder of its own");
    out.kind = picture.empty() ? FolderKind::sounds : FolderKind::pictures;
    out.parts = first.count("train") && first.count("test");
    return out;
  });
}

}  // namespace regrad
