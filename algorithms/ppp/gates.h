// Gates of a dynamic-path net (layers/nets/gated.h), and the ways in which PPP runs them
// (pruning.md section 5). Of a gate: logits l0 (closed) and l1 (open), pi = sigmoid(l1 - l0) =
// P(open), h = 0 or 1.
#pragma once

#include <regrad/layers/nets/gated.h>

namespace regrad::ppp {

using Tensors = std::vector<Tensor>;  // by block

// logits [N,G,2] -> pi [N,G]
Tensor open_probability(const Tensor& logits);

// What the difference of two Gumbel draws is distributed as: log u - log(1 - u), u uniform in
// (0, 1). For Gumbel-max over two logits no other draw is needed.
Tensor gate_noise(const Random& r, const Shape& sizes, DType t);
// Gumbel-max of l1 against l0, at temperature 1: h = [d + noise > 0], d = l1 - l0, exactly 0 or 1;
// its gradient is that of the softmax sample sigmoid(d + noise). So P(h = 1) = pi.
Tensor hard_gates(const Tensor& d, const Tensor& noise);

// pi [N,G] and h [N,G] (or [G]) of each block, as a forward pass meets them.
struct Paths {
  Tensors pi = {}, h = {};
};

// Each example's own hard sample. Block i draws from r / i. AIG's training.
ChooseGates sampled(const Random& r, Paths& paths);
// Examples of a person are neighbours: x [P K, ..]. All K of person u run with one hard sample of
// h_u ~ Bernoulli(pi_u), pi_u = mean of pi(x) over the person's K; the gradient goes to pi_u by
// d = log pi_u - log(1 - pi_u) (pi_u held to [1e-6, 1 - 1e-6]), and from there to all K (ours).
// h is handed on as [P K, G].
ChooseGates shared(const Random& r, int64_t persons, Paths& paths);
// own_gates() of each example, without noise.
ChooseGates own(const GatedNet& net, Paths& paths);
// The same gates [G] (or [N,G]) for all examples; no gate net is run.
ChooseGates given(Tensors masks);

}  // namespace regrad::ppp
