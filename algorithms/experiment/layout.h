// Text in columns for a terminal or a pipe. Widths count characters of UTF-8, not bytes.
#pragma once

#include <string>
#include <vector>

namespace regrad::experiment {

// Where a table is printed.
struct Screen {
  int columns = 80;
  bool bold = false;  // the best of each metric, by the terminal's own bold
  bool utf8 = true;   // false: "+-" for "±"
};
// Of standard output: a terminal's width (80 for pipes), at least 40; bold on a terminal unless
// NO_COLOR is set and not empty or TERM is dumb or missing.
Screen screen_of_stdout();

size_t width_of(const std::string& text);
// Filled with spaces to that width; longer text stays as it is.
std::string padded(const std::string& text, size_t width, bool right = false);

// Lines of at most `width` characters, cut at spaces; a longer word has a line of its own.
std::vector<std::string> wrapped(const std::string& text, size_t width);
// The same as text that ends with a newline, its second and further lines set in by `indent`.
std::string paragraph(const std::string& text, size_t width, size_t indent = 0);

using TextRows = std::vector<std::vector<std::string>>;
// Columns three spaces apart; no trailing spaces.
std::string in_columns(const TextRows& rows);

}  // namespace regrad::experiment
