#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <thread>

using namespace regrad;

namespace {
Tensor f(const Tensor& x) { return sum(exp(x) * sin(x)); }
Tensor point() { return uniform(Random(3), {4}, -1, 1, DType::f64); }
}  // namespace

TEST_CASE("grad: options and errors") {
  const Tensor x = point().requires_grad_(), y = point().requires_grad_();
  SUBCASE("a second sweep needs a kept graph") {
    const Tensor z = f(x);
    grad(z, x, {.retain_graph = true});
    grad(z, x);
    CHECK_THROWS_AS(grad(z, x), GraphFreed);
  }
  SUBCASE("unused inputs") {
    CHECK_THROWS_AS(grad(f(x), y), Error);
    CHECK_FALSE(grad(f(x), y, {.allow_unused = true}).defined());
  }
  SUBCASE("outputs of many elements need grad_outputs of their shape") {
    CHECK_THROWS_AS(grad(x * y, x), ShapeError);
    CHECK_THROWS_AS(grad(x * y, x, {.grad_outputs = ones({3}, DType::f64)}), ShapeError);
    CHECK_THROWS_AS(grad(x * y, x, {.grad_outputs = ones({4})}), DTypeError);
    CHECK(grad(x * y, x, {.grad_outputs = ones({4}, DType::f64)}).to_vector() == y.to_vector());
  }
  SUBCASE("several outputs and inputs, one of them inside the graph") {
    const Tensor z = x * y;
    const auto g = grad({sum(z * z), sum(x)}, {x, z});
    const auto xs = x.to_vector(), ys = y.to_vector(), gx = g[0].to_vector(), gz = g[1].to_vector();
    for (size_t i = 0; i < 4; ++i) {
      CHECK(gz[i] == doctest::Approx(2 * xs[i] * ys[i]));
      CHECK(gx[i] == doctest::Approx(2 * xs[i] * ys[i] * ys[i] + 1));
    }
  }
  SUBCASE("a sweep ends at its inputs: their own graph stays whole") {
    const Tensor z = exp(x);
    // the gradient is a constant here: d step / dx = e^x
    const Tensor step = z - grad(sum(z * z), z);
    const auto g = grad(sum(step), x).to_vector(), xs = x.to_vector();
    for (size_t i = 0; i < 4; ++i) CHECK(g[i] == doctest::Approx(std::exp(xs[i])).epsilon(1e-14));
  }
  SUBCASE("no graph, no gradient") {
    CHECK_THROWS_AS(grad(f(point()), x), Error);
    const NoGrad quiet;
    CHECK_FALSE(f(x).requires_grad());
  }
  SUBCASE("flags belong to floating leaves") {
    CHECK_THROWS_AS(arange(0, 3).requires_grad_(), DTypeError);
    Tensor z = x * y;
    CHECK_THROWS_AS(z.requires_grad_(false), Error);
    CHECK(z.detach().is_leaf());
    CHECK_FALSE(z.detach().requires_grad());
  }
}

TEST_CASE("vjp, jvp, hvp, jacobian, hessian agree with each other") {
  const Tensor x = point(), v = uniform(Random(4), {4}, -1, 1, DType::f64);
  const auto g = [](const Tensor& t) { return tanh(t) * sum(t * t); };
  const Tensor j = jacobian(g, x);
  CHECK(j.shape() == Shape{4, 4});
  const auto along = matmul(j, v).to_vector(), against = matmul(j.mT(), v).to_vector();
  const auto pushed = jvp(g, x, v).second.to_vector(), pulled = vjp(g, x, v).second.to_vector();
  const Tensor h = hessian(f, x);
  const auto hv = hvp(f, x, v).second.to_vector(), direct = matmul(h, v).to_vector();
  for (size_t i = 0; i < 4; ++i) {
    CHECK(pushed[i] == doctest::Approx(along[i]).epsilon(1e-12));
    CHECK(pulled[i] == doctest::Approx(against[i]).epsilon(1e-12));
    CHECK(hv[i] == doctest::Approx(direct[i]).epsilon(1e-12));
    const double at = x.to_vector()[i];
    // (e^x sin x)''
    CHECK(h.to_vector()[i * 5] == doctest::Approx(2 * std::exp(at) * std::cos(at)));
  }
  CHECK_THROWS_AS(hessian(g, x), ShapeError);
}

TEST_CASE("detect_anomaly names the first op, its order, shapes and parents") {
  const DetectAnomaly on;
  std::string message;
  try {
    log(tensor({1, -1}) * 2.0);
  } catch (const NumericError& e) {
    message = e.what();
  }
  CHECK(message.find("'log'") != std::string::npos);
  CHECK(message.find("order 0") != std::string::npos);
  CHECK(message.find("[2]") != std::string::npos);
  const Tensor x = tensor({0, 1}).requires_grad_();
  const Tensor y = sum(sqrt(x));
  try {
    grad(y, x);
    message.clear();
  } catch (const NumericError& e) {
    message = e.what();
  }
  CHECK(message.find("'div'") != std::string::npos);
  CHECK(message.find("order 1") != std::string::npos);
}

TEST_CASE("memory: kept data goes with the sweep, deep graphs need no recursion, nothing leaks") {
  const MemoryStats before = memory_stats();
  {
    const Tensor x = ones({1000}).requires_grad_();
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = y * 1.0;
    CHECK(memory_stats().live_nodes > 100000);
    // rows that keep nothing hold no data
    CHECK(memory_stats().live_bytes - before.live_bytes < 100000);
    const Tensor g = grad(sum(y), x);
    CHECK(g.to_vector()[0] == 1);
  }
  CHECK(memory_stats().live_nodes == before.live_nodes);
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("two threads evaluate and differentiate shared leaves") {
  // Small products run on their own thread; large ones are cut into blocks, and the two callers
  // meet at the pool.
  for (const auto& [n, rounds] : {std::pair<int64_t, int>{20, 200}, {260, 6}}) {
    const Tensor w = uniform(Random(5), {n, n}, -0.3, 0.3, DType::f64).requires_grad_(),
                 x = uniform(Random(6), {n, n}, -0.3, 0.3, DType::f64);
    const auto work = [&w = w, &x = x, rounds = rounds] {
      Tensor last;
      for (int i = 0; i < rounds; ++i) {
        const Tensor g = grad(sum(tanh(matmul(x, w))), w, {.create_graph = true});
        last = grad(sum(g * g), w);
      }
      return last.to_vector();
    };
    const auto expected = work();
    std::vector<double> results[2];
    std::thread a([&] { results[0] = work(); }), b([&] { results[1] = work(); });
    a.join();
    b.join();
    CHECK(results[0] == expected);
    CHECK(results[1] == expected);
  }
}
