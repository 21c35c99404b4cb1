#include <regrad/layers/nets/resnet.h>

#include <string>

namespace regrad {
namespace {

constexpr BatchNorm::Track own = BatchNorm::Track::never;

// Every second pixel, and zero channels on both sides. Channels are neighbours in memory, so the
// padding works on them as the last dim.
Tensor subsampled(const Tensor& x, int64_t stride, int64_t channels) {
  const int64_t before = (channels - x.size(-3)) / 2;
  const Tensor small = slice(slice(x, -2, 0, x.size(-2), stride), -1, 0, x.size(-1), stride);
  if (channels == x.size(-3)) return small;
  return pad(small.permute({0, 2, 3, 1}), {before, channels - x.size(-3) - before})
      .permute({0, 3, 1, 2});
}

Tensor averaged(const Tensor& x) { return mean(x, {-2, -1}); }

int blocks_a_stage(int depth, int rest, int a_block = 6) {
  if (depth <= rest || (depth - rest) % a_block)
    throw ConfigError("a depth of " + std::to_string(depth) + " is not " + std::to_string(a_block) +
                      " n + " + std::to_string(rest));
  return (depth - rest) / a_block;
}

template <class Net>
void enter(Net& net, const Random& r, const ResnetOptions& o) {
  net.conv = he_conv(r / "conv", o.in_channels, o.width, 3, 1, o.dtype);
  net.norm = BatchNorm(o.width, BatchNorm::Track::running, o.dtype);
}

}  // namespace

BasicBlock::BasicBlock(const Random& r, int64_t in, int64_t out, int64_t stride, Shortcut kind,
                       DType t)
    : conv1(he_conv(r / "conv1", in, out, 3, stride, t)),
      conv2(he_conv(r / "conv2", out, out, 3, 1, t)),
      norm1(out, BatchNorm::Track::running, t),
      norm2(out, BatchNorm::Track::running, t) {
  if (kind == Shortcut::project && (stride != 1 || in != out)) {
    shortcut = he_conv(r / "shortcut", in, out, 1, stride, t);
    shortcut_norm = BatchNorm(out, BatchNorm::Track::running, t);
  }
}
Tensor BasicBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor y = conv2(norm1(conv1(x), ctx, {.relu = true}));
  const int64_t stride = conv1.options.stride.h, out = y.size(-3);
  Tensor s = x;
  if (shortcut.weight.defined()) {
    s = shortcut_norm(shortcut(x), ctx);
  } else if (stride != 1 || out != x.size(-3)) {
    s = subsampled(x, stride, out);
  }
  return norm2(y, ctx, {.relu = true, .residual = s});
}

Resnet::Resnet(const Random& r, const ResnetOptions& o, int64_t classes) {
  const int n = blocks_a_stage(o.depth, 2);
  enter(*this, r, o);
  int64_t in = o.width;
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < n; ++i) {
      const int64_t out = o.width << stage;
      blocks.emplace_back(r / "block" / (stage * n + i), in, out, stage > 0 && i == 0 ? 2 : 1,
                          o.shortcut, o.dtype);
      in = out;
    }
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}

BottleneckBlock::BottleneckBlock(const Random& r, int64_t in, int64_t width, int64_t stride,
                                 DType t)
    : conv1(he_conv(r / "conv1", in, width, 1, 1, t)),
      conv2(he_conv(r / "conv2", width, width, 3, stride, t)),
      conv3(he_conv(r / "conv3", width, 4 * width, 1, 1, t)),
      norm1(width, BatchNorm::Track::running, t),
      norm2(width, BatchNorm::Track::running, t),
      norm3(4 * width, BatchNorm::Track::running, t) {
  if (stride != 1 || in != 4 * width) {
    shortcut = he_conv(r / "shortcut", in, 4 * width, 1, stride, t);
    shortcut_norm = BatchNorm(4 * width, BatchNorm::Track::running, t);
  }
}
Tensor BottleneckBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor y = conv3(norm2(conv2(norm1(conv1(x), ctx, {.relu = true})), ctx, {.relu = true}));
  return norm3(
      y, ctx,
      {.relu = true, .residual = shortcut.weight.defined() ? shortcut_norm(shortcut(x), ctx) : x});
}

