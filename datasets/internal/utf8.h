// UTF-8 as the readers of texts use it. Internal: no public header shows utf8proc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace regrad::detail {

// The first byte that is no valid UTF-8 (overlong, a surrogate, above U+10FFFF, cut); npos where
// there is none.
size_t bad_utf8(std::string_view text);
// IOError "<where>: <what> is no UTF-8: byte <b> of it is 0x<..>".
void check_utf8(std::string_view text, const std::string& where, const char* what);

// The code point that begins at byte `at`, which moves behind it; U+FFFD for each byte that is no
// UTF-8.
char32_t next_point(std::string_view text, size_t& at);
void append_point(std::string& to, char32_t c);

// What Unicode says of a code point, as Python's str and unicodedata do.
bool is_alphanumeric(char32_t c);  // categories L*, Nd, Nl, No that str.isalnum takes
bool is_letter(char32_t c);        // L*
bool is_number(char32_t c);        // N*
bool is_mark(char32_t c);          // Mn
bool is_punctuation(char32_t c);   // P*
bool is_control(char32_t c);       // C*
bool is_space(char32_t c);         // Zs
// str.lower of one code point: one, or for U+0130 two.
std::u32string lower(char32_t c);
std::string lower(std::string_view text);
// Canonical decomposition (NFD).
std::u32string decomposed(const std::u32string& text);

}  // namespace regrad::detail
