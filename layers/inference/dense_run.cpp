// The dense way of running: images channels last, a few at a time, so that what lies between two
// layers stays in the cache.
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/inference/plan.h>

#include <cstring>

namespace regrad::inference {
namespace {

using Layer = InferenceLayer;
using detail::Scratch;

// A matrix over [c,h,w] as one over [h,w,c].
std::vector<float> turned(const float* w, int64_t rows, const Size& x) {
  std::vector<float> t(static_cast<size_t>(rows * x.numel()));
  size_t at = 0;
  for (int64_t o = 0; o < rows; ++o)
    for (int64_t p = 0; p < x.h * x.w; ++p)
      for (int64_t c = 0; c < x.c; ++c) t[at++] = w[(o * x.c + c) * x.h * x.w + p];
  return t;
}

kernels::FixedConv fixed(const Layer& l, const Size& x, const Size& y, int64_t n) {
  const float *weight = l.weight.data<float>(), *bias = l.bias.data<float>();
  if (l.kind == Layer::linear)
    return {{n, x.c, 1, 1, y.c, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1}, weight, bias, false};
  const int64_t kh = l.weight.shape()[2], kw = l.weight.shape()[3];
  const Steps s(l);
  return {{n, x.c, x.h, x.w, y.c, y.h, y.w, kh, kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w,
           s.dilation_h, s.dilation_w, l.groups},
          weight,
          bias,
          l.residual >= 0};
}

// By kernels of our own: oneDNN's read whole blocks of 16 channels.
bool by_rows(const Layer& l, const Size& x, const Size& y) {
  return l.kind == Layer::conv && l.groups == x.c && y.c == x.c && x.c % 16 != 0 && x.c > 1 &&
         Steps(l).stride_w == 1 && x.c <= kernels::depthwise_channels &&
         l.weight.shape()[3] <= kernels::depthwise_width;
}
std::vector<float> taps_first(const Layer& l) {
  const int64_t c = l.weight.shape()[0], taps = l.weight.numel() / c;
  std::vector<float> t;
  for (int64_t k = 0; k < taps; ++k)
    for (int64_t o = 0; o < c; ++o) t.push_back(l.weight.data<float>()[o * taps + k]);
  return t;
}
std::vector<float> by_bands(const Layer& l, int64_t c) {
  std::vector<float> t(static_cast<size_t>(c), 0.0f);
  for (const Tensor& v : {l.weight, l.bias})
    for (int64_t b = 0; b < l.bands; ++b)
      for (int64_t k = 0; k < c; ++k) t.push_back(v.data<float>()[k * l.bands + b]);
  return t;
}

constexpr int64_t few = 8;  // vectors: a matrix is read once as it lies, and not packed

// As many images as share the reading of the weights and leave the largest value in the cache.
int64_t images_at_a_time(const std::vector<Layer>& layers, const std::vector<Size>& sizes) {
  constexpr int64_t cache = int64_t{1} << 15, vectors = 64;
  int64_t weights = 0, values = 0, largest = 1;
  for (const Layer& l : layers)
    if (l.weight.defined()) weights += l.weight.numel();
  for (const Size& s : sizes) values += s.numel(), largest = std::max(largest, s.numel());
  const bool pictures =
      std::any_of(sizes.begin(), sizes.end(), [](const Size& s) { return s.h * s.w > 1; });
  return pictures ? std::clamp(std::max(cache / largest, weights / values), int64_t{1}, few)
                  : vectors;
}

void run_max_pool(const Layer& l, const Size& from, const Size& to, const float* x, float* y) {
  const int64_t c = from.c;
  for (int64_t i = 0; i < to.h; ++i)
    for (int64_t j = 0; j < to.w; ++j, y += c) {
      const PoolSpan rows(l, i, from.h), columns(l, j, from.w);
      std::memcpy(y, x + (rows.first * from.w + columns.first) * c, static_cast<size_t>(c) * 4);
      for (int64_t p = rows.first; p < rows.end; ++p)
        for (int64_t q = columns.first; q < columns.end; ++q)
          for (int64_t k = 0; k < c; ++k) {
            const float v = x[(p * from.w + q) * c + k];
            y[k] = v > y[k] || v != v ? v : y[k];  // NaN is largest
          }
    }
}

void run_subsample(const Layer& l, const Size& from, const Size& to, const float* x, float* y) {
  const int64_t before = (l.channels - from.c) / 2;
  for (int64_t i = 0; i < to.h; ++i)
    for (int64_t j = 0; j < to.w; ++j, y += to.c) {
      std::fill_n(y, to.c, 0.0f);
      std::memcpy(y + before, x + (i * l.stride * from.w + j * l.stride) * from.c,
                  static_cast<size_t>(from.c) * 4);
    }
}

// Sums of `rows` rows of n, over their number.
void run_mean(int64_t rows, int64_t n, const float* x, float* y) {
  kernels::table().sum_columns[0](x, rows, n, n, y);
  void* const operands[2] = {y, y};
  const int64_t strides[2] = {1, 1};
  kernels::table().unary[0][static_cast<int>(kernels::Unary::div_scalar)](
      operands, strides, n, {static_cast<double>(rows), 0});
}

// A layer without sums of products, of one image.
void run_simple(const Layer& l, const std::vector<float>& constants, const Size& from,
                const Size& to, const Images& v) {
  const kernels::Table& k = kernels::table();
  const float* x = v.x;
  switch (l.kind) {
    case Layer::affine: {
      const int64_t band = from.numel() / l.bands, c = from.c;
      for (int64_t b = 0; b < l.bands; ++b)
        k.sub_bands[0].apply({1, 0, band, c}, constants.data(), constants.data() + (1 + b) * c,
                             constants.data() + (1 + l.bands + b) * c, l.relu, x + b * band,
                             v.y + b * band);
      return;
    }
    case Layer::mean: return run_mean(from.h * from.w, from.c, x, v.y);
    case Layer::mean_rows: return run_mean(from.h, from.w * from.c, x, v.y);
    case Layer::max_pool: return run_max_pool(l, from, to, x, v.y);
    case Layer::add_row:
      return k.broadcast_row[0].add(from.h, from.w * from.c, x, v.row, v.residual, v.y);
    case Layer::silu: {
      void* const operands[2] = {v.y, const_cast<float*>(x)};
      const int64_t strides[2] = {1, 1};
      return k.unary[0][static_cast<int>(kernels::Unary::silu)](operands, strides, from.numel(),
                                                                {});
    }
    default: return run_subsample(l, from, to, x, v.y);
  }
}

// y [n,o] = x [n,i] w^T + bias by blocks of outputs: one image too keeps all threads busy.
void run_matrix(const Layer& l, const float* w, int64_t inputs, const float* x, int64_t n,
                float* y) {
  constexpr int64_t block = 256;
  const int64_t outputs = l.weight.shape()[0];
  parallel_for((outputs + block - 1) / block, [&](int64_t b) {
    const int64_t first = b * block;
    kernels::table().gemv_rows[0]({n, std::min(block, outputs - first), inputs, x, inputs,
                                   w + first * inputs, inputs, l.bias.data<float>() + first, 0, 1,
                                   y + first, outputs});
  });
}

void relu(float* y, int64_t n) {
  void* const operands[2] = {y, y};
  const int64_t strides[2] = {1, 1};
  kernels::table().unary[0][static_cast<int>(kernels::Unary::relu)](operands, strides, n, {});
}

// y = x * weight + bias (+ y as it was) of one image.
void run_rows(const Layer& l, const std::vector<float>& weight, const Size& from, const Size& to,
              const Images& v) {
  const Steps s(l);
  const bool adds = l.residual >= 0;
  const Scratch sums(adds ? to.numel() * 4 : 64);
  float* y = adds ? sums.as<float>() : v.y;
  kernels::table().depthwise_y(
      {1, from.c, from.h, from.w, to.h, to.w, l.weight.shape()[2], l.weight.shape()[3], s.stride_h,
       s.pad_h, s.pad_w, s.dilation_h, s.dilation_w},
      v.x, weight.data(), y);
  const float* b = l.bias.data<float>();
  if (!adds && std::all_of(b, b + to.c, [](float z) { return z == 0; })) return;
  for (int64_t p = 0; p < to.h * to.w; ++p)
    for (int64_t c = 0; c < to.c; ++c) {
      const float z = y[p * to.c + c] + b[c];
      v.y[p * to.c + c] = adds ? v.y[p * to.c + c] + z : z;
    }
}

}  // namespace

void channels_last(const Size& s, const float* x, float* y) {
  if (s.c == 1) return void(std::memcpy(y, x, static_cast<size_t>(s.numel()) * 4));
  for (int64_t p = 0; p < s.h * s.w; ++p)
    for (int64_t c = 0; c < s.c; ++c) y[p * s.c + c] = x[c * s.h * s.w + p];
}
void channels_first(const Size& s, const float* x, float* y) {
  for (int64_t c = 0; c < s.c; ++c)
    for (int64_t p = 0; p < s.h * s.w; ++p) y[c * s.h * s.w + p] = x[p * s.c + c];
}

DensePlan dense_plan_of(const std::vector<Layer>& layers, const std::vector<Size>& sizes,
                        bool skip_levels) {
  DensePlan p;
  p.values = sizes;
  p.most = images_at_a_time(layers, sizes);
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const Size& from = sizes[static_cast<size_t>(l.from)];
    const Size& to = sizes[i + 1];
    const bool skip = skip_levels && l.levels, rows = by_rows(l, from, to);
    const bool is_conv =
        !skip && !rows && (l.kind == Layer::conv || (l.kind == Layer::linear && p.most > few));
    p.convs.push_back(is_conv ? std::optional(fixed(l, from, to, p.most)) : std::nullopt);
    std::vector<float> constants;
    if (l.kind == Layer::affine) constants = by_bands(l, from.c);
    if (!skip && rows) constants = taps_first(l);
    if (!skip && l.kind == Layer::linear && from.h * from.w > 1)
      constants = turned(l.weight.data<float>(), to.c, from);
    p.constants.push_back(std::move(constants));
    p.held = std::max(p.held, l.levels && !skip_levels ? from.numel() : 0);
  }
  p.slot = memories(layers, [](int, int) { return true; });
  for (size_t v = 0; v < sizes.size(); ++v) {
    const auto s = static_cast<size_t>(p.slot[v]);
    if (s == p.slots.size()) p.slots.push_back(0);
    p.slots[s] = std::max(p.slots[s], sizes[v].numel());
  }
  return p;
}

