// Recompute: bits of every order, memory, lifetimes. That every row may be computed again is the
// table test's (op_cases.cpp).
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <thread>

using namespace regrad;

namespace {

constexpr int64_t width = 64;

Tensor weight(int i) {
  return normal(Random(3) / i, {width, width}, 0, 0.1, DType::f64).requires_grad_();
}
Tensor data() { return normal(Random(4), {128, width}, 0, 1, DType::f64); }

// `depth` blocks of a product and two elementwise rows, each kept or not.
Tensor chain(const Tensor& x, const Tensor& w, int depth, bool lean) {
  Tensor h = x;
  for (int i = 0; i < depth; ++i) {
    const Recompute again(lean);
    h = h + tanh(matmul(h, w)) * 0.5;
  }
  return sum(h * h);
}

int64_t live() { return memory_stats().live_bytes; }

}  // namespace

TEST_CASE("recompute: gradients of three orders have the bits of kept data") {
  std::vector<double> orders[2];
  for (const bool lean : {false, true}) {
    const Tensor w = weight(0), x = data();
    Tensor y = chain(x, w, 4, lean);
    for (int order = 1; order <= 3; ++order) {
      y = sum(square(grad(y, w, {.create_graph = true})));
      orders[lean].push_back(y.item());
    }
  }
  CHECK(orders[0] == orders[1]);
}

TEST_CASE("recompute: what a scope made is not held, what it read is") {
  const Tensor w = weight(0), x = data();
  const int64_t one = 128 * width * 8, before = live();
  {
    const Recompute lean;
    const Tensor y = sum(tanh(sin(exp(matmul(x, w)))));
    CHECK(live() - before < one);  // x and w are kept, which live anyway
    CHECK(grad(y, w).defined());
  }
  CHECK(live() == before);
  Tensor inner;
  {
    const Tensor read = x * 2.0;  // outside, and dropped by us
    const Recompute lean;
    inner = sum(sin(matmul(read, w)));
  }
  CHECK(live() - before >= one);
  CHECK(live() - before < 2 * one);
  const double expected = grad(sum(sin(matmul(x * 2.0, w))), w).to_vector()[5];
  CHECK(grad(inner, w).to_vector()[5] == expected);
  inner = Tensor();
  CHECK(live() == before);
}

TEST_CASE("recompute: a handle keeps its data, and a scope ends with its object") {
  const Tensor w = weight(0), x = data();
  const int64_t one = 128 * width * 8, before = live();
  Tensor held;
  {
    const Recompute lean;
    held = tanh(matmul(x, w));
  }
  const std::vector<double> values = held.to_vector();
  CHECK(live() - before >= one);
  const Tensor y = sum(held * held);
  CHECK(grad(y, w).defined());
  CHECK(held.to_vector() == values);
  const int64_t kept_before = live();
  const Tensor kept = sum(sin(tanh(matmul(x, w))));  // no scope: both elementwise inputs are kept
  CHECK(live() - kept_before >= 2 * one);
}

TEST_CASE("recompute: a sweep makes each result once, and drops it when its row had its turn") {
  const Tensor w = weight(0), x = data();
  const int64_t one = 128 * width * 8;
  // A scope of many rows: as many live at the top of the sweep, and no more than that.
  const int depth = 20;
  Tensor y;
  {
    const Recompute lean;
    Tensor h = matmul(x, w);
    for (int i = 0; i < depth; ++i) h = sin(h);
    y = sum(h);
  }
  const int64_t before = live();
  const Tensor g = grad(y, w, {.retain_graph = true});
  CHECK(live() - before < one);  // nothing that was computed again stays
  CHECK(grad(y, w).to_vector() == g.to_vector());
}

