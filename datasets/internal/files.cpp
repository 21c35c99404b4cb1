#include <regrad/datasets/internal/archive.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

namespace regrad::detail {
namespace {

namespace fs = std::filesystem;

constexpr int deepest = 16;  // folders in folders: more is a link that leads back
constexpr size_t tar_magic_at = 257, first_block = 512;

// f(part) of each part of a path.
template <class F>
void each_part(const std::string& name, F&& f) {
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    f(std::string_view(name).substr(start, end - start));
    start = end + 1;
  }
}

void check_path(const std::string& name, const std::string& where) {
  bool leaves = name.empty() || name[0] == '/' || name[0] == '\\';
  each_part(name, [&](std::string_view part) { leaves = leaves || part == ".."; });
  if (leaves) throw IOError(where + ": entry '" + name + "': a path that leads out of the archive");
}

// "a/b" of "./a/b" and of "a/b/": what tar writes of a folder that is packed as ".".
std::string inside_of(std::string name) {
  while (!name.empty() && name.back() == '/') name.pop_back();
  while (name.substr(0, 2) == "./") name.erase(0, 2);
  return name == "." ? "" : name;
}

using VisitFile = std::function<void(const FileOf&)>;
using VisitFolder = std::function<void(const std::string&)>;

void visit_on_disk(const std::string& root, const VisitFile& visit,
                   const VisitFolder& visit_folder) {
  std::vector<std::string> names, folders;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(root, fs::directory_options::follow_directory_symlink,
                                             error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at.depth() > deepest)
      throw IOError(at->path().string() + ": folders lie more than " + std::to_string(deepest) +
                    " deep");
    const std::string name = fs::path(at->path()).lexically_relative(root).generic_string();
    if (at->is_regular_file(error)) names.push_back(name);
    if (at->is_directory(error)) folders.push_back(name);
    const bool nowhere = at->is_symlink(error) && !at->exists(error);
    if (nowhere && !is_clutter(name)) throw IOError(at->path().string() + ": a link to nowhere");
    error.clear();
  }
  if (error) throw IOError(root + ": cannot read the folder: " + error.message());
  std::sort(names.begin(), names.end());
  std::sort(folders.begin(), folders.end());
  for (const std::string& name : folders) visit_folder(name);
  for (const std::string& name : names) {
    const std::string path = root + "/" + name;
    visit({name, path, [&] { return read_file(path); }});
  }
}

std::string place(archive* a, const std::string& where) {
  return where + ": byte " + std::to_string(archive_filter_bytes(a, -1));
}

std::string read_entry(archive* a, int64_t& left, const std::string& where) {
  std::string bytes;
  char block[1 << 14];
  for (;;) {
    const la_ssize_t got = archive_read_data(a, block, sizeof block);
    if (got < 0) broken(a, place(a, where), "cannot be read");
    if (got == 0) return bytes;
    left -= got;
    if (left < 0) throw IOError(place(a, where) + ": the archive unpacks to more than it may");
    bytes.append(block, static_cast<size_t>(got));
  }
}

void visit_archive(archive* a, const std::string& where, int64_t left, const VisitFile& visit,
                   const VisitFolder& visit_folder) {
  std::set<std::string> seen;
  for (;;) {
    archive_entry* e = nullptr;
    const int status = archive_read_next_header(a, &e);
    if (status == ARCHIVE_EOF) return;
    // WARN: a name that is not UTF-8
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      broken(a, place(a, where), "is no zip or tar file");
    check_path(name_of(e, where), where);
    const std::string name = inside_of(name_of(e, where)), inside = where + "(" + name + ")";
    if (archive_entry_filetype(e) == AE_IFDIR) {
      if (!name.empty()) visit_folder(name);
      continue;
    }
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e))
      throw IOError(inside + ": is no file but a link or a device");
    if (!seen.insert(name).second) throw IOError(inside + ": stands there twice");
    visit({name, inside, [&] { return read_entry(a, left, inside); }});
  }
}

}  // namespace

void Files::look(const std::string& first_bytes) {
  const std::string_view magic = std::string_view(first_bytes).substr(0, 4);
  if (magic == "PK\3\4" || magic == "PK\5\6")
    kind_ = Kind::zip;
  else if (first_bytes.size() > tar_magic_at && first_bytes.compare(tar_magic_at, 5, "ustar") == 0)
    kind_ = Kind::tar;
  else
    throw IOError(where_ + ": byte 0: is no folder, zip or tar");
}

