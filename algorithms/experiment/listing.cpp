#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/listing.h>

#include <optional>

namespace regrad::experiment {
namespace {

std::string cell(const std::string& text) {
  std::string out;
  size_t from = 0;
  for (size_t at = 0; (at = text.find("[[", from)) != std::string::npos;) {
    const size_t end = text.find("]]", at);
    if (end == std::string::npos) break;
    out += escaped(text.substr(from, at - from)) + "<mark>" +
           escaped(text.substr(at + 2, end - at - 2)) + "</mark>";
    from = end + 2;
  }
  return out + escaped(text.substr(from));
}

// "83%": 83; nothing where a cell is no whole share.
std::optional<int> share(const std::string& cell) {
  if (cell.size() < 2 || cell.size() > 4 || cell.back() != '%') return {};
  int out = 0;
  for (const char c : cell.substr(0, cell.size() - 1)) {
    if (c < '0' || c > '9') return {};
    out = 10 * out + (c - '0');
  }
  return out;
}

// All but its first column are shares, as of a confusion matrix.
bool of_shares(const Listing& l) {
  for (const auto& row : l.rows)
    for (size_t i = 1; i < row.size(); ++i)
      if (!share(row[i])) return false;
  return !l.rows.empty() && l.columns.size() > 1;
}

std::string row_html(const std::vector<std::string>& row, bool shares) {
  std::string out = "<tr>";
  for (size_t i = 0; i < row.size(); ++i) {
    out += "<td";
    if (shares && i > 0 && *share(row[i]) > 0)
      out += " style=\"background: rgba(0, 114, 178, " +
             std::to_string(0.006 * *share(row[i])).substr(0, 5) + ")\"";
    out += ">" + cell(row[i]) + "</td>";
  }
  return out + "</tr>\n";
}

}  // namespace

std::string to_html(const Listing& listing) {
  const bool shares = of_shares(listing);
  std::string head = "<tr>", shown, rest;
  for (const std::string& c : listing.columns) head += "<th>" + escaped(c) + "</th>";
  head += "</tr>\n";
  const size_t most = shares ? listing.rows.size() : kRowsShown;
  for (size_t i = 0; i < listing.rows.size(); ++i)
    (i < most ? shown : rest) += row_html(listing.rows[i], shares);
  const std::string open = std::string("<div class=\"scroll\"><table class=\"listing") +
                           (shares ? " shares" : "") + "\">\n",
                    close = "</table></div>\n";
  std::string out = "<h3>" + escaped(listing.title) + "</h3>\n" + open + head + shown + close;
  if (!rest.empty())
    out += "<details><summary>" + std::to_string(listing.rows.size() - most) +
           " more rows</summary>\n" + open + head + rest + close + "</details>\n";
  return out;
}

}  // namespace regrad::experiment