TEST_CASE("recompute: what leads to no gradient that is asked for goes with the sweep too") {
  const Tensor w = weight(0), other = weight(1), x = data();
  Tensor y;
  {
    const Recompute lean;
    y = sum(matmul(x, w) * cos(cos(cos(matmul(x, other)))));
  }
  const int64_t before = live();
  const Tensor g = grad(y, w, {.retain_graph = true});
  CHECK(live() - before <= g.numel() * 8);
}

TEST_CASE("recompute: a scope inside a scope that asks for nothing changes nothing") {
  const Tensor w = weight(0), x = data();
  const int64_t one = 128 * width * 8, before = live();
  const Recompute lean;
  Tensor y;
  {
    const Recompute unchanged(false);
    y = sum(tanh(sin(exp(matmul(x, w)))));
  }
  CHECK(live() - before < one);
}

TEST_CASE("recompute: deep scopes need no recursion, an error says what was freed") {
  const Tensor x = ones({10}).requires_grad_();
  Tensor y = x;
  {
    const Recompute lean;
    for (int i = 0; i < 100000; ++i) y = sin(y) + 1.0;
    y = sum(y);
  }
  CHECK(grad(y, x).defined());
  CHECK_THROWS_AS(grad(y, x), GraphFreed);
}

TEST_CASE("recompute: two threads sweep one graph that stays") {
  const Tensor w = weight(0), x = data(), y = chain(x, w, 6, true);
  const std::vector<double> expected = grad(y, w, {.retain_graph = true}).to_vector();
  std::vector<double> got[2];
  const auto sweep = [&](int i) {
    for (int k = 0; k < 20; ++k) got[i] = grad(y, w, {.retain_graph = true}).to_vector();
  };
  std::thread a(sweep, 0), b(sweep, 1);
  a.join(), b.join();
  CHECK(got[0] == expected);
  CHECK(got[1] == expected);
}

TEST_CASE("recompute: a row of many inputs, in one scope with what made them") {
  std::vector<double> got[2];
  for (const bool lean : {false, true}) {
    const Tensor w = weight(0);
    Tensor y;
    {
      const Recompute again(lean);
      std::vector<Tensor> parts;
      const Tensor turned = transpose(sin(w), 0, 1);
      for (int i = 0; i < 40; ++i) parts.push_back(cos(slice(turned, 0, i, i + 4) * (i + 1.0)));
      y = sum(exp(cat(parts, 0)));
    }
    got[lean] = grad(y, w).to_vector();
  }
  CHECK(got[0] == got[1]);
}

TEST_CASE("recompute: infinities that were not looked at when they were made are not later") {
  const Tensor w = weight(0);
  Tensor y;
  {
    const Recompute lean;
    const Tensor hidden = masked_fill(matmul(w, w), eye(width, DType::b8), -INFINITY);
    y = sum(square(softmax(transpose(hidden, 0, 1), 1) + w));  // copies rows of -inf
  }
  const DetectAnomaly looking;
  CHECK(grad(y, w).defined());
}

TEST_CASE("recompute: a convolution in bf16 stays one in a sweep outside of its scope") {
  if (!bf16_available()) return;
  const Tensor x = normal(Random(1), {2, 8, 12, 12}),
               w = normal(Random(2), {8, 8, 3, 3}, 0, 0.2).requires_grad_();
  std::vector<double> got[2];
  for (const bool lean : {false, true}) {
    Tensor y;
    {
      const Bf16 rounded;
      const Recompute again(lean);
      y = sum(square(conv2d(x, w)) * 1.5);
    }
    got[lean] = grad(y, w).to_vector();
  }
  CHECK(got[0] == got[1]);
}

TEST_CASE("recompute: no effect on what is not recorded") {
  const Recompute lean;
  const Tensor x = data();  // no gradients wanted
  const Tensor y = sin(x), z = sin(y);
  CHECK(y.to_vector().size() == z.to_vector().size());
  const NoGrad quiet;
  const Tensor w = weight(0), p = matmul(x, w);
  CHECK(!p.requires_grad());
  CHECK(std::isfinite(sum(p).item()));
}
