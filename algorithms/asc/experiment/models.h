// The files of regrad-asc's nets beside BC-ResNet-ASC (experiment/data/scene_model.h): the way back
// to a classifier.
#pragma once

#include <regrad/algorithms/experiment/data/classify.h>

namespace regrad::asc {

const std::vector<experiment::ClassifierReader>& classifier_readers();

}  // namespace regrad::asc
