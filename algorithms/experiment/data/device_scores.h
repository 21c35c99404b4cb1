// Accuracy by device: hits of test clips, what they are as items of a table, and their chart.
#pragma once

#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/algorithms/experiment/training/accuracy.h>

namespace regrad::experiment {

// By device, 100 or 0 for each test clip.
using Hits = std::vector<std::vector<double>>;

// Of the test clips, by all devices: for the score at the end, once.
template <class Net>
Hits hits_of(const Net& net, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < data.test_x.size(); ++d)
    out.push_back(hits_of(net, data.test_x[d], data.test_y[d]));
  return out;
}
// Of the validation clips, by the seen devices: for the curve and for choices.
template <class Net>
Hits validation_hits_of(const Net& net, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < data.validation_x.size(); ++d)
    out.push_back(hits_of(net, data.validation_x[d], data.validation_y[d]));
  return out;
}

// The mean over devices first .. last - 1 of their means, by clip: where all devices recorded the
// same clips the mean over these devices, else all their clips in a row.
double mean_of(const Hits& hits, size_t first, size_t last);
std::vector<double> by_clip(const Hits& hits, size_t first, size_t last, bool paired);
// Of each of these values the number of its moment or recording (Recordings::test_group); empty
// where the recordings have none.
std::vector<int64_t> groups_by_clip(const Recordings& data, size_t first, size_t last);

// "resnorm", or "resnorm, sd4" of one variant among several.
std::string title_of(const Job& job);
// Each device's mean, over the devices' names, those of training first; the report makes one chart
// of all methods.
Chart device_chart(const Job& job, const Hits& hits, const Recordings& data);

}  // namespace regrad::experiment
