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
  const Tensor squares = square(t.detach().to(DType::f64));
  return (filters ? mean(flatten(squares, 1), {1}) : squares).to_vector();
}

// Whether each is kept. Sorting stops at the threshold.
std::vector<bool> kept(const Values& v, double p, bool exact) {
  const auto n = static_cast<int64_t>(v.size()), k = pruned_count(n, p);
  std::vector<bool> out(v.size(), true);
  if (n == 0 || (k == 0 && exact)) return out;
  Values sorted = v;
  const int64_t place = exact ? k - 1 : std::min(k, n - 1);
  std::nth_element(sorted.begin(), sorted.begin() + place, sorted.end());
  const double theta = sorted[static_cast<size_t>(place)];
  const auto below = std::count_if(v.begin(), v.end(), [&](double x) { return x < theta; });
  int64_t ties = exact ? k - below : n;
  for (size_t i = 0; i < v.size(); ++i) out[i] = !(v[i] < theta || (v[i] == theta && ties-- > 0));
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

std::vector<size_t> prunable_but_classifier(const std::vector<Tensor>& params) {
  std::vector<size_t> out = prunable(params);
  const bool matrix =
      std::any_of(params.begin(), params.end(), [](const Tensor& t) { return t.dim() == 2; });
  if (!matrix && out.size() > 1) out.pop_back();
  return out;
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
  const std::vector<bool> keep = kept(all, p, options.rule == MaskOptions::exact);
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
  for (const Tensor& t : tensors) n += static_cast<int64_t>(sum(eq(t.detach(), 0)).item());
  return n;
}

int64_t empty_filters(const Tensor& weight) {
  return zeros_in({any(flatten(weight.detach(), 1), {1})});
}

int64_t off_target(const std::vector<Tensor>& weights, double p, const MaskOptions& options) {
  if (options.per_layer) {
    MaskOptions one = options;
    one.per_layer = false;
    int64_t most = 0;
    for (const Tensor& w : weights) {
      const int64_t off = off_target({w}, p, one);
      if (std::abs(off) > std::abs(most)) most = off;
    }
    return most;
  }
  int64_t units = 0, pruned = 0, stray = 0;
  for (const Tensor& w : weights) {
    const int64_t zeros = zeros_in({w}), empty = options.filters ? empty_filters(w) : zeros;
    units += options.filters ? w.size(0) : w.numel();
    pruned += empty;
    if (options.filters) stray += zeros - empty * (w.numel() / w.size(0));
  }
  const int64_t more = options.rule == MaskOptions::official;
  const int64_t off = pruned - std::min(units, pruned_count(units, p) + more);
  return std::abs(off) > stray ? off : stray;
}

}  // namespace regrad
