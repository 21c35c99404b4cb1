// From logits by device to numbers, items and figures of a row.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/scenes/recordings.h>

namespace regrad::asc {

// By device, 100 or 0 for each test clip: whether the largest logit is its class's. logits [m,K] a
// device, as data.test_y.
using Hits = std::vector<std::vector<double>>;
Hits hits_of(const std::vector<Tensor>& logits, const scenes::Recordings& data);

double mean_of(const Hits& hits, size_t first, size_t last);  // of the devices' means
inline double mean_of(const Hits& hits) { return mean_of(hits, 0, hits.size()); }
double mean_of_unseen(const Hits& hits, const scenes::Recordings& data);

// A metric as a score (mean over devices first .. last - 1) and, clip by clip, as items: the mean
// over devices where data are paired, else all of them in a row.
void add(const std::string& method, const std::string& metric, const Hits& hits, size_t first,
         size_t last, const scenes::Recordings& data, experiment::Outcome& out);

// "accuracy" (mean over all devices), "unseen", "seen", and, for at most twelve devices, "on device
// X".
void add_by_device(const std::string& method, const Hits& hits, const scenes::Recordings& data,
                   experiment::Outcome& out);

// Accuracy by device, and the confusions of all devices together.
void add_figures(const std::string& method, const std::vector<Tensor>& logits, const Hits& hits,
                 const scenes::Recordings& data, experiment::Outcome& out);

}  // namespace regrad::asc
