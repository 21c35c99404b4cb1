// What the table of every task is asked.
#pragma once

#include <regrad/algorithms/experiment/result.h>

namespace regrad::cml {

// "a below b" or "a above b", whichever is better in this result. `named`: how b is called in the
// text, b's name where empty. at: the text's end
// (" at K=5").
experiment::Claim better(const experiment::Result& result, const std::string& a,
                         const std::string& b, const std::string& metric, const std::string& at,
                         const std::string& named = "");

// For each family in the table that has the methods for it: dagger better than the base, CML better
// than the base; of the first family the rest is the task's. Only what the family shares: MAML++,
// BOIL, Sharp-MAML.
std::vector<experiment::Claim> family_claims(const experiment::Result& result,
                                             const std::string& metric, const std::string& at);

}  // namespace regrad::cml
