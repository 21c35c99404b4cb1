// The words of a text.
#pragma once

#include <string>
#include <vector>

namespace regrad {

// split("a,b,", ',') is {"a", "b", ""}; of an empty text there are none.
inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  size_t begin = 0;
  for (size_t end; (end = text.find(at, begin)) != std::string::npos; begin = end + 1)
    out.push_back(text.substr(begin, end - begin));
  out.push_back(text.substr(begin));
  return out;
}

}  // namespace regrad
