#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/listing.h>

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

}  // namespace

std::string to_html(const Listing& listing) {
  std::string out =
      "<table class=\"listing\">\n<caption>" + escaped(listing.title) + "</caption>\n<tr>";
  for (const std::string& c : listing.columns) out += "<th>" + escaped(c) + "</th>";
  out += "</tr>\n";
  for (const auto& row : listing.rows) {
    out += "<tr>";
    for (const std::string& c : row) out += "<td>" + cell(c) + "</td>";
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace regrad::experiment
