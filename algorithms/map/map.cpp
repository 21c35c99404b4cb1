#include <regrad/algorithms/map/map.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::map_pruning {

using namespace pruning;

namespace {

// u = (|W| - low) / (high - low) of magnitudes, as A = lb + (1-lb) u.
Tensor attention_of(const Tensor& magnitude, double low, double high, double lb) {
  if (!(high > low)) return ones_like(magnitude);
  return clamp(((magnitude - low) / (high - low)) * (1 - lb) + lb, lb, 1.0);
}

}  // namespace

double lower_bound(double p, double z) { return std::pow(1 - p, z); }

Tensors attention(const Tensors& weights, double p, const Options& options) {
  const NoGrad quiet;
  Tensors out;
  std::vector<double> low, high;  // by layer
  for (const Tensor& w : weights) {
    out.push_back(abs(w));
    const bool any = w.numel() > 0;
    low.push_back(any ? amin(out.back()).item() : std::numeric_limits<double>::infinity());
    high.push_back(any ? amax(out.back()).item() : 0);
  }
  if (!options.per_layer && !out.empty()) {
    std::fill(low.begin(), low.end(), *std::min_element(low.begin(), low.end()));
    std::fill(high.begin(), high.end(), *std::max_element(high.begin(), high.end()));
  }
  for (size_t l = 0; l < out.size(); ++l)
    out[l] = attention_of(out[l], low[l], high[l], lower_bound(p, options.z));
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
