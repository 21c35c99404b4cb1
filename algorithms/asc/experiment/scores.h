// What a row of regrad-asc reports of logits, by device.
#pragma once

#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/experiment/data/device_scores.h>

#include <algorithm>
#include <optional>

namespace regrad::asc {

using experiment::Hits, experiment::Job, experiment::Moment, experiment::Outcome;
using experiment::Recordings;

// Of logits [m,K] by device, as data.test_y.
Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data);
// -log softmax(z)_y of each test clip, in nats: the challenge's log loss.
Hits log_losses(const std::vector<Tensor>& logits, const Recordings& data);

// The logits [m,K] of a net out of training on the test clips of each device.
template <class Net>
std::vector<Tensor> logits_by_device(const Net& net, const Recordings& data) {
  const NoGrad quiet;
  std::vector<Tensor> out;
  for (const Tensor& x : data.test_x) {
    std::vector<Tensor> some;
    for (int64_t at = 0; at < x.size(0); at += 100)
      some.push_back(net(slice(x, 0, at, std::min(at + 100, x.size(0))).contiguous()));
    out.push_back(cat(some, 0));
  }
  return out;
}

// A metric as a score (the mean over devices first .. last - 1 of their means) and, clip by clip,
// as items; nothing where there is no such device.
void add(const Job& job, const std::string& metric, const Hits& values, size_t first, size_t last,
         const Recordings& data, Outcome& out);
// "accuracy" (mean over all devices), "unseen", "seen", and, for at most twelve devices, "on device
// X".
void add_by_device(const Job& job, const Hits& hits, const Recordings& data, Outcome& out);
// Accuracy by device as above, "log loss", "log loss, unseen" and "log loss, seen", a chart of the
// devices and the confusions of all of them together.
void add_scores(const Job& job, const std::vector<Tensor>& logits, const Recordings& data,
                Outcome& out);

// "validation accuracy" of a net, the mean over the seen devices: for the curve and, as the score
// "validation", for whatever is chosen. Nothing where there is no validation part.
template <class Net>
std::optional<double> validation_accuracy(const Net& net, const Recordings& data) {
  const Hits hits = experiment::validation_hits_of(net, data);
  if (hits.empty()) return {};
  return experiment::mean_of(hits, 0, hits.size());
}

}  // namespace regrad::asc
