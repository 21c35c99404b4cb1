// What statistics of a trained net's maps hold of device and class (../information.h).
#pragma once

#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/algorithms/experiment/trial.h>
#include <regrad/layers/nets/bcresnet.h>

namespace regrad::relaxed_norm {

// "nats of device, frequency, head": the measure's score for statistics of a place of the net.
std::string nats(const std::string& of, const std::string& in, const std::string& place);

// Scores after the head and the first stage, a chart of all places.
void measure_information(const experiment::Job& job, const BcResnetAsc& net,
                         const experiment::Recordings& data, experiment::Outcome& out);

}  // namespace regrad::relaxed_norm
