#include <regrad/datasets/internal/archive.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/files.h>

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

void visit_folder(const std::string& root, const std::function<void(const FileOf&)>& visit) {
  std::vector<std::string> names;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(root, fs::directory_options::follow_directory_symlink, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at.depth() > deepest) throw IOError(at->path().string() + ": folders lie more than " + std::to_string(deepest) + " deep");
    if (at->is_regular_file(error)) names.push_back(fs::path(at->path()).lexically_relative(root).generic_string());
    error.clear();  // a link to nowhere is no file
  }
  if (error) throw IOError(root + ": cannot read the folder: " + error.message());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = root + "/" + name;
    visit({name, path, [&] { return read_file(path); }});
  }
}

std::string place(archive* a, const std::string& where) { return where + ": byte " + std::to_string(archive_filter_bytes(a, -1)); }

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

void visit_archive(archive* a, const std::string& where, int64_t left, const std::function<void(const FileOf&)>& visit) {
  std::set<std::string> seen;
  for (;;) {
    archive_entry* e = nullptr;
    const int status = archive_read_next_header(a, &e);
    if (status == ARCHIVE_EOF) return;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) broken(a, place(a, where), "is no zip or tar file");  // WARN: a name that is not UTF-8
    const std::string name = name_of(e, where), inside = where + "(" + name + ")";
    check_path(name, where);
    if (archive_entry_filetype(e) == AE_IFDIR) continue;
    if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e)) throw IOError(inside + ": is no file but a link or a device");
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

void Files::each(const std::function<void(const FileOf&)>& visit) const {
  if (kind_ == Kind::folder) return visit_folder(where_, visit);
  const Utf8Names names;
  const Archive a(archive_read_new());
  const bool made =
      a && (kind_ == Kind::zip ? archive_read_support_format_zip_seekable(a.get()) : archive_read_support_format_tar(a.get())) == ARCHIVE_OK;
  if (!made) throw OutOfMemory("out of memory: no room to open an archive");
  if (in_memory_ ? is_empty_zip(bytes_) : kind_ == Kind::zip && InputFile(where_).size() == empty_zip_bytes) return;
  const int opened =
      in_memory_ ? archive_read_open_memory(a.get(), bytes_.data(), bytes_.size()) : archive_read_open_filename(a.get(), where_.c_str(), 1 << 16);
  if (opened != ARCHIVE_OK) broken(a.get(), place(a.get(), where_), "is no zip or tar file");
  visit_archive(a.get(), where_, most_, visit);
}

bool is_clutter(const std::string& name) {
  bool clutter = false;
  each_part(name, [&](std::string_view part) { clutter = clutter || part == "__MACOSX" || (part.size() > 1 && part[0] == '.'); });
  return clutter;
}

}  // namespace regrad::detail
