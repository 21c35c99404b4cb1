// How many of a labelled set's examples a net gets right, and what a row reports of it.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/trial.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <vector>

namespace regrad::experiment {

// For each example 100 where the largest of its logits [N,K] is that of its class y [N], else 0.
inline std::vector<double> hits_of(const Tensor& logits, const Tensor& y) {
  std::vector<double> out = eq(argmax(logits, -1), y).to(DType::f64).to_vector();
  for (double& h : out) h *= 100;
  return out;
}

// The same of a net out of training on x [N,..], `batch` examples at once.
template <class Net>
std::vector<double> hits_of(const Net& net, const Tensor& x, const Tensor& y, int64_t batch = 100) {
  const NoGrad quiet;
  std::vector<double> out;
  for (int64_t at = 0; at < x.size(0); at += batch) {
    const int64_t end = std::min(at + batch, x.size(0));
    const std::vector<double> some =
        hits_of(net(slice(x, 0, at, end).contiguous()), slice(y, 0, at, end));
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

// A score of a row, its metric named with the variant; and what it is item by item, with the items'
// clusters (Items::groups).
inline void add_score(const Job& job, const std::string& metric, double value, Outcome& out) {
  out.scores.push_back({job.method, on(metric, job.variant), value});
}
inline void add_items(const Job& job, const std::string& metric, std::vector<double> values,
                      Outcome& out, std::vector<int64_t> groups = {}) {
  out.items.push_back({job.method, on(metric, job.variant), std::move(values), std::move(groups)});
}

}  // namespace regrad::experiment
