// Settings that change nothing in the table that is asked for: what a user gives is then refused,
// with the reason, instead of passing for what it is not.
//
//   std::string unused(const std::string& key, const std::vector<std::string>& methods) const {
//     return reason(key, {{"translation.", !translates, "no method of the table translates"},
//                         {"temperature", s.share == 0, "nothing is distilled (share)"}});
//   }
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace regrad::experiment {

struct Unused {
  std::string keys;  // with blanks between; one that ends in a dot is a whole group
  bool now;          // whether they change nothing here
  std::string why;
};

// Why `key` changes nothing; empty where it does something.
inline std::string reason(const std::string& key, const std::vector<Unused>& rules) {
  for (const Unused& rule : rules) {
    if (!rule.now) continue;
    for (size_t at = 0, end = 0; at < rule.keys.size(); at = end + 1) {
      end = std::min(rule.keys.find(' ', at), rule.keys.size());
      const std::string word = rule.keys.substr(at, end - at);
      if (key == word || (word.back() == '.' && key.compare(0, word.size(), word) == 0))
        return rule.why;
    }
  }
  return "";
}

// Whether f holds for one of them.
template <class List, class F>
bool any_of(const List& list, F&& f) {
  for (const auto& item : list)
    if (f(item)) return true;
  return false;
}

}  // namespace regrad::experiment
