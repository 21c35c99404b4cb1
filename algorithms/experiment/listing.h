// A table of texts in a report: what no number and no picture tells.
//
//   Listing l{"Attacked texts", {"text", "score"}, {{"a [[fine]] film", "12.3"}}};
//   outcome.listings.push_back(l);
#pragma once

#include <string>
#include <vector>

namespace regrad::experiment {

struct Listing {
  std::string title;
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};  // what stands between [[ and ]] is marked
};

// A <table> that scrolls by itself; cells are escaped. The first few rows are open, the others
// folded; where all columns but the first are whole shares ("83%"), each is shaded by its size and
// none is folded.
constexpr size_t kRowsShown = 8;
std::string to_html(const Listing& listing);

}  // namespace regrad::experiment
