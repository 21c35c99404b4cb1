// One-shot masks (audio.md, check 26) and the challenge's bytes (27).
#include <doctest/doctest.h>

#include <regrad/algorithms/asc/bytes.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/quantize.h>

#include <cmath>

using namespace regrad;

namespace {

Tensor drawn(const char* name, const Shape& s) { return normal(Random(10) / name, s); }
int64_t zeros_of(const Tensor& t) { return zeros_in({t}); }

BcResnetAsc step(const BcResnetAsc& net, const std::vector<Tensor>& masks, const Tensor& x,
                 const Tensor& y, double* loss_of) {
  Context ctx{.training = true};
  const Tensor loss = cross_entropy(fake_quantized(masked(net, masks))(x, ctx), y);
  *loss_of = loss.item();
  std::vector<Tensor> p = parameters(net), d = parameters(grad(loss, net));
  for (size_t i = 0; i < p.size(); ++i) p[i] = (p[i] - 0.05 * d[i]).detach().requires_grad_();
  return commit(at(net, p), ctx);
}

}  // namespace

TEST_CASE(
    "26: round(r n) weights of convolutions are pruned, stay so in training, and nothing else is") {
  BcResnetAsc net(Random(1), {.tau = 1, .dropout = 0});
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.dim() == 4 ? t.numel() : 0;
  for (const double ratio : {0.0, 0.5, 0.89, 1.0}) {
    const std::vector<Tensor> masks = one_shot_masks(net, ratio);
    const std::vector<Tensor> p = parameters(masked(net, masks));
    int64_t zero = 0;
    double largest_pruned = 0, smallest_kept = 1e9;
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i].dim() != 4) {
        CHECK(zeros_of(masks[i]) == 0);
        continue;
      }
      zero += zeros_of(p[i]);
      const std::vector<double> w = parameters(net)[i].to_vector(), m = masks[i].to_vector();
      for (size_t j = 0; j < w.size(); ++j) {
        if (m[j] == 0) largest_pruned = std::max(largest_pruned, std::abs(w[j]));
        if (m[j] == 1) smallest_kept = std::min(smallest_kept, std::abs(w[j]));
      }
    }
    CHECK(zero == std::llround(ratio * static_cast<double>(n)));
    CHECK(largest_pruned <= smallest_kept);
  }
  CHECK_THROWS_AS(one_shot_masks(net, 1.5), ConfigError);

  const std::vector<Tensor> masks = one_shot_masks(net, 0.7);
  const Tensor x = drawn("x", {8, 1, 32, 24}), y = tensor({0, 1, 2, 3, 0, 1, 2, 3}, DType::i64);
  const auto count = [&] {
    int64_t zero = 0;
    for (const Tensor& t : parameters(masked(net, masks))) zero += t.dim() == 4 ? zeros_of(t) : 0;
    return zero;
  };
  double first = 0, last = 0;
  for (int i = 0; i < 15; ++i) net = step(net, masks, x, y, i ? &last : &first);
  CHECK(last < first);
  CHECK(count() == std::llround(0.7 * static_cast<double>(n)));
}

TEST_CASE("27: 62,335 bytes and 132 of scales for the net of 314,970 at 89%") {
  const BcResnetAsc net(Random(2), {.tau = 8});
  const BcResnetAsc small = fake_quantized(masked(net, one_shot_masks(net, 0.89)));
  const asc::ChallengeSize s = asc::challenge_size(small);
  CHECK(s.weights == 33035);
  CHECK(s.rest == 2 * (14640 + 10));
  CHECK(s.scales == 132);
  CHECK(asc::challenge_bytes(small) == 62335);
  CHECK(s.total() == 62467);
  CHECK(asc::challenge_bytes(net) == 300320 + 29300);
}

TEST_CASE("one-shot masks of a net without convolutions: its matrices but the last") {
  const NamedNet net(Random(4), {.name = "mlp", .in_channels = 1, .size = 4, .classes = 3});
  const std::vector<Tensor> masks = one_shot_masks(net, 0.25), p = parameters(masked(net, masks));
  CHECK(zeros_in({p[0], p[2]}) == std::llround(0.25 * (16 * 128 + 128 * 128)));
  CHECK(zeros_in({masks[4]}) == 0);
  CHECK_THROWS_AS(masked(net, {masks[0]}), ShapeError);
  CHECK_THROWS_AS(one_shot_masks(net, -0.1), ConfigError);
  CHECK_THROWS_AS(one_shot_masks(net, std::nan("")), ConfigError);
}
