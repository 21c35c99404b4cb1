// PPP as a library: the facts PPP-1 to PPP-7 of pruning.md section 5.5, and what is refused.
#include <doctest/doctest.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/algorithms/ppp/ppp.h>
#include <regrad/algorithms/shared/cost.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::ppp;
using namespace regrad::test;

namespace {

GatedOptions options(GateKind gate = GateKind::channel, DType t = DType::f64, int depth = 8) {
  return {.depth = depth, .in_channels = 2, .width = 4, .classes = 3, .gate = gate, .dtype = t};
}

// A net whose every number was drawn, gates and norms too: gates differ from example to example.
GatedNet drawn(const GatedOptions& o, uint64_t seed = 1) {
  GatedNet net(Random(seed), o);
  int64_t k = 0;
  each(net, [&](const std::string& name, Tensor& t, bool is_buffer) {
    const Random r = Random(seed) / "drawn" / k++;
    if (name.find("running_var") != std::string::npos)
      t = uniform(r, t.shape(), 0.5, 2, o.dtype);
    else if (is_buffer)
      t = normal(r, t.shape(), 0, 0.5, o.dtype);
    else if (name.find("logits") != std::string::npos)
      t = normal(r, t.shape(), 0, 1, o.dtype).requires_grad_();
    else if (t.dim() == 1)
      t = normal(r, t.shape(), 0.8, 0.4, o.dtype).requires_grad_();
  });
  return net;
}
// Noise about a level of each example's own.
Tensor examples(int64_t n, DType t = DType::f64, uint64_t seed = 5) {
  return normal(Random(seed) / "x", {n, 2, 8, 8}, 0, 1, t) +
         normal(Random(seed) / "level", {n, 2, 1, 1}, 0, 2, t);
}

std::vector<std::vector<double>> values(const Tensors& list) {
  std::vector<std::vector<double>> out;
  for (const Tensor& t : list) out.push_back(t.to_vector());
  return out;
}
double furthest(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  return amax(abs(x - y)).item() / std::max(1e-300, amax(abs(y)).item());
}
Tensor masked(const GatedNet& net, const Tensor& x, const Tensors& masks) {
  Context ctx;
  return net.forward(x, ctx, given(masks));
}
Tensor hidden_of(int64_t kept, int64_t of, DType t) {
  std::vector<double> v(static_cast<size_t>(of), 0.0);
  for (int64_t i = 0; i < kept; ++i) v[static_cast<size_t>((3 * i + 1) % of)] = 1;
  return tensor(v, {of}, t);
}

}  // namespace

TEST_CASE("PPP-1: personalize records nothing and leaves the net as it is") {
  const GatedNet net = drawn(options());
  const Tensor x = examples(9);
  std::vector<std::vector<double>> before;
  each(net, [&](const std::string&, const Tensor& t, bool) { before.push_back(t.to_vector()); });
  const Personal mine = personalize(net, x);
  size_t k = 0;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    CHECK(t.to_vector() == before[k++]);
    CHECK(t.is_leaf());
    CHECK(t.requires_grad() == !is_buffer);
  });
  each(mine.net, [&](const std::string&, const Tensor& t, bool) { CHECK(t.is_leaf()); });
  for (const Tensors& list : {mine.prototype, mine.masks})
    for (const Tensor& t : list) {
      CHECK(t.is_leaf());
      CHECK(!t.requires_grad());
    }
  // nothing stays behind: as many nodes live as before
  const int64_t nodes = memory_stats().live_nodes;
  personalize(net, x);
  CHECK(memory_stats().live_nodes == nodes);
}

