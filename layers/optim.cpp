#include <regrad/engine/internal/adam.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

double factor(const std::vector<double>& list, size_t i) { return list.empty() ? 1 : list[i]; }

void check_list(const char* optimizer, const char* what, size_t found, size_t expected) {
  if (found != expected)
    throw ShapeError(std::string(optimizer) + ": " + std::to_string(found) + " " + what + " for " +
                     std::to_string(expected) + " parameters");
}

// A gradient of another shape would broadcast, and change the parameter's.
void check(const char* optimizer, const std::vector<Tensor>& params,
           const std::vector<Tensor>& grads, const Factors& factors) {
  check_list(optimizer, "gradients", grads.size(), params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string which =
        std::string(optimizer) + ": the gradient of parameter " + std::to_string(i);
    if (!grads[i].defined())
      throw Error(
          which +
          " is undefined; grad(loss, net) gives zeros for parameters that the loss does not reach");
    if (grads[i].shape() != params[i].shape())
      throw ShapeError(which + " is " + str(grads[i].shape()) + ", the parameter " +
                       str(params[i].shape()));
  }
  if (!factors.lr.empty()) check_list(optimizer, "factors of lr", factors.lr.size(), params.size());
  if (!factors.weight_decay.empty())
    check_list(optimizer, "factors of weight_decay", factors.weight_decay.size(), params.size());
}

void check_state(const char* optimizer, const std::vector<Tensor>& params,
                 const std::vector<Tensor>& state) {
  check_list(optimizer, "tensors of state", state.size(), params.size());
  for (size_t i = 0; i < params.size(); ++i)
    if (state[i].shape() != params[i].shape())
      throw ShapeError(std::string(optimizer) + ": the state of parameter " + std::to_string(i) +
                       " is " + str(state[i].shape()) + ", the parameter " +
                       str(params[i].shape()));
}

std::vector<Tensor> zeros_for(const std::vector<Tensor>& params) {
  std::vector<Tensor> out;
  for (const Tensor& p : params) out.push_back(zeros_like(p));
  return out;
}

int64_t steps_done(const Tensor& t) { return t.defined() ? static_cast<int64_t>(t.item()) : 0; }
Tensor count(int64_t t) { return scalar(static_cast<double>(t), DType::i64); }

Tensor decayed(const Tensor& g, const Tensor& p, double weight_decay) {
  return weight_decay == 0 ? g : add(g, p, weight_decay);
}

}  // namespace

Sgd::State Sgd::initial(const std::vector<Tensor>& params) const {
  if (momentum == 0) return {};
  return {zeros_for(params), count(0)};
}

void Sgd::step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const {
  const ProfileScope scope("optimizer");
  if (nesterov && (momentum <= 0 || dampening != 0))
    throw ConfigError("Sgd: nesterov needs a momentum above 0 and a dampening of 0");
  check("Sgd", params, grads, factors);
  if (momentum == 0) {
    for (size_t i = 0; i < params.size(); ++i) {
      const Tensor g = decayed(grads[i], params[i], weight_decay * factor(factors.weight_decay, i));
      params[i] = sub(std::move(params[i]), g, lr * factor(factors.lr, i));
    }
    return;
  }
  const int64_t done = steps_done(state.t);
  if (state.velocity.empty()) state.velocity.resize(params.size());
  if (done > 0) check_state("Sgd", params, state.velocity);
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor g = decayed(grads[i], params[i], weight_decay * factor(factors.weight_decay, i));
    state.velocity[i] =
        done == 0 ? g : add(std::move(state.velocity[i]) * momentum, g, 1 - dampening);
    g = nesterov ? add(g, state.velocity[i], momentum) : state.velocity[i];
    params[i] = sub(std::move(params[i]), g, lr * factor(factors.lr, i));
  }
  state.t = count(done + 1);
}

Adam::State Adam::initial(const std::vector<Tensor>& params) const {
  return {zeros_for(params), zeros_for(params), count(0)};
}

void Adam::step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const {
  const ProfileScope scope("optimizer");
  check("Adam", params, grads, factors);
  if (state.m.empty() && state.v.empty()) state = initial(params);
  check_state("Adam", params, state.m);
  check_state("Adam", params, state.v);
  const int64_t done = steps_done(state.t) + 1;
  const auto t = static_cast<double>(done);
  const double c1 = -std::expm1(t * std::log(beta1)), c2 = -std::expm1(t * std::log(beta2));
  for (size_t i = 0; i < params.size(); ++i) {
    const double rate = lr * factor(factors.lr, i),
                 decay = weight_decay * factor(factors.weight_decay, i);
    const bool shrinks = decoupled_weight_decay && decay != 0;
    if (detail::adam_step({beta1, beta2, eps, shrinks ? 1 - rate * decay : 1,
                           decoupled_weight_decay ? 0 : decay, rate / c1, 1 / std::sqrt(c2)},
                          grads[i], params[i], state.m[i], state.v[i]))
      continue;
    if (shrinks) params[i] = std::move(params[i]) * (1 - rate * decay);
    const Tensor g = decoupled_weight_decay ? grads[i] : decayed(grads[i], params[i], decay);
    state.m[i] = add(std::move(state.m[i]) * beta1, g, 1 - beta1);
    state.v[i] = add(std::move(state.v[i]) * beta2, g * g, 1 - beta2);
    params[i] = sub(std::move(params[i]),
                    state.m[i] / affine(sqrt(state.v[i]), 1 / std::sqrt(c2), eps), rate / c1);
  }
  state.t = count(done);
}

namespace {

Tensor norm_of(const Tensor& x) { return sqrt(sum(square(x))); }

// q of Lars, a scalar tensor: 1 where either norm is 0.
Tensor trust(const Lars& lars, const Tensor& p, const Tensor& g, const Tensor& d, double decay) {
  const Tensor w = norm_of(p), below = lars.sum_of_norms ? add(norm_of(g), w, decay) : norm_of(d);
  const Tensor one = ones_like(w), none = zeros_like(w);
  return where(w > none, where(below > none, lars.trust_coefficient * w / below, one), one);
}

}  // namespace

Lars::State Lars::initial(const std::vector<Tensor>& params) const { return {zeros_for(params)}; }

void Lars::step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const {
  const ProfileScope scope("optimizer");
  check("Lars", params, grads, factors);
  if (!exclude.empty()) check_list("Lars", "flags of exclude", exclude.size(), params.size());
  if (state.velocity.empty()) state = initial(params);
  check_state("Lars", params, state.velocity);
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor d = grads[i];
    if (exclude.empty() || !exclude[i]) {
      const double decay = weight_decay * factor(factors.weight_decay, i);
      d = decayed(grads[i], params[i], decay);
      d = d * trust(*this, params[i], grads[i], d, decay);
    }
    state.velocity[i] = std::move(state.velocity[i]) * momentum + d;
    d = nesterov ? add(d, state.velocity[i], momentum) : state.velocity[i];
    params[i] = sub(std::move(params[i]), d, lr * factor(factors.lr, i));
  }
}

std::vector<Tensor> descend(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
                            double lr) {
  std::vector<Tensor> out;
  out.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) out.push_back(sub(params[i], grads[i], lr));
  return out;
}

}  // namespace regrad
