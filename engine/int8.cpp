#include <regrad/engine/autograd.h>
#include <regrad/engine/int8.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/fork.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/kernels/int8.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

namespace regrad {
namespace {

constexpr double least_range = 1e-30;  // 1 / s is finite in f32
double most(bool is_signed) { return is_signed ? 127 : 255; }
double least(bool is_signed) { return is_signed ? -127 : 0; }

// v over and over, long enough for loops over it to be worth their start.
std::vector<float> repeated(const std::vector<float>& v) {
  if (v.size() == 1) return std::vector<float>(512, v[0]);
  std::vector<float> out;
  while (!v.empty() && out.size() < 512) out.insert(out.end(), v.begin(), v.end());
  return out;
}

}  // namespace

double Int8Range::scale() const {
  const double largest = std::max(std::abs(low), std::abs(high));
  return largest > least_range ? largest / most(is_signed()) : 1;
}

Int8Ranges::Int8Ranges(const std::vector<Int8Range>& by_group) : by_group_(by_group) {
  if (by_group.empty()) throw ConfigError("Int8Ranges: of no group");
  if (std::none_of(by_group.begin(), by_group.end(),
                   [](const Int8Range& r) { return r.is_signed(); }))
    return;
  for (Int8Range& r : by_group_)
    if (!r.is_signed()) r.low = -std::max(r.high, least_range);
}

namespace {

// Of each range f(s), along x's channels: [1,C,1,1]; [] where one is for all.
template <class F>
Tensor along_channels(const Int8Ranges& ranges, const Tensor& x, F&& f) {
  if (ranges.size() == 1) return full({}, f(ranges.at(0, 1).scale()), x.dtype());
  const auto groups = static_cast<int64_t>(ranges.size());
  if (x.dim() != 4 || x.size(1) % groups != 0)
    throw ShapeError("8-bit levels: needs [N,C,H,W] with a C that " + std::to_string(groups) +
                     " ranges divide, not " + str(x.shape()));
  std::vector<double> v;
  for (int64_t c = 0; c < x.size(1); ++c) v.push_back(f(ranges.at(c, x.size(1)).scale()));
  return tensor(v, {1, x.size(1), 1, 1}, x.dtype());
}

Tensor levels_of(const Tensor& x, const Int8Ranges& ranges) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("8-bit levels: of f32 or f64, not ") + name(x.dtype()));
  const NoGrad quiet;
  const bool is_signed = ranges.is_signed();
  return clamp(round(x.detach() * along_channels(ranges, x, [](double s) { return 1 / s; })),
               least(is_signed), most(is_signed));
}

// values + 0, with the gradient of slope x where x is not cut off: there clamping has the
// derivative 1, and its value goes away against itself.
Tensor straight_through(const Tensor& values, const Tensor& x, const Int8Ranges& ranges,
                        const Tensor& slope) {
  if (!x.requires_grad()) return values;
  const bool is_signed = ranges.is_signed();
  const Tensor step = along_channels(ranges, x, [](double s) { return s; });
  const Tensor open =
      minimum(maximum(x, step * (least(is_signed) - 0.5)), step * (most(is_signed) + 0.5)) * slope;
  return values + (open - open.detach());
}

}  // namespace

Tensor fake_quantize(const Tensor& x, const Int8Ranges& ranges) {
  const detail::Called as("fake_quantize(x)", x);
  const Tensor q = levels_of(x, ranges),
               step = along_channels(ranges, x, [](double s) { return s; });
  return straight_through(q * step, x, ranges, ones({}, x.dtype()));
}
Tensor int8_levels(const Tensor& x, const Int8Ranges& ranges) {
  const detail::Called as("int8_levels(x)", x);
  return straight_through(levels_of(x, ranges), x, ranges,
                          along_channels(ranges, x, [](double s) { return 1 / s; }));
}

Int8Range weight_range(const Tensor& w) {
  const detail::Called as("weight_range(w)", w);
  const NoGrad quiet;
  const double largest = w.numel() ? amax(abs(w.detach())).item() : 0;
  return {largest > 0 ? -largest : -127, largest > 0 ? largest : 127};
}

