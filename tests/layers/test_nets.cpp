// Convolutional layers and nets: counts, contexts, tasks, and running statistics.
#include <doctest/doctest.h>

#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/nets/resnet12.h>
#include <regrad/layers/nets/wide_resnet.h>

#include <cmath>

using namespace regrad;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s, DType t = DType::f32) {
  return normal(Random(6) / name, s, 0, 1, t);
}

}  // namespace

TEST_CASE("parameter counts of CML's nets (cml.md sections 2b, 5 B and 6, facts 7 and 18)") {
  const Random r(1);
  struct Count {
    Conv4Options o;
    int64_t psi, theta, phi;
  };
  for (const Count& c :
       {Count{{.in_channels = 3, .channels = 64, .size = 84}, 113088, 8005, 82117},
        Count{{}, 111936, 325, 74437}, Count{{.channels = 32}, 28320, 165, 18789}}) {
    CHECK(parameter_count(Conv4Body(r, c.o)) == c.psi);
    CHECK(parameter_count(Conv4Head(r, c.o, 5)) == c.theta);
    CHECK(parameter_count(Conv4CoHead(r, c.o, 5)) == c.phi);
    CHECK(parameter_count(Conv4(r, c.o, 5)) == c.psi + c.theta);
  }
}

TEST_CASE("shapes at the branch point of Omniglot's net (fact 18)") {
  const Conv4Options o{};
  const Conv4Body body(Random(1), o);
  const Tensor features = body(drawn("x", {5, 1, 28, 28}));
  CHECK(features.shape() == Shape{5, 64, 3, 3});
  CHECK(Conv4Head(Random(2), o, 7)(features).shape() == Shape{5, 7});
  CHECK(Conv4CoHead(Random(3), o, 7)(features).shape() == Shape{5, 7});
  CHECK(Conv4CoHead(Random(3), o, 7, 0)(features).shape() == Shape{5, 7});
  const std::vector<Tensor> layers = body.activations(drawn("x", {5, 1, 28, 28}));
  CHECK(layers.size() == 4);
  CHECK(layers[1].shape() == Shape{5, 64, 7, 7});
  CHECK(apart(layers[3], features) == 0);
}

TEST_CASE("parameter counts of residual nets") {
  const Random r(1);
  // He et al. 2016, table 6, in millions: 0.27, 0.46, 0.85. Exactly: 3x3 convolutions without bias,
  // norms with two numbers per channel, a linear map.
  const auto count = [](int64_t n) {
    int64_t total = 3 * 16 * 9 + 2 * 16 + 64 * 10 + 10, in = 16;
    for (int64_t out : {16, 32, 64})
      for (int64_t i = 0; i < n; ++i, in = out) total += in * out * 9 + out * out * 9 + 4 * out;
    return total;
  };
  CHECK(count(3) == 269722);
  for (int depth : {20, 32, 56})
    CHECK(parameter_count(Resnet(r, {.depth = depth}, 10)) == count((depth - 2) / 6));
  // Option B adds two 1x1 convolutions with their norms.
  CHECK(parameter_count(Resnet(r, {.depth = 20, .shortcut = Shortcut::project}, 10)) ==
        count(3) + 16 * 32 + 64 + 32 * 64 + 128);
  CHECK(parameter_count(WideResnet(r, {}, 10)) == 1467610);
  const Resnet12 few(r, 5);
  int64_t twelve = 512 * 5 + 5, in = 3;
  for (int64_t out : {64, 128, 256, 512}) {
    twelve += in * out * 9 + 2 * out * out * 9 + in * out + 4 * 2 * out;
    in = out;
  }
  CHECK(parameter_count(few) == twelve);
  CHECK(few(drawn("x", {2, 3, 32, 32})).shape() == Shape{2, 5});
  CHECK_THROWS_AS(Resnet(r, {.depth = 21}, 10), ConfigError);
  CHECK_THROWS_AS(WideResnet(r, {.depth = 20}, 10), ConfigError);
}

TEST_CASE("running statistics move by commit alone, as PyTorch's do") {
  BatchNorm norm(3, BatchNorm::Track::running, DType::f64);
  const Tensor a = drawn("a", {4, 3, 5, 5}, DType::f64), b = drawn("b", {2, 3, 5, 5}, DType::f64);
  Context ctx{.training = true};
  norm(a, ctx);
  norm(b, ctx);
  CHECK(apart(norm.running_mean, zeros({3}, DType::f64)) == 0);
  const BatchNorm moved = commit(norm, ctx);
  const Dims dims{0, 2, 3};
  CHECK(apart(moved.running_mean, mean(a, dims) * 0.09 + mean(b, dims) * 0.1) < 1e-14);
  CHECK(apart(moved.running_var, (0.9 * (0.9 + var(a, dims) * 0.1)) + var(b, dims) * 0.1) < 1e-14);
  CHECK(apart(norm.running_var, ones({3}, DType::f64)) == 0);
  const Tensor y = moved(a);
  const Tensor expected = (a - reshape(moved.running_mean, {3, 1, 1})) *
                          reshape(rsqrt(moved.running_var + 1e-5), {3, 1, 1});
  CHECK(apart(y, expected) < 1e-13);
}

TEST_CASE("a residual net learns, and at other parameters is another function") {
  const Random r(2);
  Resnet net(r, {.depth = 8, .width = 4}, 3);
  const Tensor x = drawn("x", {6, 3, 8, 8});
  const Tensor labels = tensor({0, 1, 2, 0, 1, 2}, DType::i64);
  double first = 0, last = 0;
  for (int i = 0; i < 60; ++i) {
    Context ctx{.training = true};
    const Tensor loss = cross_entropy(net(x, ctx), labels);
    CHECK(ctx.reports.size() == 2 * 7);
    (i == 0 ? first : last) = loss.item();
    const Resnet g = grad(loss, net);
    std::vector<Tensor> p = parameters(net), d = parameters(g);
    for (size_t k = 0; k < p.size(); ++k) p[k] = (p[k] - 0.1 * d[k]).detach().requires_grad_();
    net = commit(at(net, p), ctx);
  }
  CHECK(last < 0.2 * first);
  // Inference reads the running statistics: an image's answer does not depend on its neighbours.
  CHECK(apart(slice(net(x), 0, 0, 1), net(slice(x, 0, 0, 1))) < 1e-5);
}

TEST_CASE("Conv4 with a task dimension is each task's net") {
  const Conv4Options o{.channels = 8};
  const Conv4 net(Random(3), o, 5);
  const Tensor x = drawn("x", {3, 10, 1, 28, 28});
  const Tensor together = per_task(net, 3)(x);
  CHECK(together.shape() == Shape{3, 10, 5});
  for (int64_t t = 0; t < 3; ++t) CHECK(apart(together[t], net(x[t])) < 1e-5);
}

TEST_CASE("layer, group and instance norms as layers") {
  const Tensor x = drawn("x", {2, 6, 4, 3}, DType::f64);
  CHECK(apart(GroupNorm(3, 6, DType::f64)(x), group_norm(x, 3)) == 0);
  CHECK(apart(InstanceNorm(6, DType::f64)(x), instance_norm(x)) == 0);
  CHECK(apart(LayerNorm({4, 3}, DType::f64)(x), layer_norm(x, {4, 3})) == 0);
  CHECK(parameter_count(InstanceNorm(6)) == 12);
  CHECK_THROWS_AS(GroupNorm(4, 6), ConfigError);
  CHECK_THROWS_AS(Conv2d(Random(1), 3, 4, 3, {.groups = 2}), ConfigError);
}
