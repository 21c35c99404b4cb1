// From logits by device to numbers, items and figures of a row.
#pragma once

#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/experiment/trial.h>

namespace regrad::asc {

using experiment::Hits;
using experiment::Recordings;

// logits [m,K] by device, as data.test_y.
Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data);
double mean_of_unseen(const Hits& hits, const Recordings& data);  // of their means

// A metric as a score (the mean over devices first .. last - 1 of their means) and, clip by clip,
// as items.
void add(const experiment::Job& job, const std::string& metric, const Hits& hits, size_t first,
         size_t last, const Recordings& data, experiment::Outcome& out);

// "accuracy" (mean over all devices), "unseen", "seen", and, for at most twelve devices, "on device
// X".
void add_by_device(const experiment::Job& job, const Hits& hits, const Recordings& data,
                   experiment::Outcome& out);

// Accuracy by device, and the confusions of all devices together.
void add_figures(const experiment::Job& job, const std::vector<Tensor>& logits, const Hits& hits,
                 const Recordings& data, experiment::Outcome& out);

}  // namespace regrad::asc
