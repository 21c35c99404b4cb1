// Convolution as users call it: options, a bias, one operand's tasks or single image.
#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/conv.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace regrad {
namespace {

int32_t narrow(int64_t v, const char* op) {
  if (v != static_cast<int32_t>(v))
    throw ShapeError(std::string(op) + ": a size of " + std::to_string(v));
  return static_cast<int32_t>(v);
}
ConvAttrs attrs_of(const ConvOptions& o, const char* op) {
  const auto n = [op](int64_t v) { return narrow(v, op); };
  return {n(o.stride.h),
          n(o.stride.w),
          n(o.padding.h),
          n(o.padding.w),
          n(o.dilation.h),
          n(o.dilation.w),
          n(o.groups),
          0,
          0};
}

// Where only one of x and weight has tasks, the other is seen by all of them; a single image
// [C,H,W] is a batch of one.
struct Operands {
  Tensor x, weight;
  bool single;
};
Operands operands(const Tensor& x, const Tensor& weight) {
  if (x.dim() == 3 && weight.dim() == 4) return {x.unsqueeze(0), weight, true};
  const auto to_tasks = [](const Tensor& t, int64_t tasks) {
    Shape sizes = t.shape();
    sizes.insert(0, tasks);
    return expand(t, sizes);
  };
  if (x.dim() == 4 && weight.dim() == 5) return {to_tasks(x, weight.size(0)), weight, false};
  if (x.dim() == 5 && weight.dim() == 4) return {x, to_tasks(weight, x.size(0)), false};
  return {x, weight, false};
}

Tensor with_bias(Tensor y, const Tensor& bias, const char* op) {
  if (!bias.defined()) return y;
  const bool fits =
      bias.size(-1) == y.size(-3) &&
      (bias.dim() == 1 || (bias.dim() == 2 && y.dim() == 5 && bias.size(0) == y.size(0)));
  if (!fits)
    throw ShapeError(std::string(op) + ": bias " + str(bias.shape()) + " for an output of " +
                     str(y.shape()));
  const Tensor each = bias.dim() == 1 ? reshape(bias, {bias.size(0), 1, 1})
                                      : reshape(bias, {bias.size(0), 1, bias.size(1), 1, 1});
  return std::move(y) + each;
}

}  // namespace

Bf16::Bf16(bool on) : before_(detail::mode.bf16) {
  if (on && !kernels::has_bf16())
    throw ConfigError("bf16: this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)");
  detail::mode.bf16 = on;
}
Bf16::~Bf16() { detail::mode.bf16 = before_; }
bool bf16_available() { return kernels::has_bf16(); }

Padding Padding::of_word(const char* word) {
  Padding p(0);
  p.same = std::strcmp(word, "same") == 0;
  if (!p.same && std::strcmp(word, "valid") != 0)
    throw ConfigError("padding is \"same\", \"valid\" or numbers, not \"" + std::string(word) +
                      "\"");
  return p;
}

namespace {

// dilation (k - 1) zeros along each dim: half of them in front, as the convolution's own padding;
// an odd one is put behind x first.
Tensor conv_same(const Tensor& x, const Tensor& weight, const Tensor& bias, ConvOptions o) {
  if (o.stride.h != 1 || o.stride.w != 1)
    throw ConfigError("conv2d: padding \"same\" goes with stride 1");
  if (x.dim() < 2 || weight.dim() < 2)
    throw ShapeError("conv2d: needs images, not " + both(x.shape(), weight.shape()));
  const int64_t h = o.dilation.h * (weight.size(-2) - 1), w = o.dilation.w * (weight.size(-1) - 1);
  o.padding = Padding(h / 2, w / 2);
  return conv2d(h % 2 || w % 2 ? pad(x, {0, w % 2, 0, h % 2}) : x, weight, bias, o);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  const detail::Called as("conv2d(x, weight, bias?)", x, weight, bias);
  if (options.padding.same) return conv_same(x, weight, bias, options);
  const Operands in = operands(x, weight);
  Tensor y = with_bias(conv_y(in.x, in.weight, attrs_of(options, "conv2d")), bias, "conv2d");
  return in.single ? y.squeeze(0) : y;
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  const detail::Called as("conv1d(x, weight, bias?)", x, weight, bias);
  if (x.dim() < 2 || weight.dim() < 3)
    throw ShapeError("conv1d: needs [N,C,L] and weights [O,C/groups,K], not " +
                     both(x.shape(), weight.shape()));
  ConvOptions flat = options;
  flat.stride.h = flat.dilation.h = 1;
  flat.padding.h = 0;
  return conv2d(x.unsqueeze(-2), weight.unsqueeze(-2), bias, flat).squeeze(-2);
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvOptions& options, Pair output_padding) {
  const detail::Called as("conv_transpose2d(x, weight, bias?)", x, weight, bias);
  if (options.padding.same)
    throw ConfigError("conv_transpose2d: padding \"same\" is for convolutions forth");
  const Operands in = operands(x, weight);
  if (in.x.dim() < 4 || in.weight.dim() < 4)
    throw ShapeError("conv_transpose2d: needs [N,C,H,W] and weights [C,O/groups,KH,KW], not " +
                     both(x.shape(), weight.shape()));
  if (output_padding.h < 0 || output_padding.w < 0 ||
      output_padding.h >= std::max(options.stride.h, options.dilation.h) ||
      output_padding.w >= std::max(options.stride.w, options.dilation.w))
    throw ShapeError(
        "conv_transpose2d: output_padding must be at least 0 and below stride or dilation");
  ConvAttrs a = attrs_of(options, "conv_transpose2d");
  // Below dilation it may still reach a stride further: that is a transposed convolution of x with
  // zeros behind it.
  const int64_t more_h = output_padding.h / std::max<int64_t>(1, options.stride.h),
                more_w = output_padding.w / std::max<int64_t>(1, options.stride.w);
  const Tensor images = more_h || more_w ? pad(in.x, {0, more_w, 0, more_h}) : in.x;
  const auto extent = [](int64_t n, int64_t stride, int64_t pad, int64_t dilation, int64_t k,
                         int64_t more) {
    return narrow((n - 1) * stride - 2 * pad + dilation * (k - 1) + more + 1, "conv_transpose2d");
  };
  a.extent_h = extent(in.x.size(-2), options.stride.h, options.padding.h, options.dilation.h,
                      in.weight.size(-2), output_padding.h);
  a.extent_w = extent(in.x.size(-1), options.stride.w, options.padding.w, options.dilation.w,
                      in.weight.size(-1), output_padding.w);
  if (a.extent_h < 1 || a.extent_w < 1)
    throw ShapeError("conv_transpose2d: the padding leaves nothing of " +
                     both(x.shape(), weight.shape()));
  Tensor y = with_bias(apply2(conv2d_input_op, images, in.weight, a), bias, "conv_transpose2d");
  return in.single ? y.squeeze(0) : y;
}

}  // namespace regrad