struct Int8Conv2d::State {
  Shape weight;
  std::vector<int8_t> q;
  ConvOptions options;
  bool is_signed = false;
  std::vector<float> inverse;      // 1 / s of the inputs, channel by channel and over again
  std::vector<float> scale, bias;  // of the outputs, likewise

  struct Ready {
    kernels::Conv s;
    std::shared_ptr<const kernels::Int8Plan> plan;
    std::shared_ptr<detail::Scratch> packed;
  };
  std::mutex mutex;
  Ready last = {};  // for the size of image that came last

  kernels::Conv geometry(const Tensor& x) const;
  Ready ready(const kernels::Conv& s) {
    const detail::NoFork uncut;
    const std::lock_guard lock(mutex);
    if (last.plan && last.s.h == s.h && last.s.w == s.w) return last;
    Ready made{s, kernels::int8_plan(s, is_signed), nullptr};
    made.packed = std::make_shared<detail::Scratch>(made.plan->packed_bytes);
    made.plan->pack(q.data(), made.packed->as<void>());
    return last = made;
  }
  void levels(const kernels::Int8Plan& plan, const kernels::Conv& s, const float* x,
              void* to) const;
};

namespace {

// No sum of products passes 2^31: of |q_w| an output, times the largest input.
void refuse_long_sums(const std::vector<int8_t>& q, const Tensor& weight, bool is_signed) {
  const int64_t outs = weight.size(0), each = outs ? weight.numel() / outs : 0;
  for (int64_t o = 0; o < outs; ++o) {
    int64_t sum = 0;
    for (int64_t i = 0; i < each; ++i) sum += std::abs(q[static_cast<size_t>(o * each + i)]);
    if (sum * static_cast<int64_t>(most(is_signed)) > INT32_MAX)
      throw ShapeError("Int8Conv2d: the sums of " + std::to_string(each) +
                       " products with weights " + str(weight.shape()) + " can pass 32 bits");
  }
}

}  // namespace

Int8Conv2d::Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options,
                       const Int8Ranges& input)
    : state_(std::make_shared<State>()) {
  const detail::Called as("Int8Conv2d(weight, bias?)", weight, bias);
  if (weight.dim() != 4)
    throw ShapeError("Int8Conv2d: needs weights [O,C/groups,KH,KW], not " + str(weight.shape()));
  if (weight.dtype() != DType::f32)
    throw DTypeError(std::string("Int8Conv2d: needs f32, not ") + name(weight.dtype()));
  if (bias.defined() && bias.shape() != Shape{weight.size(0)})
    throw ShapeError("Int8Conv2d: bias " + str(bias.shape()) + " for weights " +
                     str(weight.shape()));
  if (input.size() != 1 && input.size() != static_cast<size_t>(options.groups))
    throw ShapeError("Int8Conv2d: " + std::to_string(input.size()) + " ranges of inputs for " +
                     std::to_string(options.groups) + " groups");
  if (options.padding.same)
    throw ConfigError("Int8Conv2d: padding is given in numbers, not as \"same\"");
  const Int8Range of_weight = weight_range(weight);
  State& s = *state_;
  s.weight = weight.shape(), s.options = options, s.is_signed = input.is_signed();
  s.q.resize(static_cast<size_t>(weight.numel()));
  const auto by_weight = repeated({static_cast<float>(1 / of_weight.scale())});
  kernels::table().int8.to_s8(weight.detach().contiguous().data<float>(), weight.numel(),
                              by_weight.data(), static_cast<int64_t>(by_weight.size()), -127, 127,
                              s.q.data());
  refuse_long_sums(s.q, weight, s.is_signed);
  const int64_t ins = input.size() == 1 ? 1 : weight.size(1) * options.groups,
                outs = weight.size(0);
  std::vector<float> inverse, scale, offset(static_cast<size_t>(outs), 0);
  if (bias.defined()) std::copy_n(bias.detach().contiguous().data<float>(), outs, offset.begin());
  for (int64_t c = 0; c < ins; ++c)
    inverse.push_back(static_cast<float>(1 / input.at(c, ins).scale()));
  for (int64_t c = 0; c < outs; ++c)
    scale.push_back(static_cast<float>(input.at(c, outs).scale() * of_weight.scale()));
  s.inverse = repeated(inverse), s.scale = repeated(scale), s.bias = repeated(offset);
}

