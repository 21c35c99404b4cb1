#include <regrad/engine/autograd.h>
#include <regrad/engine/int8.h>
#include <regrad/engine/kernels/int8.h>
#include <regrad/engine/node.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <vector>

namespace regrad {
namespace {

double most(const Int8Range& r) { return r.is_signed() ? 127 : 255; }
double least(const Int8Range& r) { return r.is_signed() ? -127 : 0; }

// Adding and taking away 3 2^22 rounds to a whole number, halves to even.
template <class Q>
void quantize(const float* x, int64_t n, const Int8Range& r, Q* q) {
  const auto inverse = static_cast<float>(1 / r.scale()), low = static_cast<float>(least(r)), high = static_cast<float>(most(r));
  constexpr float shift = 12582912;
  for (int64_t i = 0; i < n; ++i) {
    const float v = std::min(std::max(x[i] * inverse, low), high);
    q[i] = static_cast<Q>(static_cast<int>((v + shift) - shift));
  }
}

void restore(const int32_t* sums, int64_t pixels, int64_t channels, float scale, const float* bias, float* y) {
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t j = 0; j < channels; ++j) y[i * channels + j] = static_cast<float>(sums[i * channels + j]) * scale + (bias ? bias[j] : 0);
}

}  // namespace

double Int8Range::scale() const {
  const double largest = std::max(std::abs(low), std::abs(high));
  return largest > 0 ? largest / most(*this) : 1;
}

namespace {

// values + 0, with the gradient of slope x where x is not cut off: there the clamp's derivative is 1, and its value goes away against itself.
Tensor straight_through(const Tensor& values, const Tensor& x, const Int8Range& range, double slope) {
  if (!x.requires_grad()) return values;
  const double s = range.scale();
  const Tensor open = clamp(x, (least(range) - 0.5) * s, (most(range) + 0.5) * s) * slope;
  return values + (open - open.detach());
}
Tensor levels_of(const Tensor& x, const Int8Range& range) {
  const NoGrad quiet;
  return clamp(round(x.detach() * (1 / range.scale())), least(range), most(range));
}

}  // namespace

Tensor fake_quantize(const Tensor& x, const Int8Range& range) { return straight_through(levels_of(x, range) * range.scale(), x, range, 1); }
Tensor int8_levels(const Tensor& x, const Int8Range& range) { return straight_through(levels_of(x, range), x, range, 1 / range.scale()); }

Int8Range weight_range(const Tensor& w) {
  const NoGrad quiet;
  const double largest = w.numel() ? amax(abs(w.detach())).item() : 0;
  return {largest > 0 ? -largest : -127, largest > 0 ? largest : 127};
}

struct Int8Conv2d::State {
  Shape weight;
  std::vector<int8_t> q;
  std::vector<float> bias;
  ConvOptions options;
  Int8Range input;
  float scale;

  struct Ready {
    kernels::Conv s;
    std::shared_ptr<const kernels::Int8Plan> plan;
    std::shared_ptr<detail::Scratch> packed;
  };
  std::mutex mutex;
  Ready last = {};  // for the size of image that came last

  kernels::Conv geometry(const Tensor& x) const;
  Ready ready(const kernels::Conv& s) {
    const std::lock_guard lock(mutex);
    if (last.plan && last.s.h == s.h && last.s.w == s.w) return last;
    Ready made{s, kernels::int8_plan(s, input.is_signed()), nullptr};
    made.packed = std::make_shared<detail::Scratch>(made.plan->packed_bytes);
    made.plan->pack(q.data(), made.packed->as<void>());
    return last = made;
  }
};

Int8Conv2d::Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options, const Int8Range& input)
    : state_(std::make_shared<State>()) {
  if (weight.dim() != 4) throw ShapeError("Int8Conv2d: needs weights [O,C/groups,KH,KW], not " + str(weight.shape()));
  if (weight.dtype() != DType::f32) throw DTypeError(std::string("Int8Conv2d: needs f32, not ") + name(weight.dtype()));
  if (bias.defined() && bias.shape() != Shape{weight.size(0)})
    throw ShapeError("Int8Conv2d: bias " + str(bias.shape()) + " for weights " + str(weight.shape()));
  const Int8Range of_weight = weight_range(weight);
  State& s = *state_;
  s.weight = weight.shape(), s.options = options, s.input = input;
  s.q.resize(static_cast<size_t>(weight.numel()));
  quantize(weight.detach().contiguous().data<float>(), weight.numel(), of_weight, s.q.data());
  if (bias.defined()) {
    const Tensor dense = bias.detach().contiguous();
    s.bias.assign(dense.data<float>(), dense.data<float>() + dense.numel());
  }
  s.scale = static_cast<float>(input.scale() * of_weight.scale());
}

kernels::Conv Int8Conv2d::State::geometry(const Tensor& x) const {
  if (x.dtype() != DType::f32) throw DTypeError(std::string("Int8Conv2d: needs f32, not ") + name(x.dtype()));
  const ConvOptions& o = options;
  if (x.dim() != 4 || x.size(1) != weight[1] * o.groups)
    throw ShapeError("Int8Conv2d: needs [N," + std::to_string(weight[1] * o.groups) + ",H,W], not " + str(x.shape()));
  kernels::Conv s{x.size(0),  x.size(1),   x.size(2),   x.size(3),    weight[0],    0,       0, weight[2], weight[3], o.stride.h,
                  o.stride.w, o.padding.h, o.padding.w, o.dilation.h, o.dilation.w, o.groups};
  const auto reach = [](int64_t n, int64_t pad, int64_t dilation, int64_t k, int64_t stride) {
    const int64_t room = n + 2 * pad - dilation * (k - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  };
  s.oh = reach(s.h, s.pad_h, s.dilation_h, s.kh, s.stride_h);
  s.ow = reach(s.w, s.pad_w, s.dilation_w, s.kw, s.stride_w);
  if (s.oh < 1 || s.ow < 1)
    throw ShapeError("Int8Conv2d: the kernel is larger than the padded image (x, weight: " + str(x.shape()) + " with " + str(weight) + ")");
  return s;
}

Tensor Int8Conv2d::operator()(const Tensor& any) const {
  if (!state_) throw ConfigError("Int8Conv2d: has no weights");
  const NoGrad quiet;
  State& state = *state_;
  const kernels::Conv s = state.geometry(any);
  const Shape out{s.n, s.o, s.oh, s.ow};
  Tensor y = detail::empty_strided(out, channels_last_strides(out), DType::f32);
  if (s.n == 0) return y;
  const Images x(any.detach());
  const State::Ready ready = state.ready(s);
  const int64_t image = s.c * s.h * s.w, pixels = s.oh * s.ow;
  parallel_for(s.n, [&](int64_t i) {
    const detail::Scratch q(image), sums(pixels * s.o * 4), room(ready.plan->scratch_bytes + 64);
    if (state.input.is_signed()) {
      quantize(x.at<float>(0, i), image, state.input, q.as<int8_t>());
    } else {
      quantize(x.at<float>(0, i), image, state.input, q.as<uint8_t>());
    }
    ready.plan->run(q.as<void>(), ready.packed->as<void>(), room.as<void>(), sums.as<int32_t>());
    restore(sums.as<int32_t>(), pixels, s.o, state.scale, state.bias.empty() ? nullptr : state.bias.data(),
            y.node()->ptr<float>() + i * pixels * s.o);
  });
  return y;
}

}  // namespace regrad
