#include <doctest/doctest.h>

#include <regrad/regrad.h>

#include <cmath>

using namespace regrad;

namespace {
struct WithBuffer {
  Linear inside;
  std::vector<Linear> more;
  Tensor mean;
  static void parts(auto& self, auto&& part) {
    part("inside", self.inside);
    part("more", self.more);
    part("mean", self.mean, buffer);
  }
};
}  // namespace

TEST_CASE("parts: names, parameters, at, buffers, counts") {
  const Random r(1);
  WithBuffer net{Linear(r, 3, 2), {Linear(r / 1, 2, 2), Linear(r / 2, 2, 1, false)}, zeros({3})};
  std::string names;
  for (const auto& [name, t] : named_parameters(net)) names += name + " ";
  CHECK(names == "inside.weight inside.bias more.0.weight more.0.bias more.1.weight ");
  CHECK(parameter_count(net) == 8 + 6 + 2);
  std::vector<Tensor> p = parameters(net);
  p[0] = p[0] * 2.0;
  const WithBuffer other = at(net, p);
  CHECK(other.inside.weight.to_vector()[0] == 2 * net.inside.weight.to_vector()[0]);
  CHECK(other.mean.data<float>() == net.mean.data<float>());
  CHECK_THROWS_AS(at(net, {p[0]}), ShapeError);
  CHECK(to(net, DType::f64).mean.dtype() == DType::f64);
  CHECK(to(net, DType::f64).inside.weight.requires_grad());
}

TEST_CASE("parameters with a task axis give what the loop over tasks gives") {
  const Random r(2);
  const Mlp net(r, {2, 5, 3}, true, Activation::tanh, DType::f64);
  const Tensor x = uniform(r / "x", {4, 6, 2}, -1, 1, DType::f64),
               y = uniform(r / "y", {4, 6, 3}, -1, 1, DType::f64);
  const auto steps = [&](Mlp n, const Tensor& a, const Tensor& b) {
    for (int i = 0; i < 2; ++i) {
      const auto p = parameters(n);
      const Tensor loss = a.dim() == 3 ? sum(mse_loss_by_task(n(a), b)) : mse_loss(n(a), b);
      n = at(n, descend(p, grad(TensorList(loss), TensorList(p), {.create_graph = true}), 0.1));
    }
    return n;
  };
  const Tensor together = mean(mse_loss_by_task(steps(per_task(net, 4), x, y)(x), y));
  Tensor loop = scalar(0, DType::f64);
  for (int64_t t = 0; t < 4; ++t) loop = loop + 0.25 * mse_loss(steps(net, x[t], y[t])(x[t]), y[t]);
  CHECK(together.item() == doctest::Approx(loop.item()).epsilon(1e-13));
  const auto a = parameters(grad(together, net)), b = parameters(grad(loop, net));
  for (size_t i = 0; i < a.size(); ++i) {
    const auto u = a[i].to_vector(), v = b[i].to_vector();
    for (size_t j = 0; j < u.size(); ++j) CHECK(u[j] == doctest::Approx(v[j]).epsilon(1e-11));
  }
}

TEST_CASE("optimizers: hand-computed steps, values outside, new leaves") {
  Linear net;
  net.weight = tensor({1, -2}, DType::f64).reshape({1, 2}).requires_grad_();
  Linear g = net;
  g.weight = tensor({0.5, 4}, DType::f64).reshape({1, 2});
  const Linear before = net;
  Sgd::State s;
  const Sgd sgd{.lr = 0.1, .momentum = 0.9};
  net = update(sgd, net, s, g);
  CHECK(net.weight.to_vector() == std::vector<double>{1 - 0.05, -2 - 0.4});
  net = update(sgd, net, s, g);
  CHECK(net.weight.to_vector()[0] == doctest::Approx(0.95 - 0.1 * (0.45 + 0.5)));
  CHECK(before.weight.to_vector() == std::vector<double>{1, -2});
  CHECK(net.weight.is_leaf());
  CHECK(net.weight.requires_grad());

  Adam::State a;
  const Adam adam{.lr = 0.01};
  net = update(adam, before, a, g);
  CHECK(net.weight.to_vector()[0] == doctest::Approx(1 - 0.01 * 0.5 / (0.5 + 1e-8)).epsilon(1e-14));
  net = update(adam, net, a, g);
  CHECK(net.weight.to_vector()[1] == doctest::Approx(-2.02).epsilon(1e-7));
  CHECK_THROWS_AS(update(adam, net, a, std::vector<Tensor>{}), ShapeError);
}

TEST_CASE("initial values lie where their formulas put them") {
  const Random r(3);
  const auto largest = [](const Tensor& t) { return amax(abs(t)).item(); };
  CHECK(largest(init::torch_default(r, {100, 16}, 16)) <= 0.25);
  CHECK(largest(init::kaiming_uniform(r, {100, 6})) <= 1);
  CHECK(largest(init::xavier_uniform(r, {20, 4})) <= 0.5);
  CHECK(largest(init::trunc_normal(r, {1000})) <= 0.04);
  const auto n = init::kaiming_normal(r, {300, 50}).to_vector();
  double var = 0;
  for (double v : n) var += v * v / static_cast<double>(n.size());
  CHECK(var == doctest::Approx(2.0 / 50).epsilon(0.05));
  CHECK_THROWS_AS(init::kaiming_uniform(r, {3}), ShapeError);
}