TEST_CASE("PPP-2: the cut net is the masked net, and what is exported is too") {
  for (const DType t : {DType::f64, DType::f32})
    for (const GateKind kind : {GateKind::channel, GateKind::block})
      for (const int depth : {8, 14})
        for (const int64_t batch : {1, 5}) {
          const GatedNet net = drawn(options(kind, t, depth));
          const Tensor x = examples(batch, t);
          const Personal mine = personalize(net, examples(6, t, 6));
          const double bound = t == DType::f64 ? 1e-12 : 1e-5;
          CHECK(furthest(mine.net(x), masked(net, x, mine.masks)) < bound);
          CHECK(!mine.net.gated());
          // one block after the other, with nearly all, some and one of its channels
          for (size_t l = 0; l < net.blocks.size(); ++l)
            for (const int share : {1, 2, 4}) {
              Tensors masks;
              for (const GatedBlock& b : net.blocks)
                masks.push_back(ones({kind == GateKind::block ? 1 : b.conv1.weight.size(0)}, t));
              const int64_t of = masks[l].size(0);
              masks[l] = kind == GateKind::block ? zeros({1}, t) : hidden_of(of / share, of, t);
              CHECK(furthest(cut(net, masks)(x), masked(net, x, masks)) < bound);
            }
        }
  const GatedNet net = drawn(options(GateKind::channel, DType::f32));
  const Tensor x = examples(4, DType::f32);
  const Personal mine = personalize(net, x);
  const InferenceNet small = export_net(mine.net, {2, 8, 8, {}, {}, {}});
  CHECK(furthest(small(x), masked(net, x, mine.masks)) < 1e-5);
  const Personal branches = personalize(drawn(options(GateKind::block, DType::f32, 14)), x);
  CHECK(furthest(export_net(branches.net, {2, 8, 8, {}, {}, {}})(x), branches.net(x)) < 1e-5);
  // gates have no place in an exported net
  CHECK(complaint<ConfigError>([&] { export_net(net, {2, 8, 8, {}, {}, {}}); }, "export") == "");
}

TEST_CASE("PPP-3: a prototype is a mean over examples; one example keeps its own gates") {
  for (const GateKind kind : {GateKind::channel, GateKind::block}) {
    const GatedNet net = drawn(options(kind));
    const Tensor x = examples(150);  // more than are taken at once
    const Tensors pi = prototype(net, x);
    // told: the mean of every example's own
    std::vector<std::vector<double>> told;
    for (int64_t i = 0; i < 150; ++i) {
      Context ctx;
      Paths paths;
      net.forward(slice(x, 0, i, i + 1).contiguous(), ctx, own(net, paths));
      told.resize(paths.pi.size());
      for (size_t l = 0; l < told.size(); ++l) {
        told[l].resize(static_cast<size_t>(paths.pi[l].size(1)), 0.0);
        for (size_t c = 0; c < told[l].size(); ++c) told[l][c] += paths.pi[l].to_vector()[c] / 150;
      }
    }
    for (size_t l = 0; l < told.size(); ++l)
      for (size_t c = 0; c < told[l].size(); ++c)
        CHECK(pi[l].to_vector()[c] == doctest::Approx(told[l][c]).epsilon(1e-12));
    const Tensors shuffled =
        prototype(net, index_select(x, 0, randperm(Random(3), 150)).contiguous());
    for (size_t l = 0; l < pi.size(); ++l) CHECK(furthest(shuffled[l], pi[l]) < 1e-12);
    bool differ = false;
    std::vector<std::vector<double>> first;
    for (int64_t i = 0; i < 5; ++i) {
      const Tensor one = slice(x, 0, i, i + 1).contiguous();
      Context ctx;
      Paths paths;
      net.forward(one, ctx, own(net, paths));
      const auto masks = values(personalize(net, one).masks), gates = values(paths.h);
      CHECK(masks == gates);
      if (i == 0) first = gates;
      differ |= gates != first;
    }
    CHECK(differ);
  }
}

