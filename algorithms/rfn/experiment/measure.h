// What statistics of a trained net's maps hold of device and class (../information.h).
#pragma once

#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/algorithms/experiment/trial.h>

#include <functional>

namespace regrad::relaxed_norm {

// "nats of device, frequency, head": the measure's score for statistics of a place of the net.
std::string nats(const std::string& of, const std::string& in, const std::string& place);

// Scores after the head and the first stage, a chart of all places. maps: of clips [n,1,F,T] the
// net's maps after the head and its stages.
using Maps = std::function<std::vector<Tensor>(const Tensor& x)>;
void measure_information(const experiment::Job& job, const Maps& maps,
                         const experiment::Recordings& data, experiment::Outcome& out);

}  // namespace regrad::relaxed_norm
