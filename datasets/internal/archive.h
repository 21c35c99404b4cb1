// libarchive as the readers of this folder use it, and the rule for what a file may unfold to.
// Internal: no public header shows libarchive.
#pragma once

#include <regrad/engine/io/files.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>

namespace regrad::detail {

// Bytes that a file of so many may unfold to, where most_bytes is -1: 64 times its own and 16 MiB
// more, which data meets and a zip bomb does not.
inline int64_t allowance(int64_t file_bytes, int64_t most_bytes = -1) {
  return most_bytes >= 0 ? most_bytes : file_bytes * 64 + (16 << 20);
}

struct CloseArchive {
  void operator()(archive* a) const { archive_free(a); }
};
using Archive = std::unique_ptr<archive, CloseArchive>;

// libarchive spells names in the thread's locale, and finds none for most in a program that has
// never called setlocale. While one lives, this thread (and no other) has UTF-8.
class Utf8Names {
 public:
  Utf8Names();
  ~Utf8Names();
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  void* before_;
};

// Throws IOError with libarchive's own words, or `otherwise` where it has none.
[[noreturn]] void broken(archive* a, const std::string& where,
                         const char* otherwise = "is no zip file");

// The entry's path in UTF-8, or its bytes as they are. IOError where it has none.
std::string name_of(archive_entry* e, const std::string& where);

// A zip names its entries at its end, and where they lie; what stands in front of the first would
// be gone without a word, such as another zip. IOError then. Sizes of more than 32 bits are not
// looked at.
void check_nothing_before_zip(std::string_view bytes, const std::string& where);
void check_nothing_before_zip(const InputFile& file);

// A zip of no entries, for which libarchive sees no zip.
bool is_empty_zip(std::string_view bytes);
inline constexpr int64_t empty_zip_bytes = 22;

}  // namespace regrad::detail
