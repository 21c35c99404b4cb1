#include <regrad/algorithms/experiment/layout.h>
#include <regrad/algorithms/experiment/progress.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace regrad::experiment {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

}  // namespace

Screen screen_of_stdout() {
  Screen out{80, false, locale_is_utf8()};
  if (::isatty(STDOUT_FILENO) == 0) return out;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    out.columns = std::max<int>(40, size.ws_col);
  out.bold = !is_set("NO_COLOR") && is_set("TERM") && std::string(std::getenv("TERM")) != "dumb";
  return out;
}

size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool right) {
  const size_t own = width_of(text);
  const std::string fill(own < width ? width - own : 0, ' ');
  return right ? fill + text : text + fill;
}

std::vector<std::string> wrapped(const std::string& text, size_t width) {
  std::vector<std::string> out;
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && width_of(line) + 1 + width_of(word) > width) {
      out.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty() || out.empty()) out.push_back(line);
  return out;
}

std::string paragraph(const std::string& text, size_t width, size_t indent) {
  std::string out;
  // what would stand in the first line's first `indent` places is text there
  const std::vector<std::string> lines =
      wrapped(text, std::max<size_t>(width, indent + 20) - indent);
  for (const std::string& line : lines)
    out += (out.empty() ? "" : std::string(indent, ' ')) + line + "\n";
  return out;
}

std::string in_columns(const TextRows& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += (i ? "   " : "") + padded(row[i], width[i]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace regrad::experiment
