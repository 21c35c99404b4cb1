#include <regrad/algorithms/asc/compress.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::asc {
namespace {

// Spacing of half precision's numbers near v: 11 digits, and 2^-24 below 2^-14.
double half_of(double v) {
  if (v == 0) return v;
  int e = 0;
  std::frexp(v, &e);
  const double step = std::ldexp(1.0, std::max(e - 11, -24)), h = std::nearbyint(v / step) * step;
  if (!(std::abs(h) <= 65504))
    throw NumericError("half precision: " + decimal(v) + " is beyond 65504");
  return h;
}

bool carried_by_half(const Tensor& t) {
  const std::vector<double> v = t.to_vector();
  return std::all_of(v.begin(), v.end(),
                     [](double e) { return std::abs(e) <= 65504 && half_of(e) == e; });
}

// y = (x - mean) / sqrt(var + eps) w + b = x s + t, with the numbers of evaluation itself
// (sub_spectral_norm). In half precision t goes with the rounded s.
SubSpectralNorm folded(SubSpectralNorm n, bool wide) {
  const DType t = n.weight.dtype();
  const auto kept = [&](const Tensor& x) { return wide ? x.detach() : half(x); };
  n.weight = kept(n.weight * rsqrt(n.running_var + n.eps));
  n.bias = kept(n.bias - n.running_mean * n.weight);
  n.running_mean = zeros(n.running_mean.shape(), t);
  n.running_var = full(n.running_var.shape(), 1 - n.eps, t);
  return n;
}
bool fits_half(const SubSpectralNorm& n) {
  try {
    folded(n, false);
    return true;
  } catch (const NumericError&) {  // beyond its largest number
    return false;
  }
}
template <class F>
void each_norm(BcResnetAsc& net, F&& f) {
  f(net.head_norm);
  for (auto& stage : net.stages)
    for (BcBlock& b : stage) {
      if (b.enter.weight.defined()) f(b.enter_norm);
      f(b.freq_norm), f(b.time_norm);
    }
}

double apart(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

// A net to deploy and the clips that it is held against.
struct Tuned {
  BcResnetAsc net;  // as_tuned
  Tensor clips, logits;
  std::vector<bool> wide = {};  // by norm, in the order of each_norm

  BcResnetAsc at(const std::vector<bool>& kept_wide) const {
    BcResnetAsc out = net;
    size_t i = 0;
    each_norm(out, [&](SubSpectralNorm& n) { n = folded(n, kept_wide[i++]); });
    out.classifier.bias = half(out.classifier.bias);
    return out;
  }
  double moved(const std::vector<bool>& kept_wide) const {
    return apart(logits_of(at(kept_wide), clips), logits);
  }
  // Norms in half precision, that first which alone moves logits furthest.
  std::vector<size_t> in_turn() const {
    std::vector<double> by(wide.size(), 0);
    std::vector<size_t> out;
    for (size_t i = 0; i < wide.size(); ++i) {
      if (wide[i]) continue;
      std::vector<bool> others(wide.size(), true);
      others[i] = false;
      by[i] = moved(others);
      out.push_back(i);
    }
    std::stable_sort(out.begin(), out.end(), [&](size_t a, size_t b) {
      return by[a] > by[b] || (std::isnan(by[a]) && !std::isnan(by[b]));
    });
    return out;
  }
};

}  // namespace

BcResnetAsc quieted(const BcResnetAsc& net) {
  const NoGrad quiet;
  BcResnetAsc out = net;
  each_norm(out, [](SubSpectralNorm& n) {
    n.weight = n.weight *
               ge(n.running_var, full(n.running_var.shape(), n.eps / 100, n.running_var.dtype()))
                   .to(n.weight.dtype());
  });
  return out;
}

BcResnetAsc as_tuned(const BcResnetAsc& net, const std::vector<Tensor>& masks, bool quantized) {
  const NoGrad quiet;
  const BcResnetAsc at_masks = masked(quieted(net), masks);
  return quantized ? fake_quantized(at_masks) : at_masks;
}

Tensor half(const Tensor& x) {
  std::vector<double> v = x.detach().to_vector();
  for (double& e : v) e = half_of(e);
  return tensor(v, x.shape(), x.dtype());
}

Deployed deployed(const BcResnetAsc& net, const std::vector<Tensor>& masks, const Tensor& clips,
                  double rounding) {
  if (clips.size(0) == 0) throw ConfigError("deployed: no clips to hold the net against");
  if (!(rounding > 0)) throw ConfigError("deployed: rounding " + decimal(rounding) + ", above 0");
  const NoGrad quiet;
  Tuned tuned{as_leaves(as_tuned(net, masks, true), false), clips, {}};
  tuned.logits = logits_of(tuned.net, clips);
  each_norm(tuned.net, [&](SubSpectralNorm& n) { tuned.wide.push_back(!fits_half(n)); });
  const Tensor about = tuned.logits - mean(tuned.logits, {0}, true);
  Deployed out;
  out.bound = rounding * sqrt(mean(square(about))).item() +
              std::ldexp(amax(abs(tuned.net.classifier.bias)).item(), -11);
  const auto try_it = [&] {
    out.net = tuned.at(tuned.wide);
    out.largest_difference = apart(logits_of(out.net, clips), tuned.logits);
    return out.largest_difference <= out.bound;
  };
  if (!try_it())
    for (const size_t i : tuned.in_turn()) {
      tuned.wide[i] = true;
      if (try_it()) break;
    }
  if (!(out.largest_difference <= out.bound))
    throw NumericError("deployed: a logit is " + decimal(out.largest_difference) +
                       " from the tuned net's with every norm in single precision; at most " +
                       decimal(out.bound) + " were allowed");
  out.wide = std::count(tuned.wide.begin(), tuned.wide.end(), true);
  return out;
}

ChallengeSize deployed_size(const BcResnetAsc& net) {
  ChallengeSize s = challenge_size(net);
  for (const Tensor& t : parameters(net))
    if (t.dim() != 4 && !carried_by_half(t)) s.rest += 2 * t.numel();
  return s;
}

}  // namespace regrad::asc
