// Sequences [N,C,L] are images of one row.
#include <regrad/engine/conv.h>
#include <regrad/engine/internal/called.h>

#include <string>

namespace regrad {
namespace {

template <class F>
Tensor on_row(const char* op, const Tensor& x, F&& f) {
  if (x.dim() < 2 || x.dim() > 4)
    throw ShapeError(std::string(op) + ": needs sequences [N,C,L], [C,L] or [T,N,C,L], not " +
                     str(x.shape()));
  return f(unsqueeze(x, -2)).squeeze(-2);
}
PoolOptions of_row(PoolOptions o) {
  o.stride.h = o.dilation.h = 1;
  o.padding.h = 0;
  return o;
}

}  // namespace

Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvOptions& options, int64_t output_padding) {
  const detail::Called as("conv_transpose1d(x, weight, bias?)", x, weight, bias);
  if (weight.dim() < 3)
    throw ShapeError("conv_transpose1d: needs weights [C,O/groups,K], not " + str(weight.shape()));
  ConvOptions flat = options;
  flat.stride.h = flat.dilation.h = 1;
  flat.padding.h = 0;
  return on_row("conv_transpose1d", x, [&](const Tensor& images) {
    return conv_transpose2d(images, weight.unsqueeze(-2), bias, flat, {0, output_padding});
  });
}

Tensor max_pool1d(const Tensor& x, int64_t kernel, const PoolOptions& options) {
  const detail::Called as("max_pool1d(x)", x);
  return on_row("max_pool1d", x, [&](const Tensor& images) {
    return max_pool2d(images, {1, kernel}, of_row(options));
  });
}
Tensor avg_pool1d(const Tensor& x, int64_t kernel, const PoolOptions& options,
                  bool count_include_pad) {
  const detail::Called as("avg_pool1d(x)", x);
  return on_row("avg_pool1d", x, [&](const Tensor& images) {
    return avg_pool2d(images, {1, kernel}, of_row(options), count_include_pad);
  });
}
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t output) {
  const detail::Called as("adaptive_avg_pool1d(x)", x);
  return on_row("adaptive_avg_pool1d", x, [&](const Tensor& images) {
    return adaptive_avg_pool2d(images, {1, output});
  });
}
Tensor adaptive_max_pool1d(const Tensor& x, int64_t output) {
  const detail::Called as("adaptive_max_pool1d(x)", x);
  return on_row("adaptive_max_pool1d", x, [&](const Tensor& images) {
    return adaptive_max_pool2d(images, {1, output});
  });
}

}  // namespace regrad
