#include <regrad/datasets/internal/class_folders.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <map>
#include <utility>

namespace regrad::detail {
namespace {

bool ends_in_one_of(const std::string& name, std::initializer_list<std::string_view> endings) {
  return !is_clutter(name) && std::any_of(endings.begin(), endings.end(),
                                          [&](std::string_view e) { return has_ending(name, e); });
}
// What others read as pictures: passing over them would lose them without a word.
void refuse_other_formats(const std::string& name, const std::string& where) {
  if (ends_in_one_of(name,
                     {".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".avif"}))
    throw IOError(where + ": pictures are read as PNG or JPEG; convert this one, or take it out");
}

// The folders of classes that have no picture: passed over, they would shift the numbers of the
// classes behind them.
void check_classes(const Files& files, const std::vector<std::string>& classes,
                   const std::string& under) {
  for (const std::string& folder : files.folders()) {
    const std::string name = below(folder, under);
    if (name.empty() || name.find('/') != std::string::npos || is_clutter(name)) continue;
    if (!std::binary_search(classes.begin(), classes.end(), name))
      throw IOError(
          files.where() + "/" + folder +
          ": a class without a picture (.png, .jpg, .jpeg); take the folder away, or fill it");
  }
}

}  // namespace

bool is_picture(const std::string& name) { return ends_in_one_of(name, {".png", ".jpg", ".jpeg"}); }

std::string below(const std::string& name, std::string under) {
  if (under.empty()) return name;
  if (under.back() != '/') under += '/';
  return name.substr(0, under.size()) == under ? name.substr(under.size()) : "";
}

std::vector<int64_t> number(const std::vector<std::string>& names,
                            std::vector<std::string>& classes) {
  classes = names;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<int64_t> labels;
  for (const std::string& name : names)
    labels.push_back(std::lower_bound(classes.begin(), classes.end(), name) - classes.begin());
  return labels;
}

ClassFolders class_folders(const Files& files, const std::string& under) {
  // class and path below it -> name
  std::map<std::pair<std::string, std::string>, std::string> found;
  files.each([&](const FileOf& f) {
    const std::string name = below(f.name, under);
    const size_t slash = name.find('/');
    if (slash == std::string::npos || slash == 0) return;
    refuse_other_formats(name, f.where);
    if (is_picture(name)) found[{name.substr(0, slash), name.substr(slash + 1)}] = f.name;
  });
  if (found.empty())
    throw IOError(files.where() + ": holds no <class>/<picture>" +
                  (under.empty() ? "" : " under '" + under + "'"));
  ClassFolders out;
  std::vector<std::string> of_class;
  for (const auto& [key, name] : found) {
    out.files.push_back(name);
    out.names.push_back(key.first + "/" + key.second);
    of_class.push_back(key.first);
  }
  out.labels = number(of_class, out.classes);
  check_classes(files, out.classes, under);
  return out;
}

}  // namespace regrad::detail