TEST_CASE("PPP-4: gates are 0 or 1; as often open as pi; the gradient is the softmax sample's") {
  const std::vector<double> logits = {-2, -0.3, 0, 0.7, 1.9};
  const int64_t n = 100000;
  const Tensor d = tensor(logits, {1, 5}, DType::f64).expand({n, 5}).contiguous();
  const std::vector<double> h =
      mean(hard_gates(d, gate_noise(Random(4), {n, 5}, DType::f64)), {0}).to_vector();
  for (size_t c = 0; c < 5; ++c) {
    const double pi = 1 / (1 + std::exp(-logits[c])),
                 sigma = std::sqrt(pi * (1 - pi) / static_cast<double>(n));
    CHECK(std::abs(h[c] - pi) < 4 * sigma);
  }
  for (const DType t : {DType::f64, DType::f32}) {
    const Tensor leaf = normal(Random(1), {40, 7}, 0, 2, t).requires_grad_(),
                 noise = gate_noise(Random(2), {40, 7}, t);
    const Tensor gates = hard_gates(leaf, noise);
    for (const double v : gates.to_vector()) CHECK((v == 0 || v == 1));
    const Tensor weight = normal(Random(3), {40, 7}, 0, 1, t);
    const std::vector<double> g = grad(sum(gates * weight), leaf).to_vector(),
                              at = leaf.to_vector(), e = noise.to_vector(), w = weight.to_vector();
    for (size_t i = 0; i < g.size(); ++i) {
      const double soft = 1 / (1 + std::exp(-(at[i] + e[i])));
      CHECK(g[i] ==
            doctest::Approx(w[i] * soft * (1 - soft)).epsilon(t == DType::f64 ? 1e-12 : 1e-4));
      CHECK((gates.to_vector()[i] == 1) == (at[i] + e[i] > 0));
    }
  }
}

TEST_CASE("PPP-5: gates start open with 0.8699; the rate's gradient") {
  for (const GateKind kind : {GateKind::channel, GateKind::block}) {
    const GatedNet net(Random(1), options(kind));
    for (const bool training : {false, true}) {
      Context ctx{.training = training};
      Paths paths;
      net.forward(examples(4), ctx, own(net, paths));
      REQUIRE(paths.pi.size() == 3);
      for (const Tensor& pi : paths.pi)
        for (const double p : pi.to_vector())
          CHECK(p ==
                doctest::Approx(std::exp(2.0) / (std::exp(2.0) + std::exp(0.1))).epsilon(1e-12));
    }
  }
  CHECK(std::exp(2.0) / (std::exp(2.0) + std::exp(0.1)) == doctest::Approx(0.8699).epsilon(1e-4));
  // L = 3 layers of 2, 3 and 4 gates and 5 examples
  Tensors h;
  for (int64_t l = 0; l < 3; ++l)
    h.push_back(gt(uniform(Random(7) / l, {5, 2 + l}, 0, 1, DType::f64), 0.4)
                    .to(DType::f64)
                    .requires_grad_());
  const double tau = 0.6;
  const Tensors g = grad(TensorList(rate_loss(h, tau)), TensorList(h));
  double loss = 0;
  for (size_t l = 0; l < 3; ++l) {
    double mean = 0;
    const auto n = static_cast<double>(h[l].numel());
    for (const double v : h[l].to_vector()) mean += v / n;
    loss += (tau - mean) * (tau - mean) / 3;
    for (const double v : g[l].to_vector())
      CHECK(v == doctest::Approx(-2 * (tau - mean) / (n * 3)).epsilon(1e-12));
  }
  CHECK(rate_loss(h, tau).item() == doctest::Approx(loss).epsilon(1e-12));
}

