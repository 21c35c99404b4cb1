#include <regrad/datasets/internal/archive.h>

#include <algorithm>

#include <locale.h>

namespace regrad::detail {
namespace {

locale_t utf8() {
  static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);  // reads files: once
  return made;
}

constexpr size_t end_record = 22, longest_comment = 65535;
constexpr uint32_t elsewhere = 0xffffffff;  // the true size stands in a record of 64 bits

uint32_t little_endian(std::string_view bytes, size_t at, int n) {
  uint32_t v = 0;
  for (int i = n - 1; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return v;
}

// The end record: "PK\5\6", 8 bytes, the directory's size and place u32, the comment's size u16, a
// comment to the end. `last`: the file's last bytes.
void check_end_record(std::string_view last, int64_t size, const std::string& where) {
  for (size_t at = last.rfind("PK\5\6"); at != std::string_view::npos;
       at = at > 0 ? last.rfind("PK\5\6", at - 1) : std::string_view::npos) {
    if (last.size() - at < end_record ||
        at + end_record + little_endian(last, at + 20, 2) != last.size())
      continue;
    const uint32_t bytes = little_endian(last, at + 12, 4), place = little_endian(last, at + 16, 4);
    const int64_t before = size - static_cast<int64_t>(last.size() - at) - bytes - place;
    if (bytes != elsewhere && place != elsewhere && before > 0)
      throw IOError(where + ": " + std::to_string(before) +
                    " bytes stand in front of the zip, such as another one; only the last zip of a "
                    "file is read");
    return;
  }
}

}  // namespace

void check_nothing_before_zip(std::string_view bytes, const std::string& where) {
  check_end_record(
      bytes.substr(bytes.size() - std::min(bytes.size(), end_record + longest_comment)),
      static_cast<int64_t>(bytes.size()), where);
}
void check_nothing_before_zip(const InputFile& file) {
  std::string last(static_cast<size_t>(
                       std::min(file.size(), static_cast<int64_t>(end_record + longest_comment))),
                   '\0');
  file.read(file.size() - static_cast<int64_t>(last.size()), last.data(),
            static_cast<int64_t>(last.size()));
  check_end_record(last, file.size(), file.path());
}

Utf8Names::Utf8Names() : before_(utf8() ? uselocale(utf8()) : nullptr) {}
Utf8Names::~Utf8Names() {
  if (before_) uselocale(static_cast<locale_t>(before_));
}

void broken(archive* a, const std::string& where, const char* otherwise) {
  const char* words = archive_error_string(a);
  throw IOError(where + ": " + (words ? words : otherwise));
}

std::string name_of(archive_entry* e, const std::string& where) {
  const char* name = archive_entry_pathname_utf8(e);
  if (!name) name = archive_entry_pathname(e);  // not UTF-8: the bytes as they are
  if (!name) throw IOError(where + ": an entry without a name");
  return name;
}

bool is_empty_zip(std::string_view bytes) {
  return bytes.size() == static_cast<size_t>(empty_zip_bytes) && bytes.substr(0, 4) == "PK\5\6" &&
         bytes.find_first_not_of('\0', 4) == std::string_view::npos;
}

}  // namespace regrad::detail
