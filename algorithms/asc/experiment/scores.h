// From logits by device to numbers, items and figures of a row.
#pragma once

#include <regrad/algorithms/experiment/data/device_scores.h>

namespace regrad::asc {

using experiment::Hits, experiment::Job, experiment::Moment, experiment::Outcome;
using experiment::Recordings;

// logits [m,K] by device, as data.test_y.
Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data);

// A metric as a score (the mean over devices first .. last - 1 of their means) and, clip by clip,
// as items.
void add(const Job& job, const std::string& metric, const Hits& hits, size_t first, size_t last,
         const Recordings& data, Outcome& out);

// "accuracy" (mean over all devices), "unseen", "seen", and, for at most twelve devices, "on device
// X".
void add_by_device(const Job& job, const Hits& hits, const Recordings& data, Outcome& out);

// Accuracy by device, and the confusions of all devices together.
void add_figures(const Job& job, const std::vector<Tensor>& logits, const Hits& hits,
                 const Recordings& data, Outcome& out);

}  // namespace regrad::asc
