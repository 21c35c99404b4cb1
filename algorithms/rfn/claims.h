// The six directions that were written down before any table (audio.md section 3), as claims with
// paired bootstraps over the test clips.
#pragma once

#include <regrad/algorithms/experiment/result.h>

namespace regrad::relaxed_norm {

// Those whose rows the result has, in the order of the specification; each text begins with its
// direction's number.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& devices);

// A metric of a kind of devices: "unseen@sd4".
std::string on(const std::string& metric, const std::string& devices);
// "nats of device in frequency statistics, head": the measure's score for a place of the net.
std::string nats(const std::string& of, const std::string& in, const std::string& place);

}  // namespace regrad::relaxed_norm
