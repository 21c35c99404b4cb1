// Pictures by class: a folder for each class, its pictures below. Internal to the readers.
#pragma once

#include <regrad/datasets/internal/files.h>

namespace regrad::detail {

// .png, .jpg or .jpeg, and no clutter.
bool is_picture(const std::string& name);
// The path below `under`; empty where it does not lie there.
std::string below(const std::string& name, std::string under);
// The places of names among the classes, which are those names sorted, each once.
std::vector<int64_t> number(const std::vector<std::string>& names,
                            std::vector<std::string>& classes);

// By class, and in it by path.
struct ClassFolders {
  std::vector<std::string> files;  // as Files has them
  std::vector<std::string> names;  // "class/path below it"
  std::vector<int64_t> labels;
  std::vector<std::string> classes;
};
// IOError: no pictures, those of other formats, a class without any.
ClassFolders class_folders(const Files& files, const std::string& under);

}  // namespace regrad::detail
