#include <regrad/datasets/internal/archive.h>

#include <locale.h>

namespace regrad::detail {
namespace {

locale_t utf8() {
  static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);  // reads files: once
  return made;
}

}  // namespace

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
