#include <regrad/algorithms/map/map.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::map_pruning {
namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = 0;
  void take(const Tensor& magnitude) {
    if (magnitude.numel() == 0) return;
    high = std::max(high, amax(magnitude).item());
    low = std::min(low, -amax(-magnitude).item());
  }
};

Tensor attention_of(const Tensor& magnitude, const Range& r, double lb) {
  if (!(r.high > r.low)) return ones_like(magnitude);
  return clamp(((magnitude - r.low) / (r.high - r.low)) * (1 - lb) + lb, lb, 1.0);
}

}  // namespace

double lower_bound(double p, double z) { return std::pow(1 - p, z); }

std::vector<Tensor> attention(const std::vector<Tensor>& weights, double p,
                              const AttentionOptions& options) {
  const NoGrad quiet;
  const double lb = lower_bound(p, options.z);
  Range all;
  std::vector<Tensor> magnitudes, out;
  for (const Tensor& w : weights) {
    magnitudes.push_back(abs(w));
    all.take(magnitudes.back());
  }
  for (const Tensor& m : magnitudes) {
    Range own;
    if (options.per_layer) own.take(m);
    out.push_back(attention_of(m, options.per_layer ? own : all, lb));
  }
  return out;
}

Tensor exploring(const Tensor& mask, const Tensor& a, double lb) {
  return mask * a + (1 - mask) * lb;
}
Tensor exploiting(const Tensor& mask, const Tensor& a) { return mask * a; }

}  // namespace regrad::map_pruning
