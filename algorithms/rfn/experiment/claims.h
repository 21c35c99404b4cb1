// The six directions that were written down before any table (audio.md section 3), as claims with
// paired bootstraps over the test clips.
#pragma once

#include <regrad/algorithms/experiment/result.h>

namespace regrad::relaxed_norm {

// Those whose rows the result has, in the order of the specification; each text begins with its
// direction's number.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& devices);

}  // namespace regrad::relaxed_norm
