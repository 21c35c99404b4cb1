// The files in a folder or in an archive, one after the other, without unpacking anything to disk.
// Internal to the readers.
//
//   Files("images_background.zip").each([&](const FileOf& f) { if (f.name ends in ".png")
//       decode(f.read(), f.where); });
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace regrad::detail {

struct FileOf {
  const std::string& name;            // its path inside, "/" between the parts
  const std::string& where;           // begins messages: "folder/a/b.png" or "x.zip(a/b.png)"
  std::function<std::string()> read;  // all its bytes; once, and only while it is visited
};

// A folder (files by name, bytewise; links are followed, and lead somewhere), a zip, or a tar,
// plain, gz or xz (files in the archive's order). The first bytes decide what it is. Archives are
// held to most_bytes over all that is read of them; -1: 64 times the file's own bytes and 16 MiB
// more. IOError naming file, and entry or byte: neither folder nor archive; broken, cut, encrypted
// or differing bytes; more than most_bytes; an entry that is no file or folder, stands there twice,
// or whose path is empty, absolute or has ".."; a tar without its end mark, or with more behind it
// than archives.
class Files {
 public:
  explicit Files(std::string path, int64_t most_bytes = -1);
  // An archive in memory (a packed tar too).
  static Files in_memory(std::string bytes, std::string where, int64_t most_bytes = -1);

  // May be called again; the same order.
  void each(const std::function<void(const FileOf&)>& visit) const;
  // The folders inside that it names, by name: an archive need not name those of its files.
  std::vector<std::string> folders() const;
  const std::string& where() const { return where_; }

 private:
  enum class Kind { folder, zip, tar };
  Files() = default;
  void each_entry(const std::function<void(const FileOf&)>& visit,
                  const std::function<void(const std::string&)>& visit_folder) const;
  void check_tar_end() const;
  void look(const std::string& first_bytes);  // sets kind_

  std::string where_;
  std::string bytes_;       // of an archive that is in memory
  bool in_memory_ = false;  // else it is read from disk
  Kind kind_ = Kind::folder;
  int64_t most_ = 0;
};

// Whether a path inside is the system's own note (".DS_Store", "__MACOSX/..",
// "._x.png") and no data.
bool is_clutter(const std::string& name);

// Of `folders` those that hold no file of `files`, however deep, and no other folder: a class
// without examples. Clutter is passed over.
std::vector<std::string> empty_folders(const std::vector<std::string>& folders,
                                       const std::vector<std::string>& files);

}  // namespace regrad::detail
