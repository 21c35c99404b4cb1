#include <regrad/algorithms/map/map.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::map_pruning {

using namespace pruning;

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
                              const Options& options) {
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

Method method(const Options& o) {
  const auto frozen = [o](const Schedule& t, int64_t i) {
    return t.epoch(i) >= t.at_share(o.exploit);
  };
  // The factor of layer l's weight or gradient.
  const auto factor = [](const State& s, size_t l, bool explore) {
    return explore ? exploring(s.masks[l], s.memory[l], s.memory.back().item())
                   : exploiting(s.masks[l], s.memory[l]);
  };
  const auto forward = [factor](const State& s, bool explore) {
    Tensors w = weights(s);
    for (size_t l = 0; l < w.size(); ++l) w[l] = factor(s, l, explore) * w[l];
    return w;
  };
  Method m;
  m.begin = [](State& s, const Schedule&) {
    s.memory = s.masks;  // ones
    s.memory.push_back(scalar(1, DType::f64));
  };
  // Once more where exploitation begins: the masks that are frozen have that moment's sparsity.
  m.due = [o, frozen](const Schedule& t, int64_t i) {
    return frozen(t, i) ? i == t.at_share(o.exploit) * t.batches : each_refresh(t, i);
  };
  m.masks = [o](State& s, const Schedule& t, const Minibatch& batch, double p) {
    s.memory = attention(weights(s), p, o);
    s.memory.push_back(scalar(lower_bound(p, o.z), DType::f64));
    return by_magnitude(s, t, batch, p);
  };
  m.forward = [o, frozen, forward](const State& s, const Schedule& t, int64_t i) {
    return forward(s, o.soft && !frozen(t, i));
  };
  m.deployed = [forward](const State& s) { return forward(s, false); };
  m.gradient = [frozen, factor](const State& s, size_t l, const Tensor& g, const Schedule& t,
                                int64_t i) { return factor(s, l, !frozen(t, i)) * g; };
  m.frozen = frozen;
  return m;
}

}  // namespace regrad::map_pruning
