#include <regrad/datasets/internal/utf8.h>
#include <regrad/engine/error.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace regrad::detail {
namespace {

constexpr char32_t replacement = 0xFFFD;

// Bytes of the code point at `at`, 0 where they are no UTF-8.
size_t point_at(std::string_view text, size_t at, char32_t& c) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) {
    c = byte;
    return 1;
  }
  utf8proc_int32_t point = -1;
  const auto left = static_cast<utf8proc_ssize_t>(std::min<size_t>(text.size() - at, 4));
  const utf8proc_ssize_t n =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at, left, &point);
  if (n <= 0) return 0;
  c = static_cast<char32_t>(point);
  return static_cast<size_t>(n);
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}
bool between(utf8proc_category_t first, char32_t c, utf8proc_category_t last) {
  const utf8proc_category_t is = category(c);
  return is >= first && is <= last;
}

}  // namespace

size_t bad_utf8(std::string_view text) {
  char32_t c = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t n = point_at(text, at, c);
    if (n == 0) return at;
    at += n;
  }
  return std::string_view::npos;
}

void check_utf8(std::string_view text, const std::string& where, const char* what) {
  const size_t at = bad_utf8(text);
  if (at == std::string_view::npos) return;
  std::array<char, 8> byte{};
  std::snprintf(byte.data(), byte.size(), "0x%02X", static_cast<unsigned char>(text[at]));
  throw IOError(where + ": " + what + " is no UTF-8: byte " + std::to_string(at) + " of it is " +
                byte.data() + "; save the file as UTF-8");
}

char32_t next_point(std::string_view text, size_t& at) {
  char32_t c = 0;
  const size_t n = point_at(text, at, c);
  at += std::max<size_t>(n, 1);
  return n == 0 ? replacement : c;
}

void append_point(std::string& to, char32_t c) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
  to.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(n));
}

bool is_letter(char32_t c) { return between(UTF8PROC_CATEGORY_LU, c, UTF8PROC_CATEGORY_LO); }
bool is_number(char32_t c) { return between(UTF8PROC_CATEGORY_ND, c, UTF8PROC_CATEGORY_NO); }
bool is_alphanumeric(char32_t c) { return is_letter(c) || is_number(c); }
bool is_mark(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }
bool is_punctuation(char32_t c) { return between(UTF8PROC_CATEGORY_PC, c, UTF8PROC_CATEGORY_PO); }
bool is_control(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_CN ||
         between(UTF8PROC_CATEGORY_CC, c, UTF8PROC_CATEGORY_CO);
}
bool is_space(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ZS; }

std::u32string lower(char32_t c) {
  if (c < 0x80) return {c >= 'A' && c <= 'Z' ? c + 32 : c};
  if (c == 0x130) return {0x69, 0x307};
  return {static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)))};
}

std::string lower(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();)
    for (const char32_t c : lower(next_point(text, at))) append_point(out, c);
  return out;
}

std::u32string decomposed(const std::u32string& text) {
  std::u32string out;
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; })) return text;
  std::string bytes;
  for (const char32_t c : text) append_point(bytes, c);
  utf8proc_uint8_t* made = nullptr;
  const utf8proc_ssize_t n =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                   static_cast<utf8proc_ssize_t>(bytes.size()), &made,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
  if (n < 0) return text;  // only where memory is out, or text is no Unicode, which it is
  const std::string_view view(reinterpret_cast<const char*>(made), static_cast<size_t>(n));
  for (size_t at = 0; at < view.size();) out.push_back(next_point(view, at));
  std::free(made);
  return out;
}

}  // namespace regrad::detail