TEST_CASE("PPP-6: prototypes' loss is 0 where a person's examples agree; without it PPP is AIG") {
  // 2 persons x 3 examples; blocks of 2 and 4 gates, so that the mean is over 36 numbers
  const Tensor a = uniform(Random(1), {2, 1, 2}, 0, 1, DType::f64),
               b = uniform(Random(2), {2, 1, 4}, 0, 1, DType::f64);
  Tensors pi = {reshape(a.expand({2, 3, 2}), {6, 2}).contiguous().requires_grad_(),
                reshape(b.expand({2, 3, 4}), {6, 4}).contiguous().requires_grad_()};
  CHECK(prototype_loss(pi, 2).item() < 1e-30);
  for (const Tensor& g : grad(TensorList(prototype_loss(pi, 2)), TensorList(pi)))
    for (const double v : g.to_vector()) CHECK(std::abs(v) < 1e-15);
  CHECK(prototype_loss(pi, 1).item() > 1e-3);  // the two persons differ
  pi[0] = uniform(Random(3), {6, 2}, 0, 1, DType::f64).requires_grad_();
  const Tensor g = grad(TensorList(prototype_loss(pi, 2)), TensorList(pi))[0];
  double told = 0;
  const std::vector<double> v = pi[0].to_vector();
  for (size_t u = 0; u < 2; ++u)
    for (size_t c = 0; c < 2; ++c) {
      const double mean = (v[6 * u + c] + v[6 * u + 2 + c] + v[6 * u + 4 + c]) / 3;
      for (size_t i = 0; i < 3; ++i) {
        const double off = v[6 * u + 2 * i + c] - mean;
        told += off * off / 36;
        // the mean is a constant there
        CHECK(g.to_vector()[6 * u + 2 * i + c] == doctest::Approx(2 * off / 36).epsilon(1e-12));
      }
    }
  CHECK(prototype_loss(pi, 2).item() == doctest::Approx(told).epsilon(1e-12));

  // AIG with gates of channels, without a person anywhere
  const Random r = Random(9) / "steps";
  Learner learner(drawn(options()), {.prototype = 0, .shared = false}, r);
  GatedNet net = drawn(options());
  Sgd::State state = Sgd{.momentum = 0.9}.initial(parameters(net));
  const Sgd sgd{.lr = 0.05, .momentum = 0.9};
  for (int64_t i = 0; i < 4; ++i) {
    const Tensor x = examples(6, DType::f64, 20 + static_cast<uint64_t>(i)),
                 y = randint(r / "y" / i, 0, 3, {6});
    learner.learn({x, y, 2}, i, sgd);
    Context ctx{.training = true};
    Paths paths;
    const Tensor z = net.forward(x, ctx, sampled(r / "gates" / i, paths)),
                 loss = cross_entropy(z, y) + rate_loss(paths.h, 0.6) * 2;
    const GatedNet grads = grad(loss, net);
    net = update(sgd, commit(std::move(net), ctx), state, grads);
  }
  const std::vector<NamedTensor> ours = named_tensors(learner.net), aig = named_tensors(net);
  REQUIRE(ours.size() == aig.size());
  for (size_t k = 0; k < ours.size(); ++k)
    CHECK(ours[k].second.to_vector() == aig[k].second.to_vector());
}

TEST_CASE("shared gates: one sample a person, whose gradient reaches all its examples") {
  const GatedNet net = drawn(options());
  Context ctx{.training = true};
  Paths paths;
  net.forward(examples(6), ctx, shared(Random(3), 2, paths));
  for (const Tensor& h : paths.h) {
    const std::vector<double> v = h.to_vector();
    const size_t g = static_cast<size_t>(h.size(1));
    for (size_t n = 0; n < 6; ++n)
      for (size_t c = 0; c < g; ++c) CHECK(v[n * g + c] == v[n / 3 * 3 * g + c]);
  }
  CHECK(paths.h[2].to_vector() != std::vector<double>(6 * 16, 1.0));
  // every second step only, and only where it is set
  const Tensor x = examples(6), y = randint(Random(1), 0, 3, {6});
  Learner a(drawn(options()), {.shared = true}, Random(5)),
      b(drawn(options()), {.shared = false}, Random(5));
  const Sgd sgd{.lr = 0.01, .momentum = 0.9};
  a.learn({x, y, 2}, 0, sgd), b.learn({x, y, 2}, 0, sgd);
  CHECK(a.net.conv.weight.to_vector() == b.net.conv.weight.to_vector());
  a.learn({x, y, 2}, 1, sgd), b.learn({x, y, 2}, 1, sgd);
  CHECK(a.net.conv.weight.to_vector() != b.net.conv.weight.to_vector());
}