// A tar ends with blocks of zeros: libarchive takes one that was cut between two entries for whole.
void Files::check_tar_end() const {
  const int64_t size = in_memory_ ? static_cast<int64_t>(bytes_.size()) : InputFile(where_).size();
  std::string last(static_cast<size_t>(std::min(size, static_cast<int64_t>(first_block))), '\0');
  const int64_t from = size - static_cast<int64_t>(last.size());
  if (in_memory_)
    last = bytes_.substr(static_cast<size_t>(from));
  else
    InputFile(where_).read(from, last.data(), static_cast<int64_t>(last.size()));
  if (last.find_first_not_of('\0') != std::string::npos)
    throw IOError(where_ + ": byte " + std::to_string(size) +
                  ": the tar ends without the zeros that mark its end: cut");
}

Files::Files(std::string path, int64_t most_bytes) : where_(std::move(path)) {
  if (fs::is_directory(where_)) return;
  const InputFile file(where_);
  std::string first(std::min(static_cast<size_t>(file.size()), first_block), '\0');
  file.read(0, first.data(), static_cast<int64_t>(first.size()));
  most_ = allowance(file.size(), most_bytes);
  if (is_packed(first)) {
    first = bytes_ = unpack(read_file(where_), where_, most_bytes);
    in_memory_ = true;
  }
  look(first);
}

Files Files::in_memory(std::string bytes, std::string where, int64_t most_bytes) {
  Files files;
  files.most_ = allowance(static_cast<int64_t>(bytes.size()), most_bytes);
  files.where_ = std::move(where);
  files.bytes_ = unpack(std::move(bytes), files.where_, most_bytes);
  files.in_memory_ = true;
  files.look(files.bytes_);
  return files;
}

void Files::each(const VisitFile& visit) const {
  each_entry(visit, [](const std::string&) {});
}

std::vector<std::string> Files::folders() const {
  std::vector<std::string> out;
  each_entry([](const FileOf&) {}, [&](const std::string& name) { out.push_back(name); });
  std::sort(out.begin(), out.end());
  return out;
}

void Files::each_entry(const VisitFile& visit, const VisitFolder& visit_folder) const {
  if (kind_ == Kind::folder) return visit_on_disk(where_, visit, visit_folder);
  const Utf8Names names;
  const Archive a(archive_read_new());
  const bool made =
      a && (kind_ == Kind::zip ? archive_read_support_format_zip_seekable(a.get())
                               : archive_read_support_format_tar(a.get())) == ARCHIVE_OK;
  if (!made) throw OutOfMemory("out of memory: no room to open an archive");
  if (kind_ == Kind::zip && in_memory_) check_nothing_before_zip(bytes_, where_);
  if (kind_ == Kind::zip && !in_memory_) check_nothing_before_zip(InputFile(where_));
  // Else what lies behind the first of several tars would be gone without a word.
  if (kind_ == Kind::tar &&
      archive_read_set_option(a.get(), "tar", "read_concatenated_archives", "1") != ARCHIVE_OK)
    broken(a.get(), where_);
  if (in_memory_ ? is_empty_zip(bytes_)
                 : kind_ == Kind::zip && InputFile(where_).size() == empty_zip_bytes)
    return;
  const int opened = in_memory_ ? archive_read_open_memory(a.get(), bytes_.data(), bytes_.size())
                                : archive_read_open_filename(a.get(), where_.c_str(), 1 << 16);
  if (opened != ARCHIVE_OK) broken(a.get(), place(a.get(), where_), "is no zip or tar file");
  visit_archive(a.get(), where_, most_, visit, visit_folder);
  if (kind_ == Kind::tar) check_tar_end();
}

std::vector<std::string> empty_folders(const std::vector<std::string>& folders,
                                       const std::vector<std::string>& files) {
  std::set<std::string> filled;
  const auto fill = [&](const std::string& name) {
    for (size_t slash = name.rfind('/'); slash != std::string::npos && slash > 0;
         slash = name.rfind('/', slash - 1))
      filled.insert(name.substr(0, slash));
  };
  for (const std::string& name : files) fill(name);
  for (const std::string& name : folders)
    if (!is_clutter(name)) fill(name);
  std::vector<std::string> out;
  for (const std::string& name : folders)
    if (filled.count(name) == 0 && !is_clutter(name)) out.push_back(name);
  return out;
}

bool is_clutter(const std::string& name) {
  bool clutter = false;
  each_part(name, [&](std::string_view part) {
    clutter = clutter || part == "__MACOSX" || (part.size() > 1 && part[0] == '.');
  });
  return clutter;
}

}  // namespace regrad::detail
