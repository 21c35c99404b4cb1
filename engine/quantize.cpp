#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/quantize.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace regrad {
namespace {

constexpr double least_range = 1e-30;  // 1 / s is finite in f32

// Of each range f(levels), along x's channels: [1,C,1,..]; [] where one is for all.
template <class F>
Tensor along_channels(const Ranges& ranges, const Tensor& x, const QuantizeOptions& o, F&& f) {
  const bool is_signed = ranges.is_signed();
  if (ranges.size() == 1) return full({}, f(levels_of(ranges.at(0, 1), is_signed, o)), x.dtype());
  const auto groups = static_cast<int64_t>(ranges.size());
  const int dim = ranges.dim();
  if (x.dim() <= dim || x.size(dim) % groups != 0)
    throw ShapeError("quantize: " + std::to_string(groups) + " ranges along dim " +
                     std::to_string(dim) + " do not divide " + str(x.shape()));
  Shape sizes;
  for (int d = 0; d < x.dim(); ++d) sizes.push_back(d == dim ? x.size(d) : 1);
  std::vector<double> v;
  for (int64_t c = 0; c < x.size(dim); ++c)
    v.push_back(f(levels_of(ranges.at(c, x.size(dim)), is_signed, o)));
  return tensor(v, sizes, x.dtype());
}

double scale_of(const Levels& l) { return l.scale; }
double inverse_of(const Levels& l) { return 1 / l.scale; }

Tensor rounded(const Tensor& x, const Ranges& ranges, const QuantizeOptions& o) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("quantize: needs f32 or f64, not ") + name(x.dtype()));
  const NoGrad quiet;
  const Tensor l = round(x.detach() * along_channels(ranges, x, o, inverse_of));
  if (ranges.size() == 1 || o.scheme == Scheme::symmetric) {
    const Levels all = levels_of(ranges.at(0, 1), ranges.is_signed(), o);
    return clamp(l, all.least, all.most);
  }
  return minimum(maximum(l, along_channels(ranges, x, o, [](const Levels& c) { return c.least; })),
                 along_channels(ranges, x, o, [](const Levels& c) { return c.most; }));
}

// x as far as it is not cut off: beyond, clamping has no gradient.
Tensor within_reach(const Tensor& x, const Ranges& ranges, const QuantizeOptions& o) {
  if (!o.clip_gradient) return x;
  const auto low = [](const Levels& l) { return l.scale * (l.least - 0.5); };
  const auto high = [](const Levels& l) { return l.scale * (l.most + 0.5); };
  if (ranges.size() > 1)
    return minimum(maximum(x, along_channels(ranges, x, o, low)),
                   along_channels(ranges, x, o, high));
  const Levels one = levels_of(ranges.at(0, 1), ranges.is_signed(), o);
  return clamp(x, low(one), high(one));
}

// Least and largest value of each group, 0 among them.
std::vector<Range> min_max(const Tensor& x, int64_t groups, int dim) {
  const NoGrad quiet;
  const Tensor v = x.detach();
  if (groups == 1) return {{std::min(amin(v).item(), 0.0), std::max(amax(v).item(), 0.0)}};
  if (groups < 1 || dim < 0 || v.dim() <= dim || v.size(dim) % groups != 0)
    throw ShapeError("quantize: " + std::to_string(groups) + " groups along dim " +
                     std::to_string(dim) + " do not divide " + str(v.shape()));
  int64_t before = 1;
  for (int d = 0; d < dim; ++d) before *= v.size(d);
  const Tensor by_group = reshape(v, {before, groups, v.numel() / (before * groups)});
  const std::vector<double> low = amin(by_group, {0, 2}).to_vector(),
                            high = amax(by_group, {0, 2}).to_vector();
  std::vector<Range> out;
  for (size_t g = 0; g < low.size(); ++g)
    out.push_back({std::min(low[g], 0.0), std::max(high[g], 0.0)});
  return out;
}

}  // namespace