kernels::Conv Int8Conv2d::State::geometry(const Tensor& x) const {
  if (x.dtype() != DType::f32)
    throw DTypeError(std::string("Int8Conv2d: needs f32, not ") + name(x.dtype()));
  const ConvOptions& o = options;
  if (x.dim() != 4 || x.size(1) != weight[1] * o.groups)
    throw ShapeError("Int8Conv2d: needs [N," + std::to_string(weight[1] * o.groups) +
                     ",H,W], not " + str(x.shape()));
  kernels::Conv s{x.size(0),   x.size(1),    x.size(2),    x.size(3),  weight[0],  0,
                  0,           weight[2],    weight[3],    o.stride.h, o.stride.w, o.padding.h,
                  o.padding.w, o.dilation.h, o.dilation.w, o.groups};
  const auto reach = [](int64_t n, int64_t pad, int64_t dilation, int64_t k, int64_t stride) {
    const int64_t room = n + 2 * pad - dilation * (k - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  };
  s.oh = reach(s.h, s.pad_h, s.dilation_h, s.kh, s.stride_h);
  s.ow = reach(s.w, s.pad_w, s.dilation_w, s.kw, s.stride_w);
  if (s.oh < 1 || s.ow < 1)
    throw ShapeError("Int8Conv2d: the kernel is larger than the padded image (x, weight: " +
                     str(x.shape()) + " with " + str(weight) + ")");
  return s;
}

// One image as the plan takes it.
void Int8Conv2d::State::levels(const kernels::Int8Plan& plan, const kernels::Conv& s,
                               const float* x, void* to) const {
  const kernels::Int8Kernels& k = kernels::table().int8;
  const auto low = static_cast<float>(least(is_signed)), high = static_cast<float>(most(is_signed));
  const auto columns = static_cast<int64_t>(inverse.size());
  if (!plan.x_wide)
    return (is_signed ? k.to_s8 : k.to_u8)(x, s.c * s.h * s.w, inverse.data(), columns, low, high,
                                           to);
  std::memset(to, 0, static_cast<size_t>(plan.x_bytes));
  auto* row = static_cast<int16_t*>(to) + plan.x_first;
  for (int64_t i = 0; i < s.h; ++i)
    k.to_s16(x + i * s.w * s.c, s.w * s.c, inverse.data(), columns, low, high,
             row + i * plan.x_row);
}

Tensor Int8Conv2d::operator()(const Tensor& any) const {
  const detail::Called as("Int8Conv2d(x)", any);
  if (!state_) throw ConfigError("Int8Conv2d: has no weights");
  const NoGrad quiet;
  State& state = *state_;
  const kernels::Conv s = state.geometry(any);
  const Shape out{s.n, s.o, s.oh, s.ow};
  Tensor y = detail::empty_strided(out, channels_last_strides(out), DType::f32);
  if (s.n == 0) return y;
  const Images x(any.detach());
  const State::Ready ready = state.ready(s);
  const int64_t out_image = s.oh * s.ow * s.o;
  parallel_for(s.n, [&](int64_t i) {
    const kernels::Int8Plan& plan = *ready.plan;
    const detail::Scratch q(plan.x_bytes), sums((out_image + kernels::int8_slack) * 4),
        room(plan.scratch_bytes + 64);
    state.levels(plan, s, x.at<float>(0, i), q.as<void>());
    plan.run(q.as<void>(), ready.packed->as<void>(), room.as<void>(), sums.as<int32_t>());
    kernels::table().int8.restore(sums.as<int32_t>(), out_image, state.scale.data(),
                                  state.bias.data(), static_cast<int64_t>(state.scale.size()),
                                  y.node()->ptr<float>() + i * out_image);
  });
  return y;
}

}  // namespace regrad
