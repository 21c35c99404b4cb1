#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using Values = std::vector<double>;

// Of each entry, or of each filter: what decides.
Values importance(const Tensor& t, bool filters) {
  Values v = t.to_vector();
  for (double& x : v) x *= x;
  if (!filters) return v;
  const auto n = static_cast<size_t>(t.size(0)), each = v.size() / std::max<size_t>(n, 1);
  Values of(n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < each; ++j) of[i] += v[i * each + j];
    of[i] /= static_cast<double>(each);
  }
  return of;
}

// Whether each is kept. Sorting stops at the threshold.
std::vector<bool> kept(const Values& v, double p, MaskOptions::Rule rule) {
  const auto n = static_cast<int64_t>(v.size()), k = pruned_count(n, p);
  std::vector<bool> out(v.size(), true);
  if (n == 0 || (k == 0 && rule == MaskOptions::exact)) return out;
  Values sorted = v;
  const int64_t place = rule == MaskOptions::official ? std::min(k, n - 1) : k - 1;
  std::nth_element(sorted.begin(), sorted.begin() + place, sorted.end());
  const double theta = sorted[static_cast<size_t>(place)];
  int64_t ties = rule == MaskOptions::official
                     ? n
                     : k - std::count_if(v.begin(), v.end(), [&](double x) { return x < theta; });
  for (size_t i = 0; i < v.size(); ++i) {
    if (v[i] < theta) out[i] = false;
    if (v[i] == theta && ties > 0) out[i] = false, --ties;
  }
  return out;
}

}  // namespace

std::vector<size_t> prunable(const std::vector<Tensor>& params) {
  std::vector<size_t> convs, matrices;
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].dim() == 4) convs.push_back(i);
    if (params[i].dim() == 2) matrices.push_back(i);
  }
  if (!convs.empty()) return convs;
  if (!matrices.empty()) matrices.pop_back();
  return matrices;
}

std::vector<Tensor> picked(const std::vector<Tensor>& params, const std::vector<size_t>& at) {
  std::vector<Tensor> out;
  for (size_t i : at) out.push_back(params.at(i));
  return out;
}

double cubic_sparsity(double s, double t, double t0, double t1, double s0) {
  if (t <= t0 && t < t1) return s0;
  if (t >= t1) return s;
  const double left = 1 - (t - t0) / (t1 - t0);
  return s + (s0 - s) * left * left * left;
}

int64_t pruned_count(int64_t n, double p) {
  return static_cast<int64_t>(std::floor(static_cast<double>(n) * p + 1e-9));
}

std::vector<Tensor> magnitude_masks(const std::vector<Tensor>& weights, double p,
                                    const MaskOptions& options) {
  if (!(p >= 0 && p <= 1))
    throw ConfigError("masks: a sparsity of " + decimal(p) + " is not in [0, 1]");
  std::vector<Tensor> out;
  if (options.per_layer) {
    MaskOptions one = options;
    one.per_layer = false;
    for (const Tensor& w : weights) out.push_back(magnitude_masks({w}, p, one)[0]);
    return out;
  }
  Values all;
  std::vector<size_t> counts;  // of what is kept or pruned: entries or filters
  for (const Tensor& w : weights) {
    const Values v = importance(w, options.filters);
    all.insert(all.end(), v.begin(), v.end());
    counts.push_back(v.size());
  }
  const std::vector<bool> keep = kept(all, p, options.rule);
  size_t first = 0;
  for (size_t l = 0; l < weights.size(); first += counts[l++]) {
    Values mask(static_cast<size_t>(weights[l].numel()));
    for (size_t i = 0; i < mask.size(); ++i) mask[i] = keep[first + i * counts[l] / mask.size()];
    out.push_back(tensor(mask, weights[l].shape(), weights[l].dtype()));
  }
  return out;
}

std::vector<Tensor> one_shot_masks(const std::vector<Tensor>& params, double ratio) {
  if (!(ratio >= 0 && ratio <= 1))
    throw ConfigError("one_shot_masks: a ratio of " + decimal(ratio) + "; needs [0, 1]");
  const std::vector<size_t> at = prunable(params);
  const std::vector<Tensor> weights = picked(params, at);
  const auto n = static_cast<double>(entries_in(weights));
  const std::vector<Tensor> found = magnitude_masks(weights, n > 0 ? std::round(ratio * n) / n : 0);
  std::vector<Tensor> masks;
  for (const Tensor& t : params) masks.push_back(ones(t.shape(), t.dtype()));
  for (size_t l = 0; l < at.size(); ++l) masks[at[l]] = found[l];
  return masks;
}

int64_t zeros_in(const std::vector<Tensor>& tensors) {
  int64_t n = 0;
  for (const Tensor& t : tensors) {
    const std::vector<double> v = t.to_vector();
    n += std::count(v.begin(), v.end(), 0.0);
  }
  return n;
}

int64_t entries_in(const std::vector<Tensor>& tensors) {
  int64_t n = 0;
  for (const Tensor& t : tensors) n += t.numel();
  return n;
}

int64_t empty_filters(const Tensor& weight) {
  return zeros_in({any(flatten(weight.detach(), 1), {1})});
}

}  // namespace regrad
