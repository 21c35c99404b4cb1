#include <regrad/algorithms/cml/experiment/claims.h>

namespace regrad::cml {

using experiment::Claim;
using experiment::Result;

Claim better(const Result& result, const std::string& a, const std::string& b,
             const std::string& metric, const std::string& at, const std::string& named) {
  const bool lower = result.better == experiment::Better::lower;
  return experiment::claim(a + (lower ? " below " : " above ") + (named.empty() ? b : named) + at,
                           experiment::values(result, a, metric),
                           experiment::values(result, b, metric),
                           lower ? experiment::Direction::below : experiment::Direction::above);
}

std::vector<Claim> family_claims(const Result& result, const std::string& metric,
                                 const std::string& at) {
  std::vector<Claim> out;
  for (const std::string base : {"maml++", "boil", "sharp"}) {
    const std::string cml = base + "-cml", dagger = base + "-dagger";
    if (!has(result, base)) continue;
    if (has(result, dagger)) out.push_back(better(result, dagger, base, metric, at));
    if (has(result, cml)) out.push_back(better(result, cml, base, metric, at));
  }
  return out;
}

}  // namespace regrad::cml
