// What a report shows of one mixture: ROC curves, histograms of scores, and texts with the words
// that attacks changed.
#pragma once

#include <regrad/algorithms/rde/experiment/detect.h>

namespace regrad::rde {

// By detector_rows()' order, a list of scores for each text of the mixture.
using ByDetector = std::vector<std::vector<double>>;

experiment::Chart roc_chart(const std::string& title, const ByDetector& scores,
                            const std::vector<bool>& attacked);
// Of one detector: texts by score in 24 bins between the 1st and the 99th percentile of all, what
// lies outside in the first and last.
experiment::Chart histogram(const std::string& title, const std::vector<double>& scores,
                            const std::vector<bool>& attacked);
// The first `most` attacked texts; behind each detector's score a star where it is flagged at a
// false alarm for every tenth clean text.
experiment::Listing texts_of(const std::string& title, const Mixture& mixture,
                             const ByDetector& scores, int64_t most);

}  // namespace regrad::rde