Ranges::Ranges(std::vector<Range> by_group, int dim) : by_group_(std::move(by_group)), dim_(dim) {
  if (by_group_.empty()) throw ConfigError("Ranges: of no group");
}
bool Ranges::is_signed() const {
  return std::any_of(by_group_.begin(), by_group_.end(),
                     [](const Range& r) { return r.is_signed(); });
}

Levels levels_of(const Range& range, bool is_signed, const QuantizeOptions& o) {
  if (o.bits < 1 || o.bits > 24)
    throw ConfigError("quantize: " + std::to_string(o.bits) + " bits; needs 1 to 24");
  if (range.low > range.high)
    throw ConfigError("quantize: a range from " + decimal(range.low) + " down to " +
                      decimal(range.high));
  const double all = std::ldexp(1.0, o.bits) - 1;
  const auto scale_to = [](double length, double levels) {
    return !std::isfinite(length) ? NAN : length > least_range ? length / levels : 1;
  };
  if (o.scheme == Scheme::affine) {
    const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0),
                 scale = scale_to(high - low, all);
    const double zero = std::nearbyint(-low / scale);
    return {scale, -zero, all - zero};
  }
  if (is_signed && o.bits == 1)
    throw ConfigError("quantize: one bit holds no sign; take 2, or Scheme::affine");
  const double largest = std::isnan(range.high)
                             ? range.high
                             : std::max(std::abs(range.low), std::abs(range.high)),
               most = is_signed ? std::ldexp(1.0, o.bits - 1) - 1 : all;
  return {scale_to(largest, most), is_signed ? -most : 0, most};
}

Tensor fake_quantize(const Tensor& x, const Ranges& ranges, const QuantizeOptions& options) {
  const detail::Called as("fake_quantize(x)", x);
  const Tensor values = rounded(x, ranges, options) * along_channels(ranges, x, options, scale_of);
  return x.requires_grad() ? ste(values, within_reach(x, ranges, options)) : values;
}
Tensor fake_quantize(const Tensor& w, const QuantizeOptions& options) {
  return fake_quantize(w, weight_ranges(w, options), options);
}
Tensor quantized_levels(const Tensor& x, const Ranges& ranges, const QuantizeOptions& options) {
  const detail::Called as("quantized_levels(x)", x);
  const Tensor levels = rounded(x, ranges, options);
  if (!x.requires_grad()) return levels;
  return ste(levels,
             within_reach(x, ranges, options) * along_channels(ranges, x, options, inverse_of));
}

Ranges weight_ranges(const Tensor& w, const QuantizeOptions& options) {
  const detail::Called as("weight_ranges(w)", w);
  const int64_t groups = options.per_channel && w.dim() > 0 && w.size(0) > 0 ? w.size(0) : 1;
  std::vector<Range> found =
      w.numel() ? min_max(w, groups, 0) : std::vector<Range>(static_cast<size_t>(groups));
  if (options.scheme == Scheme::affine) return Ranges(std::move(found), 0);
  for (Range& r : found) {
    const double largest = std::max(-r.low, r.high);
    r = {largest == 0 ? -127 : -largest, largest == 0 ? 127 : largest};
  }
  return Ranges(std::move(found), 0);
}

void MinMaxObserver::observe(const Tensor& x) {
  const detail::Called as("MinMaxObserver::observe(x)", x);
  if (!x.numel()) return;
  const std::vector<Range> now = min_max(x, groups_, dim_);
  seen_.resize(now.size());
  for (size_t g = 0; g < now.size(); ++g)  // a NaN stays: it is the first argument
    seen_[g] = {std::min(std::isnan(now[g].low) ? now[g].low : seen_[g].low, now[g].low),
                std::max(std::isnan(now[g].high) ? now[g].high : seen_[g].high, now[g].high)};
}
Ranges MinMaxObserver::ranges() const {
  if (seen_.empty()) throw ConfigError("MinMaxObserver: nothing was seen");
  return Ranges(seen_, dim_);
}

}  // namespace regrad