BottleneckResnet::BottleneckResnet(const Random& r, const ResnetOptions& o, int64_t classes) {
  const int n = blocks_a_stage(o.depth, 2, 9);
  enter(*this, r, o);
  int64_t in = o.width;
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < n; ++i) {
      const int64_t width = o.width << stage;
      blocks.emplace_back(r / "block" / (stage * n + i), in, width, stage > 0 && i == 0 ? 2 : 1,
                          o.dtype);
      in = 4 * width;
    }
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}

PreActBlock::PreActBlock(const Random& r, int64_t in, int64_t out, int64_t stride, DType t)
    : norm1(in, BatchNorm::Track::running, t),
      norm2(out, BatchNorm::Track::running, t),
      conv1(he_conv(r / "conv1", in, out, 3, stride, t)),
      conv2(he_conv(r / "conv2", out, out, 3, 1, t)) {
  if (stride != 1 || in != out) shortcut = he_conv(r / "shortcut", in, out, 1, stride, t);
}
Tensor PreActBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor a = norm1(x, ctx, {.relu = true});
  const Tensor y = conv2(norm2(conv1(a), ctx, {.relu = true}));
  return y + (shortcut.weight.defined() ? shortcut(a) : x);
}

WideResnet::WideResnet(const Random& r, const WideResnetOptions& o, int64_t classes)
    : conv(he_conv(r / "conv", o.in_channels, 16, 3, 1, o.dtype)) {
  const int n = blocks_a_stage(o.depth, 4);
  int64_t in = 16;
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < n; ++i) {
      const int64_t out = int64_t{16} * o.widen << stage;
      blocks.emplace_back(r / "block" / (stage * n + i), in, out, stage > 0 && i == 0 ? 2 : 1,
                          o.dtype);
      in = out;
    }
  norm = BatchNorm(in, BatchNorm::Track::running, o.dtype);
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}
Tensor WideResnet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = conv(x);
  for (const PreActBlock& b : blocks) y = b(y, ctx);
  return linear(averaged(norm(y, ctx, {.relu = true})));
}
Tensor WideResnet::operator()(const Tensor& x) const {
  Context ctx;
  return (*this)(x, ctx);
}

Resnet12Block::Resnet12Block(const Random& r, int64_t in, int64_t out, DType t)
    : shortcut(he_conv(r / "shortcut", in, out, 1, 1, t)), shortcut_norm(out, own, t) {
  for (int i = 0; i < 3; ++i) {
    convs.push_back(he_conv(r / i, i == 0 ? in : out, out, 3, 1, t));
    norms.emplace_back(out, own, t);
  }
}
Tensor Resnet12Block::operator()(const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    y = norms[i](convs[i](y));
    if (i + 1 < convs.size()) y = leaky_relu(y, 0.1);
  }
  return max_pool2d(leaky_relu(y + shortcut_norm(shortcut(x)), 0.1), 2);
}

Resnet12::Resnet12(const Random& r, int64_t ways, const std::vector<int64_t>& channels,
                   int64_t in_channels, DType t) {
  int64_t in = in_channels;
  for (size_t i = 0; i < channels.size(); ++i) {
    blocks.emplace_back(r / static_cast<int64_t>(i), in, channels[i], t);
    in = channels[i];
  }
  linear = Linear(r / "linear", in, ways, true, t);
}
Tensor Resnet12::operator()(const Tensor& x) const {
  Tensor y = x;
  for (const Resnet12Block& b : blocks) y = b(y);
  return linear(averaged(y));
}

}  // namespace regrad