int64_t scratch_bytes(const DensePlan& plan, int64_t n) {
  int64_t bytes = 64;
  for (const auto& c : plan.convs)
    if (c) bytes = std::max(bytes, c->scratch_bytes(n));
  return bytes;
}

void run_layer(const std::vector<Layer>& layers, const DensePlan& plan, size_t i, const Images& v,
               void* scratch) {
  const Layer& l = layers[i];
  const Size &from = plan.values[static_cast<size_t>(l.from)], &to = plan.values[i + 1];
  const bool linear = l.kind == Layer::linear && v.n <= few, rows = by_rows(l, from, to);
  if (l.kind == Layer::conv && v.residual && v.residual != v.y)
    std::memcpy(v.y, v.residual, static_cast<size_t>(v.n * to.numel()) * 4);
  if (linear) {
    const std::vector<float>& w = plan.constants[i];
    run_matrix(l, w.empty() ? l.weight.data<float>() : w.data(), from.numel(), v.x, v.n, v.y);
  } else if (plan.convs[i]) {
    plan.convs[i]->run(v.n, v.x, v.y, scratch);
  } else {
    for (int64_t k = 0; k < v.n; ++k) {
      const int64_t at = k * to.numel();
      const Images one{1, v.x + k * from.numel(), v.residual ? v.residual + at : nullptr,
                       v.row ? v.row + k * to.w * to.c : nullptr, v.y + at};
      if (rows) {
        run_rows(l, plan.constants[i], from, to, one);
      } else {
        run_simple(l, plan.constants[i], from, to, one);
      }
    }
  }
  if (l.relu && (l.kind == Layer::conv || l.kind == Layer::linear)) relu(v.y, v.n * to.numel());
}

