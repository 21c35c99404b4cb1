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
  return {{n, x.c, x.h, x.w, y.c, y.h, y.w, kh, kw, l.stride, l.stride, l.padding, l.padding, 1, 1,
           l.groups},
          weight,
          bias,
          l.residual >= 0};
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

// A layer that only moves or shrinks, of one image.
void run_simple(const Layer& l, const Size& from, const Size& to, const float* x, float* y) {
  const int64_t c = from.c;
  const auto each_pixel = [&](auto&& f) {
    for (int64_t i = 0; i < to.h; ++i)
      for (int64_t j = 0; j < to.w; ++j)
        f(x + (i * l.stride * from.w + j * l.stride) * c, y + (i * to.w + j) * to.c);
  };
  if (l.kind == Layer::affine) {
    const float *w = l.weight.data<float>(), *b = l.bias.data<float>();
    for (int64_t p = 0; p < to.h * to.w; ++p)
      for (int64_t k = 0; k < c; ++k) y[p * c + k] = w[k] * x[p * c + k] + b[k];
  } else if (l.kind == Layer::mean) {
    kernels::table().sum_columns[0](x, from.h * from.w, c, c, y);
    for (int64_t k = 0; k < c; ++k) y[k] /= static_cast<float>(from.h * from.w);
  } else if (l.kind == Layer::max_pool) {
    run_max_pool(l, from, to, x, y);
  } else {
    const int64_t before = (l.channels - c) / 2;
    each_pixel([&](const float* in, float* out) {
      std::fill_n(out, l.channels, 0.0f);
      std::memcpy(out + before, in, static_cast<size_t>(c) * 4);
    });
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

// [c,h,w] -> [h,w,c], or back.
void channels_last(const Size& s, const float* x, float* y) {
  for (int64_t p = 0; p < s.h * s.w; ++p)
    for (int64_t c = 0; c < s.c; ++c) y[p * s.c + c] = x[c * s.h * s.w + p];
}
void channels_first(const Size& s, const float* x, float* y) {
  for (int64_t c = 0; c < s.c; ++c)
    for (int64_t p = 0; p < s.h * s.w; ++p) y[c * s.h * s.w + p] = x[p * s.c + c];
}

}  // namespace

DensePlan dense_plan_of(const std::vector<Layer>& layers, const std::vector<Size>& sizes) {
  DensePlan p;
  p.values = sizes;
  p.most = images_at_a_time(layers, sizes);
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const Size& from = sizes[static_cast<size_t>(l.from)];
    const bool is_conv = l.kind == Layer::conv || (l.kind == Layer::linear && p.most > few);
    p.convs.push_back(is_conv ? std::optional(fixed(l, from, sizes[i + 1], p.most)) : std::nullopt);
    const bool turns = l.kind == Layer::linear && from.h * from.w > 1;
    p.matrices.push_back(turns ? turned(l.weight.data<float>(), sizes[i + 1].c, from)
                               : std::vector<float>());
  }
  p.slot = memories(layers, [](int, int) { return true; });
  for (size_t v = 0; v < sizes.size(); ++v) {
    const auto s = static_cast<size_t>(p.slot[v]);
    if (s == p.slots.size()) p.slots.push_back(0);
    p.slots[s] = std::max(p.slots[s], sizes[v].numel());
  }
  return p;
}

void run_dense(const std::vector<Layer>& layers, const DensePlan& plan, const float* x, int64_t n,
               float* out) {
  int64_t total = 0;
  std::vector<int64_t> begin;  // of each memory, at a cache line and with one to spare
  for (const int64_t s : plan.slots) begin.push_back(total), total += (n * s + 15) / 16 * 16 + 16;
  int64_t scratch_bytes = 64;
  for (const auto& c : plan.convs)
    if (c) scratch_bytes = std::max(scratch_bytes, c->scratch_bytes(n));
  const Scratch memory(total * 4), scratch(scratch_bytes);
  const auto at = [&](size_t value) {
    return memory.as<float>() + begin[static_cast<size_t>(plan.slot[value])];
  };
  const Size &in = plan.values.front(), &last = plan.values.back();
  for (int64_t i = 0; i < n; ++i) channels_last(in, x + i * in.numel(), at(0) + i * in.numel());
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const Size &from = plan.values[static_cast<size_t>(l.from)], &to = plan.values[i + 1];
    const float* source = at(static_cast<size_t>(l.from));
    float* y = at(i + 1);
    if (l.residual >= 0 && at(static_cast<size_t>(l.residual)) != y)
      std::memcpy(y, at(static_cast<size_t>(l.residual)), static_cast<size_t>(n * to.numel()) * 4);
    if (l.kind == Layer::linear && n <= few) {
      run_matrix(l, plan.matrices[i].empty() ? l.weight.data<float>() : plan.matrices[i].data(),
                 from.numel(), source, n, y);
    } else if (plan.convs[i]) {
      plan.convs[i]->run(n, source, y, scratch.as<void>());
    } else {
      for (int64_t k = 0; k < n; ++k)
        run_simple(l, from, to, source + k * from.numel(), y + k * to.numel());
    }
    if (l.relu) relu(y, n * to.numel());
  }
  for (int64_t i = 0; i < n; ++i)
    channels_first(last, at(layers.size()) + i * last.numel(), out + i * last.numel());
}

}  // namespace regrad::inference
