#include <regrad/algorithms/rfn/experiment/pooled.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>

#include <string>

namespace regrad::relaxed_norm {

PooledNet::PooledNet(const Random& r, const PooledOptions& o)
    : norms{FreqNormPlace(o.norm, o.lambda, 1, DType::f32)},
      standard(o.mels * o.segments),
      hidden(r / "hidden", o.mels * o.segments, o.hidden),
      output(r / "output", o.hidden, o.classes),
      segments(o.segments) {}

Tensor PooledNet::operator()(const Tensor& x, Context& ctx) const {
  const int64_t mels = hidden.weight.size(1) / segments;
  if (x.dim() != 4 || x.size(1) != 1 || x.size(2) != mels || x.size(3) < segments)
    throw ShapeError("PooledNet: needs [N,1," + std::to_string(mels) + ",T] with at least " +
                     std::to_string(segments) + " frames, not " + str(x.shape()));
  const Tensor pooled = adaptive_avg_pool2d(norms[0](x, ctx), {mels, segments});
  return output(relu(hidden(standard(reshape(pooled, {x.size(0), mels * segments}), ctx))));
}

Tensor PooledNet::operator()(const Tensor& x) const {
  Context ctx;
  return (*this)(x, ctx);
}

}  // namespace regrad::relaxed_norm