TEST_CASE("PPP-7: multiply-adds and parameters are a hand count; a block keeps a channel") {
  const GatedNet net = drawn(options());
  const Tensors masks = {hidden_of(3, 4, DType::f64), hidden_of(5, 8, DType::f64),
                         hidden_of(1, 16, DType::f64)};
  const GatedNet small = as_leaves(cut(net, masks));
  const Cost cost = cost_of(small(examples(1)), parameters(small));
  // 8x8 pixels: conv 2 -> 4; block 0 (8x8): 4 -> 3 -> 4; block 1 (4x4): 4 -> 5 -> 8, shortcut
  // 4 -> 8; block 2 (2x2): 8 -> 1 -> 16, shortcut 8 -> 16; 16 -> 3
  CHECK(cost.macs == 64 * 9 * 2 * 4 + 64 * 9 * (4 * 3 + 3 * 4) + 16 * 9 * (4 * 5 + 5 * 8) +
                         16 * 4 * 8 + 4 * 9 * (8 * 1 + 1 * 16) + 4 * 8 * 16 + 16 * 3);
  CHECK(cost.parameters == 9 * 2 * 4 + 2 * 4 + 9 * (4 * 3 + 3 * 4) + 2 * (3 + 4) +
                               9 * (4 * 5 + 5 * 8) + 2 * (5 + 8) + 4 * 8 + 2 * 8 +
                               9 * (8 * 1 + 1 * 16) + 2 * (1 + 16) + 8 * 16 + 2 * 16 + 16 * 3 + 3);
  // every gate closed: each block keeps its likeliest channel, the first of equals
  GatedNet closed = drawn(options());
  for (GatedBlock& b : closed.blocks) {
    std::vector<double> bias;
    for (int64_t c = 0; c < b.gate.gates(); ++c) bias.push_back(9), bias.push_back(c == 2 ? 1 : 0);
    b.gate.logits.weight = zeros_like(b.gate.logits.weight);
    b.gate.logits.bias = tensor(bias, b.gate.logits.bias.shape(), DType::f64);
  }
  const Personal mine = personalize(closed, examples(3));
  for (const Tensor& m : mine.masks) {
    CHECK(sum(m).item() == 1);
    CHECK(m.to_vector()[2] == 1);
  }
  CHECK(furthest(mine.net(examples(2)), closed(examples(2))) < 1e-12);
  for (const GatedBlock& b : mine.net.blocks) CHECK(b.conv1.weight.size(0) == 1);
  // all branches of a net with gates of blocks may go
  GatedNet branches = drawn(options(GateKind::block));
  for (GatedBlock& b : branches.blocks) {
    b.gate.logits.weight = zeros_like(b.gate.logits.weight);
    b.gate.logits.bias = tensor({3, 1}, {2}, DType::f64);
  }
  for (const Tensor& m : personalize(branches, examples(3)).masks) CHECK(m.item() == 0);
}

