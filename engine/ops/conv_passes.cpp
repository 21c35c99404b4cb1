// A convolution's passes over memory, cut into blocks of images whose number only the shapes give;
// weight gradients of blocks are added in order.
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/conv.h>
#include <regrad/engine/parallel.h>

#include <algorithm>

namespace regrad {
namespace {

using detail::Scratch;
using kernels::Conv;
using kernels::ConvPass;

// Images a block: enough work for a block to be worth handing on, at most 8 blocks a task (each has
// a weight gradient of its own).
int64_t images_a_block(const Conv& s) {
  const int64_t worth =
      std::max(s.multiply_adds() >> 22, s.n * (s.c * s.h * s.w + s.o * s.oh * s.ow) >> 16);
  const int64_t blocks = std::clamp<int64_t>(worth, 1, std::min<int64_t>(8, s.n));
  return (s.n + blocks - 1) / blocks;
}

// One pass over T tasks: x, y [T, images], weight [T, weights], of which one is written.
template <class T>
struct Pass {
  const Conv& s;
  int64_t tasks, block = images_a_block(s), blocks = (s.n + block - 1) / block;
  int64_t x_image = s.c * s.h * s.w, y_image = s.o * s.oh * s.ow,
          weights = s.o * (s.c / s.groups) * s.kh * s.kw;
  // Of task t.
  const T *x, *y, *weight;
  int64_t x_task, y_task, weight_task;
};

void run(ConvPass pass, const Pass<double>& p) {
  parallel_for(p.tasks * (pass == ConvPass::weight ? 1 : p.blocks), [&](int64_t i) {
    const bool whole = pass == ConvPass::weight;
    const int64_t t = whole ? i : i / p.blocks, first = whole ? 0 : i % p.blocks * p.block;
    Conv s = p.s;
    if (!whole) s.n = std::min(p.block, s.n - first);
    const double *x = p.x + t * p.x_task + first * p.x_image,
                 *y = p.y + t * p.y_task + first * p.y_image, *w = p.weight + t * p.weight_task;
    if (pass == ConvPass::y) {
      kernels::conv_y(s, x, w, const_cast<double*>(y));
    } else if (pass == ConvPass::x) {
      kernels::conv_x(s, y, w, const_cast<double*>(x));
    } else {
      kernels::conv_weight(s, x, y, const_cast<double*>(w));
    }
  });
}

void add_into(float* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// Whether the depthwise kernels take it: oneDNN's read whole blocks of 16 channels.
bool is_depthwise(const Conv& s) {
  return s.groups == s.c && s.o == s.c && s.stride_w == 1 && s.c <= kernels::depthwise_channels &&
         s.kw <= kernels::depthwise_width && !detail::mode.bf16;
}
void run_depthwise(ConvPass pass, const Pass<float>& p) {
  const Conv& s = p.s;
  const int64_t taps = s.kh * s.kw, each = (taps * s.c + 15) / 16 * 16,
                parts = pass == ConvPass::weight ? p.blocks : 1;
  const Scratch turned(p.tasks * each * 4), partial(p.tasks * parts * each * 8);  // [taps, c]
  const kernels::Table& k = kernels::table();
  for (int64_t t = 0; t < p.tasks && pass != ConvPass::weight; ++t)
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t i = 0; i < taps; ++i)
        turned.as<float>()[t * each + i * s.c + c] = p.weight[t * p.weight_task + c * taps + i];
  parallel_for(p.tasks * p.blocks, [&](int64_t i) {
    const int64_t t = i / p.blocks, first = i % p.blocks * p.block;
    const kernels::Depthwise d{std::min(p.block, s.n - first),
                               s.c,
                               s.h,
                               s.w,
                               s.oh,
                               s.ow,
                               s.kh,
                               s.kw,
                               s.stride_h,
                               s.pad_h,
                               s.pad_w,
                               s.dilation_h,
                               s.dilation_w};
    const float *x = p.x + t * p.x_task + first * p.x_image,
                *y = p.y + t * p.y_task + first * p.y_image, *w = turned.as<float>() + t * each;
    if (pass == ConvPass::y) return k.depthwise_y(d, x, w, const_cast<float*>(y));
    if (pass == ConvPass::x) return k.depthwise_x(d, y, w, const_cast<float*>(x));
    const Scratch sums(taps * kernels::depthwise_channels * 4);
    k.depthwise_weight(d, x, y, sums.as<float>(), partial.as<double>() + i * each);
  });
  for (int64_t t = 0; t < p.tasks && pass == ConvPass::weight; ++t)
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t i = 0; i < taps; ++i) {
        double total = 0;
        for (int64_t b = 0; b < p.blocks; ++b)
          total += partial.as<double>()[(t * p.blocks + b) * each + i * s.c + c];
        const_cast<float*>(p.weight)[t * p.weight_task + c * taps + i] = static_cast<float>(total);
      }
}

void run(ConvPass pass, const Pass<float>& p) {
  if (is_depthwise(p.s)) return run_depthwise(pass, p);
  const auto plan = kernels::conv_plan(pass, p.s, p.block, detail::mode.bf16);
  const bool writes_weight = pass == ConvPass::weight;
  const int64_t room = (plan->packed_bytes + 63) / 64 * 64, each = writes_weight ? p.blocks : 1;
  const Scratch packed(p.tasks * each * room);
  const auto packed_at = [&](int64_t t, int64_t b) {
    return packed.as<char>() + (t * each + (writes_weight ? b : 0)) * room;
  };
  if (!writes_weight)
    parallel_for(p.tasks,
                 [&](int64_t t) { plan->pack(p.weight + t * p.weight_task, packed_at(t, 0)); });
  parallel_for(p.tasks * p.blocks, [&](int64_t i) {
    const int64_t t = i / p.blocks, b = i % p.blocks;
    const Scratch scratch(std::max<int64_t>(plan->scratch_bytes, 1));
    plan->run(b, p.x + t * p.x_task + b * p.block * p.x_image,
              p.y + t * p.y_task + b * p.block * p.y_image, packed_at(t, b), scratch.as<void>());
  });
  if (!writes_weight) return;
  parallel_for(p.tasks, [&](int64_t t) {
    for (int64_t b = 1; b < p.blocks; ++b)
      add_into(reinterpret_cast<float*>(packed_at(t, 0)),
               reinterpret_cast<const float*>(packed_at(t, b)), plan->packed_bytes / 4);
    plan->unpack(packed_at(t, 0), const_cast<float*>(p.weight) + t * p.weight_task);
  });
}

int64_t task_stride(const Tensor& x) { return x.dim() == 5 ? x.strides()[0] : 0; }

template <class T>
void convolve(ConvPass pass, const Conv& s, const Tensor& x, const Tensor& y,
              const Tensor& weight) {
  run(pass, Pass<T>{.s = s,
                    .tasks = x.dim() == 5 ? x.shape()[0] : 1,
                    .x = x.node()->ptr<T>(),
                    .y = y.node()->ptr<T>(),
                    .weight = weight.node()->ptr<T>(),
                    .x_task = task_stride(x),
                    .y_task = task_stride(y),
                    .weight_task = task_stride(weight)});
}

}  // namespace

void convolve(ConvPass pass, const Conv& s, const Tensor& x, const Tensor& y,
              const Tensor& weight) {
  x.dtype() == DType::f32 ? convolve<float>(pass, s, x, y, weight)
                          : convolve<double>(pass, s, x, y, weight);
}

}  // namespace regrad
