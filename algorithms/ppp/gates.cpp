#include <regrad/algorithms/ppp/gates.h>
#include <regrad/engine/error.h>

namespace regrad::ppp {
namespace {

using Logits = std::function<Tensor()>;

constexpr double least_pi = 1e-6;

Tensor difference(const Tensor& logits) { return select(logits, -1, 1) - select(logits, -1, 0); }

}  // namespace

Tensor open_probability(const Tensor& logits) { return sigmoid(difference(logits)); }

Tensor gate_noise(const Random& r, const Shape& sizes, DType t) {
  constexpr double least = 1e-7;  // f32 holds 1 - 1e-7
  const Tensor u = uniform(r, sizes, least, 1 - least, t);
  return log(u) - log1p(-u);
}

Tensor hard_gates(const Tensor& d, const Tensor& noise) {
  const Tensor at = d + noise;
  return ste(gt(stop_gradient(at), 0.0).to(d.dtype()), sigmoid(at));
}

ChooseGates sampled(const Random& r, Paths& paths) {
  return [r, &paths](int64_t block, const Logits& logits) {
    const Tensor d = difference(logits());
    paths.pi.push_back(sigmoid(d));
    paths.h.push_back(hard_gates(d, gate_noise(r / block, d.shape(), d.dtype())));
    return paths.h.back();
  };
}

ChooseGates shared(const Random& r, int64_t persons, Paths& paths) {
  return [r, persons, &paths](int64_t block, const Logits& logits) {
    const Tensor pi = open_probability(logits());
    const int64_t n = pi.size(0), g = pi.size(1);
    if (persons < 1 || n % persons)
      throw ShapeError("ppp: " + std::to_string(n) + " examples are not those of " +
                       std::to_string(persons) + " persons, equally many of each");
    const Tensor of_person = clamp(mean(reshape(pi, {persons, n / persons, g}), {1}), least_pi,
                                   1 - least_pi),
                 d = log(of_person) - log1p(-of_person),
                 h = hard_gates(d, gate_noise(r / block, d.shape(), d.dtype()));
    paths.pi.push_back(pi);
    paths.h.push_back(reshape(expand(unsqueeze(h, 1), {persons, n / persons, g}), {n, g}));
    return paths.h.back();
  };
}

ChooseGates own(const GatedNet& net, Paths& paths) {
  return [&net, &paths](int64_t block, const Logits& logits) {
    const Tensor l = logits();
    paths.pi.push_back(open_probability(l));
    paths.h.push_back(own_gates(l, net.blocks[static_cast<size_t>(block)].kind));
    return paths.h.back();
  };
}

ChooseGates given(Tensors masks) {
  return [masks = std::move(masks)](int64_t block, const Logits&) {
    if (block >= static_cast<int64_t>(masks.size()))
      throw ShapeError("ppp: gates of " + std::to_string(masks.size()) +
                       " blocks, and the net has more");
    return masks[static_cast<size_t>(block)];
  };
}

}  // namespace regrad::ppp