TEST_CASE("a channel stays above one half, not at it") {
  const GatedNet net = drawn(options());
  Tensors pi;
  for (const GatedBlock& b : net.blocks) pi.push_back(full({b.gate.gates()}, 0.5, DType::f64));
  pi[0] = tensor({0.5, 0.500001, 0.7, 0.2}, {4}, DType::f64);
  const Tensors masks = kept(net, pi);
  CHECK(masks[0].to_vector() == std::vector<double>{0, 1, 1, 0});
  CHECK(masks[1].to_vector() == std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("with open gates the net is the ResNet of the same stream") {
  for (const GateKind kind : {GateKind::none, GateKind::channel, GateKind::block}) {
    GatedOptions o = options(kind, DType::f32);
    const GatedNet net(Random(11), o);
    const Resnet plain(
        Random(11), {.depth = 8, .in_channels = 2, .width = 4, .shortcut = Shortcut::project}, 3);
    for (const bool training : {false, true}) {
      Context ctx{.training = training}, other{.training = training};
      const Tensor x = examples(3, DType::f32);
      CHECK(net.forward(x, ctx).to_vector() == plain(x, other).to_vector());
      CHECK(ctx.reports.size() == other.reports.size());
    }
    CHECK(net.gated() == (kind != GateKind::none));
  }
}

TEST_CASE("random and norm masks keep as many channels; overlap") {
  const GatedNet net = drawn(options());
  const Tensors masks = {hidden_of(3, 4, DType::f64), hidden_of(5, 8, DType::f64),
                         hidden_of(1, 16, DType::f64)};
  const auto count = [](const Tensors& of) {
    std::vector<double> out;
    for (const Tensor& m : of) out.push_back(sum(m).item());
    return out;
  };
  const std::vector<double> three = {3, 5, 1};
  CHECK(count(random_masks(masks, Random(1))) == three);
  CHECK(count(norm_masks(net, masks)) == three);
  CHECK(values(random_masks(masks, Random(1))) != values(random_masks(masks, Random(2))));
  // the largest filter of block 2
  const std::vector<double> size = sum(square(net.blocks[2].conv1.weight), {1, 2, 3}).to_vector();
  const auto best = static_cast<size_t>(std::max_element(size.begin(), size.end()) - size.begin());
  CHECK(norm_masks(net, masks)[2].to_vector()[best] == 1);
  // of branches it is a choice of blocks
  const Tensors branches = {ones({1}), zeros({1}), ones({1})};
  CHECK(sum(cat(random_masks(branches, Random(3)), 0)).item() == 2);
  std::set<std::vector<std::vector<double>>> seen;
  for (uint64_t s = 0; s < 20; ++s) seen.insert(values(random_masks(branches, Random(s))));
  CHECK(seen.size() == 3);
  CHECK(sum(cat(norm_masks(net, branches), 0)).item() == 2);
  const Tensors a = {tensor({1, 1, 0}), tensor({0, 1})}, b = {tensor({0, 1, 1}), tensor({0, 1})};
  CHECK(overlap(a, b) == doctest::Approx(2.0 / 4));
  CHECK(overlap(a, a) == 1);
  CHECK(overlap({zeros({2})}, {zeros({2})}) == 1);
}

TEST_CASE("what personalize refuses") {
  const GatedNet net = drawn(options(GateKind::channel, DType::f32));
  const auto refuses = [&](const Tensor& x, const char* words) {
    return complaint<ShapeError>([&] { personalize(net, x); }, words);
  };
  CHECK(refuses(zeros({0, 2, 8, 8}), "no examples") == "");
  CHECK(refuses(zeros({3, 1, 8, 8}), "not [k,2,H,W]") == "");
  CHECK(refuses(zeros({2, 8, 8}), "not [k,2,H,W]") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              personalize(cut(net, personalize(net, examples(1, DType::f32)).masks),
                          examples(1, DType::f32));
            },
            "no gates") == "");
  for (const double bad : {std::nan(""), double{INFINITY}}) {
    Tensor x = examples(2, DType::f32);
    x = cat({x, full({1, 2, 8, 8}, bad)}, 0);
    CHECK(complaint<NumericError>([&] { personalize(net, x); }, "no number") == "");
  }
  GatedNet broken = net;
  broken.blocks[1].gate.logits.bias = full({16}, std::nan(""));
  CHECK(complaint<NumericError>([&] { personalize(broken, examples(2, DType::f32)); },
                                "no number") == "");
  const auto cuts = [&](const Tensors& masks, const char* words) {
    return complaint<ShapeError>([&] { cut(net, masks); }, words);
  };
  CHECK(cuts({ones({4})}, "masks of 1 blocks") == "");
  CHECK(cuts({ones({4}), ones({7}), ones({16})}, "block 1 has 8 gates") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              cut(net, {ones({4}), zeros({8}), ones({16})});
            },
            "block 1 would keep no channel") == "");
  Context ctx;
  CHECK(complaint<ConfigError>(
            [&] {
              loss(cut(net, {ones({4}), ones({8}), ones({16})}),
                   {examples(2, DType::f32), tensor(std::vector<int64_t>{0, 1}), 1}, {}, false,
                   Random(1), ctx);
            },
            "no gates") == "");
  Paths paths;
  CHECK(complaint<ShapeError>(
            [&] { net.forward(examples(5, DType::f32), ctx, shared(Random(1), 2, paths)); },
            "2 persons") == "");
  CHECK(complaint<ShapeError>([&] { prototype_loss({zeros({5, 2})}, 2); }, "2 persons") == "");
  CHECK(complaint<ConfigError>([&] { GatedNet(Random(1), {.depth = 9}); }, "depth") == "");
  CHECK(complaint<ConfigError>([&] { gate_kind("chanel"); }, "none, block, channel") == "");
}

