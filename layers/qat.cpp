#include <regrad/layers/qat.h>

#include <memory>

namespace regrad {
namespace {

struct Row {
  double high, negative, batches;
  Range range() const { return {negative > 0 ? -high : 0, high}; }
};
Row row_of(const Tensor& ranges, int64_t l) {
  const std::vector<double> v = ranges[l].to_vector();
  return {v[0], v[1], v[2]};
}

Row moved(Row r, const Tensor& x, double momentum) {
  if (!x.numel()) return r;
  const double low = amin(x).item(), high = std::max(amax(x).item(), -low);
  r.high = r.batches > 0 ? r.high * (1 - momentum) + high * momentum : high;
  if (low < 0) r.negative = 1;
  ++r.batches;
  return r;
}

Tensor with_row(const Tensor& ranges, int64_t l, const Row& r) {
  std::vector<double> v = ranges.to_vector();
  double* at = v.data() + 3 * l;
  at[0] = r.high, at[1] = r.negative, at[2] = r.batches;
  return tensor(v, ranges.shape(), DType::f64);
}

QuantizeOptions with_bits(int bits) { return {.bits = bits}; }

Tensor at_few_bits(const Step& s, const Range& input, int bits) {
  QuantizeOptions weights = with_bits(bits);
  weights.clip_gradient = false;  // by their own range none is cut off
  const Tensor x = fake_quantize(s.x, input, with_bits(bits)), w = fake_quantize(s.weight, weights);
  return s.kind == Step::conv ? conv2d(x, w, s.bias, s.options) : linear(x, w, s.bias);
}

// range(l, x): of the l-th layer, whose input is x.
template <class F>
Context::Evaluate each_layer(const FewBits& few, int64_t layers, F&& range) {
  const auto next = std::make_shared<int64_t>(0);
  return [=](const Step& s, const std::function<Tensor()>& plain) {
    if (s.kind != Step::conv && s.kind != Step::linear) return plain();
    const int64_t l = (*next)++;
    if (l >= layers)
      throw ConfigError("FewBits: the net has more than " + std::to_string(layers) +
                        " convolutions and linear maps in a pass; a context serves one pass");
    return at_few_bits(s, range(l, s.x.detach()), few.bits_of(l, layers));
  };
}

}  // namespace

Context::Evaluate FewBits::training(Tensor& ranges) const {
  return each_layer(*this, ranges.size(0), [&ranges, by = momentum](int64_t l, const Tensor& x) {
    const NoGrad quiet;
    const Row r = moved(row_of(ranges, l), x, by);
    ranges = with_row(ranges, l, r);
    return r.range();
  });
}

Context::Evaluate FewBits::frozen(const Tensor& ranges) const {
  return each_layer(*this, ranges.size(0), [ranges](int64_t l, const Tensor&) {
    const Row r = row_of(ranges, l);
    if (r.batches == 0)
      throw ConfigError("FewBits: layer " + std::to_string(l) + " has seen no batch in training");
    return r.range();
  });
}

std::vector<LayerQuantization> FewBits::layers(const Tensor& ranges) const {
  std::vector<LayerQuantization> out;
  for (int64_t l = 0; l < ranges.size(0); ++l) {
    const QuantizeOptions o = with_bits(bits_of(l, ranges.size(0)));
    out.push_back({o, o, row_of(ranges, l).range()});
  }
  return out;
}

Tensor FewBitNet::operator()(const Tensor& x, Context& ctx) const {
  if (!quantize) return net(x, ctx);
  Context few_bits = ctx;
  few_bits.evaluate = few.frozen(ranges);
  Tensor y = net(x, few_bits);
  ctx.reports = std::move(few_bits.reports);
  return y;
}

}  // namespace regrad
