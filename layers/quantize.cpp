#include <regrad/layers/quantize.h>

#include <regrad/engine/functional.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace regrad {

Tensor fake_quantize(const Tensor& w) { return fake_quantize(w, weight_range(w)); }

std::vector<Tensor> detail::one_shot_masks(const std::vector<Tensor>& params, double ratio) {
  if (!(ratio >= 0 && ratio <= 1)) throw ConfigError("one_shot_masks: a ratio of " + std::to_string(ratio) + "; needs [0, 1]");
  const NoGrad quiet;
  std::vector<double> magnitudes;
  for (const Tensor& t : params) {
    if (t.dim() != 4) continue;
    const std::vector<double> v = abs(t.detach()).to_vector();
    magnitudes.insert(magnitudes.end(), v.begin(), v.end());
  }
  std::vector<size_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return magnitudes[a] < magnitudes[b]; });
  const auto pruned = static_cast<size_t>(std::llround(ratio * static_cast<double>(order.size())));
  std::vector<double> kept(magnitudes.size(), 1);
  for (size_t i = 0; i < pruned; ++i) kept[order[i]] = 0;
  std::vector<Tensor> masks;
  auto at = kept.cbegin();
  for (const Tensor& t : params) {
    masks.push_back(ones(t.shape(), t.dtype()));
    if (t.dim() != 4) continue;
    masks.back() = tensor(std::vector<double>(at, at + t.numel()), t.shape(), t.dtype());
    at += t.numel();
  }
  return masks;
}

ChallengeSize detail::challenge_size(const std::vector<Tensor>& params) {
  ChallengeSize s;
  for (const Tensor& t : params) {
    if (t.dim() != 4) {
      s.rest += 2 * t.numel();
      continue;
    }
    const std::vector<double> v = t.detach().to_vector();
    s.weights += std::count_if(v.begin(), v.end(), [](double w) { return w != 0; });
    s.scales += 4;
  }
  return s;
}

Convolve Int8Net::calibrate() {
  return [this](const Conv2d& c, const Tensor& x) {
    if (x.numel()) {
      const NoGrad quiet;
      const double low = amin(x.detach()).item(), high = amax(x.detach()).item();
      auto e = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& k) { return k.weight.node() == c.weight.node(); });
      if (e == entries_.end()) e = entries_.insert(e, Entry{c.weight, {}, {}});
      e->input = {std::min({e->input.low, low, 0.0}), std::max({e->input.high, high, 0.0})};
      e->ready = false;
    }
    return c(x);
  };
}

size_t Int8Net::place(const Conv2d& c) const {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].weight.node() == c.weight.node()) return i;
  throw ConfigError("Int8Net: a convolution with weights " + str(c.weight.shape()) + " that calibration did not see");
}

// Whole numbers as f32: their sums are exact below 2^24, so nothing that a norm could enlarge is left between this and the integers.
Convolve Int8Net::simulate() const {
  return [this](const Conv2d& c, const Tensor& x) {
    const Int8Range &of_x = entries_[place(c)].input, of_w = weight_range(c.weight);
    const Tensor y = conv2d(int8_levels(x, of_x), int8_levels(c.weight, of_w), Tensor(), c.options) * (of_x.scale() * of_w.scale());
    return c.bias.defined() ? y + reshape(c.bias, {1, c.bias.size(0), 1, 1}) : y;
  };
}

Convolve Int8Net::evaluate() {
  for (Entry& e : entries_) e.ready = false;
  return [this](const Conv2d& c, const Tensor& x) {
    Entry& e = entries_[place(c)];
    if (!e.ready) e.fast = Int8Conv2d(c.weight, c.bias, c.options, e.input), e.ready = true;
    return e.fast(x);
  };
}

}  // namespace regrad
