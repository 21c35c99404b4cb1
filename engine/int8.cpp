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

// v over and over, long enough for loops over it to be worth their start.
std::vector<float> repeated(const std::vector<float>& v) {
  if (v.size() == 1) return std::vector<float>(512, v[0]);
  std::vector<float> out;
  while (!v.empty() && out.size() < 512) out.insert(out.end(), v.begin(), v.end());
  return out;
}

}  // namespace

struct Int8Conv2d::State {
  Shape weight;
  std::vector<int8_t> q;
  ConvOptions options;
  bool is_signed = false;
  Levels inputs;                   // of the first; the ends are the same for all
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
void refuse_long_sums(const std::vector<int8_t>& q, const Tensor& weight, double largest) {
  const int64_t outs = weight.size(0), each = outs ? weight.numel() / outs : 0;
  for (int64_t o = 0; o < outs; ++o) {
    int64_t sum = 0;
    for (int64_t i = 0; i < each; ++i) sum += std::abs(q[static_cast<size_t>(o * each + i)]);
    if (sum * static_cast<int64_t>(largest) > INT32_MAX)
      throw ShapeError("Int8Conv2d: the sums of " + std::to_string(each) +
                       " products with weights " + str(weight.shape()) + " can pass 32 bits");
  }
}

void check(const QuantizeOptions& o) {
  if (o.bits > 8 || o.scheme == Scheme::affine)
    throw ConfigError("Int8Conv2d: needs symmetric levels of at most 8 bits");
}

// Weights as whole numbers, filter by filter.
std::vector<int8_t> whole_numbers(const Tensor& weight, const std::vector<Levels>& of) {
  std::vector<int8_t> q(static_cast<size_t>(weight.numel()));
  const Tensor w = weight.detach().contiguous();
  const int64_t each = of.empty() ? 0 : w.numel() / static_cast<int64_t>(of.size());
  for (size_t o = 0; o < of.size(); ++o) {
    const auto inverse = repeated({static_cast<float>(1 / of[o].scale)});
    const int64_t first = static_cast<int64_t>(o) * each;
    kernels::table().int8.to_s8(
        w.data<float>() + first, each, inverse.data(), static_cast<int64_t>(inverse.size()),
        static_cast<float>(of[o].least), static_cast<float>(of[o].most), q.data() + first);
  }
  return q;
}

}  // namespace

Int8Conv2d::Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options,
                       const Ranges& input, const Int8Options& quantized)
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
  check(quantized.weights), check(quantized.inputs);
  const int64_t ins = input.size() == 1 ? 1 : weight.size(1) * options.groups,
                outs = weight.size(0);
  const auto of_input = [&](int64_t c, int64_t channels) {
    return levels_of(input.at(c, channels), input.is_signed(), quantized.inputs);
  };
  const Ranges ranges = weight_ranges(weight, quantized.weights);
  std::vector<Levels> of_weight;
  for (size_t o = 0; o < ranges.size(); ++o)
    of_weight.push_back(
        levels_of(ranges.at(static_cast<int64_t>(o), outs), true, quantized.weights));
  State& s = *state_;
  s.weight = weight.shape(), s.options = options, s.is_signed = input.is_signed();
  s.inputs = of_input(0, 1), s.q = whole_numbers(weight, of_weight);
  refuse_long_sums(s.q, weight, s.inputs.most);
  std::vector<float> inverse, scale, offset(static_cast<size_t>(outs), 0);
  if (bias.defined()) std::copy_n(bias.detach().contiguous().data<float>(), outs, offset.begin());
  for (int64_t c = 0; c < ins; ++c)
    inverse.push_back(static_cast<float>(1 / of_input(c, ins).scale));
  for (int64_t c = 0; c < outs; ++c)
    scale.push_back(
        static_cast<float>(of_input(c, outs).scale *
                           of_weight[of_weight.size() == 1 ? 0 : static_cast<size_t>(c)].scale));
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
  const auto low = static_cast<float>(inputs.least), high = static_cast<float>(inputs.most);
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
