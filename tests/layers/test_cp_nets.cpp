// CP-Mobile and CP-ResNet: layout and counts of the authors' code, the response norm, gradients.
#include <doctest/doctest.h>
#include <regrad/algorithms/shared/cost.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/nets/cp_mobile.h>
#include <regrad/layers/nets/cp_resnet.h>

#include <cmath>

using namespace regrad;

namespace {

// Weights of a k x k convolution and its norm's two numbers per channel.
int64_t conv_norm(int64_t in, int64_t out, int64_t k, int64_t groups = 1) {
  return in / groups * out * k * k + 2 * out;
}
double apart(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

}  // namespace

TEST_CASE("CP-Mobile: widths in eights, 126,952 parameters and under 30 M multiply-adds") {
  const CpMobile net(Random(1), {});
  // base 32, 73.6 -> 72, 169.28 -> 168; inside 96, 96, 96, 96, 216, 216.
  const auto block = [](int64_t in, int64_t inside, int64_t out) {
    return conv_norm(in, inside, 1) + conv_norm(inside, inside, 3, inside) +
           conv_norm(inside, out, 1) + 2;
  };
  const int64_t due = conv_norm(1, 8, 3) + conv_norm(8, 32, 3) + 3 * block(32, 96, 32) +
                      block(32, 96, 72) + block(72, 216, 72) + block(72, 216, 168) +
                      conv_norm(168, 10, 1);
  CHECK(parameter_count(net) == due);
  const Tensor x = normal(Random(2), {1, 1, 256, 64});
  Context ctx;
  const Cost cost = cost_of(net(x, ctx), parameters(net));
  MESSAGE(due, " parameters, ", cost.macs, " multiply-adds");
  CHECK(cost.parameters == due);
  CHECK(due == 126952);
  CHECK(due <= 128 * 1024);
  CHECK(cost.macs < 30'000'000);
  // Frequencies 256 -> 128 -> 64 -> 32 (second block) -> 16 (fourth); frames halved thrice.
  const CpMobileBlock &second = net.blocks[1], &fourth = net.blocks[3];
  CHECK(second.stride.h + second.stride.w == 4);
  CHECK((fourth.stride.h == 2 && fourth.stride.w == 1));
  CHECK(second.shortcut);
  CHECK_FALSE(fourth.shortcut);
  CHECK(second(zeros({1, 32, 10, 8}), ctx).shape() == Shape{1, 32, 5, 4});
  CHECK(fourth(zeros({1, 32, 10, 8}), ctx).shape() == Shape{1, 72, 5, 8});
  CHECK(net(zeros({3, 1, 64, 50})).shape() == Shape{3, 10});
  CHECK_THROWS_AS(CpMobile(Random(1), {.base_channels = 0}), ConfigError);
  // That of the authors' test of it: 16 channels, 1.5, 1.75.
  const CpMobile small(Random(1),
                       {.base_channels = 16, .channels_multiplier = 1.5, .expansion_rate = 1.75});
  CHECK(small.blocks[3].project.weight.shape() == Shape{24, 32, 1, 1});  // 28 -> 32
  CHECK(small.blocks[5].project.weight.shape() == Shape{40, 40, 1, 1});  // 36 -> 40, 42 -> 40
}

TEST_CASE("the response norm: x at first; gamma x g / mean g + beta + x, a clip by itself") {
  ResponseNorm norm(DType::f64);
  const Tensor x = normal(Random(3), {2, 3, 2, 2}, 0, 1, DType::f64);
  CHECK(apart(norm(x), x) == 0);
  norm.weight = tensor({0.7}, DType::f64), norm.bias = tensor({-0.2}, DType::f64);
  const std::vector<double> v = x.to_vector(), y = norm(x).to_vector();
  for (size_t n = 0; n < 2; ++n) {
    double g[3] = {}, mean = 0;
    for (size_t c = 0; c < 3; ++c) {
      for (size_t k = 0; k < 4; ++k) g[c] += v[12 * n + 4 * c + k] * v[12 * n + 4 * c + k];
      g[c] = std::sqrt(g[c]), mean += g[c] / 3;
    }
    for (size_t c = 0; c < 3; ++c)
      for (size_t k = 0; k < 4; ++k) {
        const size_t at = 12 * n + 4 * c + k;
        CHECK(y[at] == doctest::Approx(0.7 * v[at] * g[c] / (mean + 1e-6) - 0.2 + v[at]));
      }
  }
  // A channel that is 0 throughout: 0, and no gradient that is not a number.
  Tensor leaf = (x * tensor({1, 0, 1}, {3, 1, 1}, DType::f64)).detach().requires_grad_();
  const Tensor slope = grad(sum(square(norm(leaf))), leaf);
  CHECK(std::isfinite(amax(abs(slope)).item()));
}

TEST_CASE("CP-ResNet: kernels by rho, pools behind blocks 1, 2 and 4, counts") {
  for (const int64_t rho : {0, 7, 22}) {
    const CpResnet net(Random(1), {.rho = rho, .base_channels = 4});
    int64_t due = conv_norm(1, 4, 5) + 16 * 10 + 20, wide = 0, in = 4;
    for (int64_t i = 0; i < 12; ++i) {
      const int64_t out = i < 4 ? 4 : i < 8 ? 8 : 16;
      const int64_t k1 = net.blocks[static_cast<size_t>(i)].first.conv.weight.size(2),
                    k2 = net.blocks[static_cast<size_t>(i)].second.weight.size(2);
      wide += (k1 == 3) + (k2 == 3);
      due += conv_norm(in, out, k1) + conv_norm(out, out, k2);
      if (in != out) due += conv_norm(in, out, 1);
      in = out;
    }
    CHECK(wide == rho + 1);
    CHECK(parameter_count(net) == due);
  }
  const CpResnet net(Random(1), {.rho = 7, .base_channels = 4});
  CHECK(net.blocks[0].first.conv.weight.size(2) == 3);
  CHECK(net.blocks[0].second.weight.size(2) == 1);
  CHECK(net.blocks[3].second.weight.size(2) == 3);
  CHECK(net.blocks[4].first.conv.weight.size(2) == 3);
  CHECK(net.blocks[4].second.weight.size(2) == 1);
  CHECK(net(normal(Random(2), {2, 1, 64, 50})).shape() == Shape{2, 10});
  // 64 x 50 -> 31 x 24, pooled to 15 x 12, 7 x 6, 3 x 3: a map of less is none.
  CHECK_THROWS_AS(net(zeros({1, 1, 16, 64})), ShapeError);
  CHECK_THROWS_AS(CpResnet(Random(1), {.rho = 23}), ConfigError);
  // Fixup: second kernels and the classifier start at 0, and still a step moves them.
  CHECK(amax(abs(net.blocks[5].second.weight)).item() == 0);
  CHECK(amax(abs(net.classifier.weight)).item() == 0);
  const double deviation =
      sqrt(mean(square(net.blocks[9].first.conv.weight))).item() / std::sqrt(2.0 / 16 / 12);
  CHECK(deviation == doctest::Approx(1).epsilon(0.2));
}
