#include <regrad/layers/steps.h>

namespace regrad {
namespace {

// Channels are neighbours in memory, so the padding works on them as the last dim.
Tensor subsampled(const Tensor& x, int64_t stride, int64_t channels) {
  const int64_t before = (channels - x.size(-3)) / 2;
  const Tensor small = slice(slice(x, -2, 0, x.size(-2), stride), -1, 0, x.size(-1), stride);
  if (channels == x.size(-3)) return small;
  return pad(small.permute({0, 2, 3, 1}), {before, channels - x.size(-3) - before})
      .permute({0, 3, 1, 2});
}

}  // namespace

Tensor relu(Tensor x, Context& ctx) {
  if (!ctx.evaluate) return relu(std::move(x));
  return ctx.evaluate(Step{.kind = Step::relu, .x = x}, [&] { return relu(x); });
}
Tensor add(const Tensor& a, const Tensor& b, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::add, .x = a, .other = b}; }, [&] { return a + b; });
}
Tensor max_pool2d(const Tensor& x, int kernel, Context& ctx) {
  return evaluated(
      ctx,
      [&] {
        return Step{.kind = Step::max_pool, .x = x, .window = {.kernel = kernel, .stride = kernel}};
      },
      [&] { return max_pool2d(x, kernel); });
}
Tensor mean_over_pixels(const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::mean, .x = x}; },
      [&] {
        return mean(x, {-2, -1});
      });
}
Tensor mean_over_rows(const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::mean_rows, .x = x}; },
      [&] { return mean(x, {2}, true); });
}
Tensor mean_over_map(const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::mean, .x = x}; },
      [&] {
        return mean(x, {2, 3}, true);
      });
}
Tensor silu(const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::silu, .x = x}; }, [&] { return silu(x); });
}
Tensor broadcast_residual(const Tensor& x, const Tensor& row, const Tensor& residual,
                          Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::broadcast, .x = x, .other = residual, .row = row}; },
      [&] { return broadcast_residual(x, row, residual); });
}
Tensor subsample(const Tensor& x, int64_t stride, int64_t channels, Context& ctx) {
  return evaluated(
      ctx,
      [&] { return Step{.kind = Step::subsample, .x = x, .stride = stride, .channels = channels}; },
      [&] { return subsampled(x, stride, channels); });
}
Tensor flatten_pixels(const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::flatten, .x = x}; }, [&] { return flatten(x, -3); });
}

}  // namespace regrad
