#include <regrad/datasets/internal/archive.h>
#include <regrad/datasets/npz.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/npy.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <set>

namespace regrad {
namespace {

using detail::allowance;
using detail::Archive;
using detail::broken;
using detail::name_of;
using detail::Utf8Names;

// Only the zip's directory lists what it holds: entries that it does not name are not there.
Archive new_reader() {
  Archive a(archive_read_new());
  if (!a || archive_read_support_format_zip_seekable(a.get()) != ARCHIVE_OK)
    throw OutOfMemory("out of memory: no room to open a zip file");
  return a;
}

Tensor read_entry(archive* a, const std::string& entry, int64_t left, const std::string& where) {
  const std::string inside = where + "(" + entry + ")";
  const NextBytes next = [&](void* p, int64_t n) {
    const la_ssize_t got = archive_read_data(a, p, static_cast<size_t>(n));
    if (got < 0) broken(a, inside);
    return static_cast<int64_t>(got);
  };
  return read_npy(next, left, inside);
}

TensorFile read_all(archive* a, int64_t left, const std::string& where) {
  TensorFile out{{}, {}, where};
  std::set<std::string> seen;
  archive_entry* e = nullptr;
  for (;;) {
    const int status = archive_read_next_header(a, &e);
    if (status == ARCHIVE_EOF) return out;
    // WARN: a name that is not UTF-8
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) broken(a, where);
    std::string name = name_of(e, where);
    if (archive_entry_filetype(e) == AE_IFDIR) continue;
    if (name.size() <= 4 || name.substr(name.size() - 4) != ".npy")
      throw IOError(where + ": entry '" + name + "' is no .npy file");
    Tensor t = read_entry(a, name, left, where);
    left -= t.numel() * item_size(t.dtype());
    name.resize(name.size() - 4);
    if (!seen.insert(name).second)
      throw IOError(where + ": entry '" + name + ".npy' stands there twice");
    out.tensors.emplace_back(std::move(name), std::move(t));
  }
}

// Where the zip is written to. libarchive loses memory of its own when writing fails, so it never
// does: a write that found no room fails at the end.
struct Sink {
  std::string bytes;
  bool full = false;
};

la_ssize_t append(archive*, void* to, const void* bytes, size_t n) {
  auto* sink = static_cast<Sink*>(to);
  try {
    if (!sink->full) sink->bytes.append(static_cast<const char*>(bytes), n);
  } catch (const std::exception&) {  // C code lies between here and the caller
    sink->full = true;
  }
  return static_cast<la_ssize_t>(n);
}

// libarchive takes what it cannot spell for no name at all, and falls over it.
void check_names(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string_view> names;
  for (const auto& [key, t] : tensors) {
    if (key.empty()) throw IOError("save_npz: a tensor without a name");
    if (key.find('\0') != std::string::npos ||
        std::mbstowcs(nullptr, key.c_str(), 0) == static_cast<size_t>(-1))
      throw IOError("save_npz: a name is not UTF-8: '" + key + "'");
    names.push_back(key);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw IOError("save_npz: two tensors are named '" + std::string(*twice) + "'");
}

void write_entry(archive* a, const std::string& name, const std::string& bytes) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> e(archive_entry_new(),
                                                                   archive_entry_free);
  if (!e) throw OutOfMemory("out of memory: no room for an entry of a zip file");
  archive_entry_set_pathname_utf8(e.get(), name.c_str());
  archive_entry_set_filetype(e.get(), AE_IFREG);
  archive_entry_set_perm(e.get(), 0644);
  archive_entry_set_size(e.get(), static_cast<la_int64_t>(bytes.size()));
  if (archive_write_header(a, e.get()) != ARCHIVE_OK) broken(a, "save_npz: '" + name + "'");
  if (archive_write_data(a, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size()))
    broken(a, "save_npz: '" + name + "'");
}

}  // namespace

TensorFile load_npz(const std::string& path, int64_t most_bytes) {
  return typed_memory([&] {
    const InputFile file(path);  // a regular file, with the system's own words where there is none
    if (file.size() == detail::empty_zip_bytes && detail::is_empty_zip(read_file(path)))
      return TensorFile{{}, {}, path};
    detail::check_nothing_before_zip(file);
    const Utf8Names names;
    const Archive a = new_reader();
    if (archive_read_open_filename(a.get(), path.c_str(), 1 << 16) != ARCHIVE_OK)
      broken(a.get(), path);
    return read_all(a.get(), allowance(file.size(), most_bytes), path);
  });
}

TensorFile parse_npz(std::string_view bytes, const std::string& where, int64_t most_bytes) {
  return typed_memory([&] {
    if (detail::is_empty_zip(bytes)) return TensorFile{{}, {}, where};
    detail::check_nothing_before_zip(bytes, where);
    const Utf8Names names;
    const Archive a = new_reader();
    if (archive_read_open_memory(a.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
      broken(a.get(), where);
    return read_all(a.get(), allowance(static_cast<int64_t>(bytes.size()), most_bytes), where);
  });
}

void save_npz(const std::string& path, const std::vector<NamedTensor>& tensors, Deflate deflate) {
  typed_memory([&] {
    const Utf8Names names;
    Sink sink;
    const Archive a(archive_write_new());
    if (!a || archive_write_set_format_zip(a.get()) != ARCHIVE_OK)
      throw OutOfMemory("out of memory: no room to write a zip file");
    archive_write_set_bytes_per_block(a.get(), 0);  // else the end is padded
    const bool set = (deflate == Deflate::yes
                          ? archive_write_zip_set_compression_deflate(a.get())
                          : archive_write_zip_set_compression_store(a.get())) == ARCHIVE_OK &&
                     archive_write_set_options(a.get(), "hdrcharset=UTF-8") == ARCHIVE_OK;
    if (!set || archive_write_open(a.get(), &sink, nullptr, append, nullptr) != ARCHIVE_OK)
      broken(a.get(), path);
    check_names(tensors);
    for (const auto& [key, t] : tensors) {
      if (!t.defined()) throw ShapeError("save_npz: tensor '" + key + "' is undefined");
      write_entry(a.get(), key + ".npy", to_npy(t));
    }
    if (archive_write_close(a.get()) != ARCHIVE_OK) broken(a.get(), path);
    if (sink.full) detail::throw_out_of_memory();
    write_file(path, sink.bytes);
  });
}

}  // namespace regrad
