// The way back from the file of a net that regrad-rfn alone has to a classifier.
#pragma once

#include <regrad/algorithms/experiment/data/classify.h>

namespace regrad::relaxed_norm {

const std::vector<experiment::ClassifierReader>& classifier_readers();

}  // namespace regrad::relaxed_norm