// The input of a layer with levels, at them.
static const float* held(const Layer& l, const Size& from, const float* x, int64_t n, float* to) {
  if (!l.levels) return x;
  if (l.levels->input_scale.size() == 1) {
    Held(*l.levels, 0, 1)(x, n * from.numel(), to);
    return to;
  }
  std::vector<Held> each;
  for (int64_t c = 0; c < from.c; ++c) each.emplace_back(*l.levels, c, from.c);
  for (int64_t p = 0; p < n * from.h * from.w; ++p)
    for (int64_t c = 0; c < from.c; ++c) {
      const Held& h = each[static_cast<size_t>(c)];
      to[p * from.c + c] = h.level(x[p * from.c + c]) * h.scale;
    }
  return to;
}

void run_dense(const std::vector<Layer>& layers, const DensePlan& plan, const float* x, int64_t n,
               float* out) {
  int64_t total = 0;
  std::vector<int64_t> begin;  // of each memory, at a cache line and with one to spare
  for (const int64_t s : plan.slots) begin.push_back(total), total += (n * s + 15) / 16 * 16 + 16;
  const Scratch memory((total + n * plan.held) * 4), scratch(scratch_bytes(plan, n));
  const auto at = [&](int value) {
    return memory.as<float>() + begin[static_cast<size_t>(plan.slot[static_cast<size_t>(value)])];
  };
  const Size &in = plan.values.front(), &last = plan.values.back();
  for (int64_t i = 0; i < n; ++i) channels_last(in, x + i * in.numel(), at(0) + i * in.numel());
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const Size& from = plan.values[static_cast<size_t>(l.from)];
    const float* source = held(l, from, at(l.from), n, memory.as<float>() + total);
    run_layer(layers, plan, i,
              {n, source, l.residual >= 0 ? at(l.residual) : nullptr,
               l.row >= 0 ? at(l.row) : nullptr, at(static_cast<int>(i) + 1)},
              scratch.as<void>());
  }
  const float* y = at(static_cast<int>(layers.size()));
  for (int64_t i = 0; i < n; ++i)
    channels_first(last, y + i * last.numel(), out + i * last.numel());
}

}  // namespace regrad::inference
