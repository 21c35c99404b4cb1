#include <regrad/algorithms/ppp/experiment/table.h>

#include <algorithm>

namespace regrad::ppp {
namespace {

using experiment::Claims;
using experiment::Sample;

bool has_items(const experiment::Result& result, const std::string& metric) {
  return std::any_of(result.methods.begin(), result.methods.end(), [&](const auto& m) {
    return std::any_of(m.items.begin(), m.items.end(),
                       [&](const auto& of) { return of.first == metric; });
  });
}

void ask(Claims& c, const std::string& metric) {
  const auto of = [&](const std::string& row) -> Sample {
    for (const auto& m : c.result.methods)
      if (m.name == row)
        for (const auto& [name, list] : m.items)
          if (name == metric) return c.items(row, metric);
    return {};
  };
  const std::string title = experiment::metric_of(metric).title;
  const auto above = [&](const char* a, const char* b, const char* words) {
    c.above(title + ": " + words, of(a), of(b));
  };
  above("ppp", "ppp-other", "one's own prototype above another person's");
  above("ppp", "random", "one's own prototype above random channels");
  above("ppp", "norm", "one's own prototype above the full net's largest filters");
  above("ppp", "norm-gated", "one's own prototype above the same net's largest filters");
  above("ppp-other", "random", "another person's prototype above random channels");
  c.not_above(title + ": the full net not 2 points above one's own prototype", of("full"),
              of("ppp"), margin);
  c.within(title + ": random channels within 2 points of the full net's largest filters",
           of("random"), of("norm"), margin);
  above("ppp", "aig-own", "b = 1 and shared gates above b = 0 without them, both cut");
}

}  // namespace

std::vector<experiment::Claim> directions(const experiment::Result& result) {
  Claims c(result);
  for (const char* metric : {"accuracy", "unseen"})
    if (has_items(result, metric)) ask(c, metric);
  return c.list;
}

}  // namespace regrad::ppp