TEST_CASE("a global net's file: what it holds, and what is refused") {
  const TempFolder folder;
  const std::string path = folder / "global.safetensors";
  const GatedOptions o = options(GateKind::channel, DType::f32);
  const GatedNet net = drawn(o);
  const InferenceInfo info{2, 8, 8, {"a", "b", "c"}, {0.5f, 0.25f}, {0.125f, 0.3f}};
  const Metadata facts = ppp::to_metadata(o, info);
  save(net, path, facts);
  const Global back = load_global(path);
  const Tensor x = examples(3, DType::f32);
  CHECK(back.net(x).to_vector() == net(x).to_vector());
  CHECK(back.info.classes == info.classes);
  CHECK(back.info.mean == info.mean);
  CHECK(back.info.deviation == info.deviation);
  CHECK(back.info.height == 8);
  CHECK(values(personalize(back.net, x).masks) == values(personalize(net, x).masks));
  const auto with = [&](const std::string& key, const std::string& value, const char* words,
                        const GatedNet& of) {
    Metadata m = facts;
    m[key] = value;
    save(of, path, m);
    return complaint<IOError>([&] { load_global(path); }, words);
  };
  CHECK(with("net", "r8", "not a gated one", net) == "");
  CHECK(with("gate", "gates", "'gate' is 'gates'", net) == "");
  CHECK(with("gate", "none", "has no gates", net) == "");
  CHECK(with("width", "8", "are not those of the net", net) == "");
  CHECK(with("width", "65536", "are not those of the net", net) == "");
  CHECK(with("depth", "9", "6 n + 2", net) == "");
  CHECK(with("depth", "65534", "blocks.32765", net) == "");
  CHECK(with("in_channels", "x", "'in_channels' is 'x'", net) == "");
  CHECK(with("class_names", "a\nb", "name 2 classes", net) == "");
  CHECK(with("input_height", "0", "input_height", net) == "");
  CHECK(with("pixel_deviation", "0,1", "pixel_deviation", net) == "");
  CHECK(with("pixel_mean", "", "differ", net) == "");
  CHECK(with("gate", "block", "shape", net) == "");
  Tensors all;
  for (const GatedBlock& b : net.blocks) all.push_back(ones({b.gate.gates()}));
  CHECK(with("gate", "channel", "has no gates", cut(net, all)) == "");
  write_file(path, "no safetensors");
  CHECK_THROWS_AS(load_global(path), IOError);
}
