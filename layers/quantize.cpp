#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/quantize.h>

#include <regrad/engine/functional.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace regrad {

Tensor fake_quantize(const Tensor& w) { return fake_quantize(w, weight_range(w)); }

std::vector<Tensor> detail::one_shot_masks(const std::vector<Tensor>& params, double ratio) {
  if (!(ratio >= 0 && ratio <= 1))
    throw ConfigError("one_shot_masks: a ratio of " + decimal(ratio) + "; needs [0, 1]");
  const NoGrad quiet;
  std::vector<double> magnitudes;
  for (const Tensor& t : params) {
    if (t.dim() != 4) continue;
    const std::vector<double> v = abs(t.detach()).to_vector();
    magnitudes.insert(magnitudes.end(), v.begin(), v.end());
  }
  std::vector<size_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return magnitudes[a] < magnitudes[b]; });
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

namespace {

std::vector<Int8Range> ranges_by_group(const Tensor& x, int64_t groups) {
  const NoGrad quiet;
  if (x.dim() != 4 || x.size(1) % groups != 0)
    throw ShapeError("Int8Net: needs [N,C,H,W], not " + str(x.shape()));
  const Tensor by_group =
      reshape(x.detach(), {x.size(0), groups, x.size(1) / groups, x.size(2), x.size(3)});
  const std::vector<double> low = amin(by_group, {0, 2, 3, 4}).to_vector(),
                            high = amax(by_group, {0, 2, 3, 4}).to_vector();
  std::vector<Int8Range> out;
  for (size_t g = 0; g < low.size(); ++g)
    out.push_back({std::min(low[g], 0.0), std::max(high[g], 0.0)});
  return out;
}

}  // namespace

Convolve Int8Net::calibrate() {
  return [this](const Conv2d& c, const Tensor& x) {
    if (x.numel()) {
      const std::vector<Int8Range> seen = ranges_by_group(x, c.options.groups);
      auto e = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& k) { return k.weight.node() == c.weight.node(); });
      if (e == entries_.end())
        e = entries_.insert(e, Entry{c.weight, std::vector<Int8Range>(seen.size()), {}});
      for (size_t g = 0; g < seen.size(); ++g)
        e->input[g] = {std::min(e->input[g].low, seen[g].low),
                       std::max(e->input[g].high, seen[g].high)};
      e->ready = false;
    }
    return c(x);
  };
}

size_t Int8Net::place(const Conv2d& c) const {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].weight.node() == c.weight.node()) return i;
  throw ConfigError("Int8Net: a convolution with weights " + str(c.weight.shape()) +
                    " that calibration did not see");
}

namespace {

// s_x s_w of each output, [1,O,1,1].
Tensor output_scales(const Int8Ranges& of_x, const Int8Range& of_w, const Tensor& weight) {
  std::vector<double> v;
  for (int64_t o = 0; o < weight.size(0); ++o)
    v.push_back(of_x.at(o, weight.size(0)).scale() * of_w.scale());
  return tensor(v, {1, weight.size(0), 1, 1}, weight.dtype());
}

}  // namespace

// Whole numbers as f32: their sums are exact below 2^24, so nothing that a norm could enlarge is
// left between this and the integers.
Convolve Int8Net::simulate() const {
  return [this](const Conv2d& c, const Tensor& x) {
    const Int8Ranges of_x(entries_[place(c)].input);
    const Int8Range of_w = weight_range(c.weight);
    const Tensor y =
        conv2d(int8_levels(x, of_x), int8_levels(c.weight, of_w), Tensor(), c.options) *
        output_scales(of_x, of_w, c.weight);
    return c.bias.defined() ? y + reshape(c.bias, {1, c.bias.size(0), 1, 1}) : y;
  };
}

Convolve Int8Net::evaluate() {
  for (Entry& e : entries_) e.ready = false;
  return [this](const Conv2d& c, const Tensor& x) {
    Entry& e = entries_[place(c)];
    if (!e.ready)
      e.fast = Int8Conv2d(c.weight, c.bias, c.options, Int8Ranges(e.input)), e.ready = true;
    return e.fast(x);
  };
}

}  // namespace regrad
