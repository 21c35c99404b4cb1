// Archives by libarchive, for tests of the readers.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

namespace regrad::test {

enum class Pack { none, gz, xz };

using PackedFiles = std::vector<std::pair<std::string, std::string>>;  // names and bytes

// format: "raw" (one file), "tar" or "zip" (deflated).
inline std::string pack(const std::string& format, Pack filter, const PackedFiles& files) {
  const std::unique_ptr<archive, int (*)(archive*)> a(archive_write_new(), archive_write_free);
  bool good = archive_write_set_format_by_name(
                  a.get(), format == "tar" ? "ustar" : format.c_str()) == ARCHIVE_OK;
  if (filter == Pack::gz) good = good && archive_write_add_filter_gzip(a.get()) == ARCHIVE_OK;
  if (filter == Pack::xz) good = good && archive_write_add_filter_xz(a.get()) == ARCHIVE_OK;
  archive_write_set_bytes_per_block(a.get(), 0);
  std::string out(files.size() * 4096 + 65536, '\0');
  for (const auto& [name, bytes] : files) out.resize(out.size() + 2 * bytes.size());
  size_t used = 0;
  good = good && archive_write_open_memory(a.get(), out.data(), out.size(), &used) == ARCHIVE_OK;
  for (const auto& [name, bytes] : files) {
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> e(archive_entry_new(),
                                                                     archive_entry_free);
    archive_entry_set_pathname(e.get(), name.c_str());
    archive_entry_set_filetype(e.get(), AE_IFREG);
    archive_entry_set_perm(e.get(), 0644);
    archive_entry_set_size(e.get(), static_cast<la_int64_t>(bytes.size()));
    good = good && archive_write_header(a.get(), e.get()) == ARCHIVE_OK;
    good = good && archive_write_data(a.get(), bytes.data(), bytes.size()) ==
                       static_cast<la_ssize_t>(bytes.size());
  }
  good = good && archive_write_close(a.get()) == ARCHIVE_OK;
  if (!good)
    throw std::runtime_error(std::string("pack: ") + (archive_error_string(a.get())
                                                          ? archive_error_string(a.get())
                                                          : "failed"));
  out.resize(used);
  return out;
}
inline std::string pack(Pack filter, const std::string& bytes) {
  return filter == Pack::none ? bytes : pack("raw", filter, {{"data", bytes}});
}

}  // namespace regrad::test
