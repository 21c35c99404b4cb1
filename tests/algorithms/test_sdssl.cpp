// The ViT, its heads, the losses and the learner of SDSSL: facts 14 to 21 and 24 of
// text-and-ssl.md section 4, each against plain loops or a telling of its own.
#include <doctest/doctest.h>
#include <regrad/algorithms/sdssl/losses.h>
#include <regrad/algorithms/sdssl/sdssl.h>
#include <regrad/engine/error.h>
#include <regrad/layers/average.h>
#include <regrad/layers/schedule.h>

#include <cmath>
#include <map>

using namespace regrad;
using namespace regrad::sdssl;
using doctest::Approx;

namespace {

constexpr DType f64 = DType::f64;

VitOptions small() {
  return {.image = 6,
          .patch = 3,
          .channels = 2,
          .width = 8,
          .layers = 3,
          .heads = 2,
          .inner = 12,
          .dtype = f64};
}
Options options(Base base, Lower lower = Lower::mean) {
  return {.base = base,
          .lower = lower,
          .hidden = 7,
          .lower_hidden = 6,
          .out = 5,
          .predictor_hidden = 6};
}
Tensor images(const char* name, int64_t n = 4) {
  return normal(Random(3) / name, {n, 2, 6, 6}, 0, 1, f64);
}
using Row = std::vector<double>;
std::vector<Row> rows(const Tensor& x) {
  std::vector<Row> out;
  for (int64_t i = 0; i < x.size(0); ++i) out.push_back(x[i].to_vector());
  return out;
}
double dot(const Row& a, const Row& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
double cosine(const Row& a, const Row& b) { return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b)); }

double largest(const Tensor& x) { return x.defined() ? amax(abs(x)).item() : 0; }
// name -> largest |gradient|
std::map<std::string, double> gradients(const Student& s, const Tensor& loss) {
  const Student g = grad(loss, s, {.allow_unused = true});
  std::map<std::string, double> out;
  for (const auto& [name, t] : named_parameters(s)) out[name] = 0;
  each(g, [&](const std::string& name, const Tensor& t, bool is_buffer) {
    if (!is_buffer) out[name] = largest(t);
  });
  return out;
}

}  // namespace

TEST_CASE("ViT: patches, positions, blocks and the class token, against plain loops") {
  const VitOptions o = small();
  Vit net(Random(1), o);
  net.norm.weight = normal(Random(1) / "w", {8}, 1, 0.3, f64).requires_grad_();
  net.cls = normal(Random(1) / "c", {1, 8}, 0, 1, f64).requires_grad_();
  net.patch.bias = normal(Random(1) / "b", {8}, 0, 1, f64);
  const Tensor x = images("x");
  const double* px = x.data<double>();
  std::vector<double> tokens;
  for (int64_t n = 0; n < 4; ++n) {
    for (int64_t d = 0; d < 8; ++d) tokens.push_back(net.cls[0][d].item());
    for (int64_t ty = 0; ty < 2; ++ty)
      for (int64_t tx = 0; tx < 2; ++tx)
        for (int64_t d = 0; d < 8; ++d) {
          double sum = net.patch.bias[d].item();
          for (int64_t c = 0, k = 0; c < 2; ++c)
            for (int64_t y = 0; y < 3; ++y)
              for (int64_t xx = 0; xx < 3; ++xx, ++k)
                sum += net.patch.weight[d][k].item() *
                       px[((n * 2 + c) * 6 + ty * 3 + y) * 6 + tx * 3 + xx];
          // w_0 = 1, w_1 = 1 / 100
          const double at = static_cast<double>(d < 4 ? tx : ty) * (d % 2 ? 0.01 : 1);
          tokens.push_back(sum + (d % 4 < 2 ? std::sin(at) : std::cos(at)));
        }
  }
  Tensor h = tensor(tokens, {4, 5, 8}, f64);
  Context ctx;
  const std::vector<Tensor> f = net.features(x, ctx);
  REQUIRE(f.size() == 3);
  for (size_t l = 0; l < 3; ++l) {
    h = net.layers[l].padded(h, {}, ctx);
    for (int64_t n = 0; n < 4; ++n) {
      const Row cls = h[n][0].to_vector();
      double m = 0, v = 0;
      for (const double c : cls) m += c / 8;
      for (const double c : cls) v += (c - m) * (c - m) / 8;
      for (int64_t d = 0; d < 8; ++d)
        CHECK(f[l][n][d].item() == Approx((cls[static_cast<size_t>(d)] - m) / std::sqrt(v + 1e-6) *
                                          net.norm.weight[d].item())
                                       .epsilon(1e-10));
    }
  }
  CHECK(net(x).to_vector() == f[2].to_vector());
}

TEST_CASE("ViT: initial values by Glorot's fans, a frozen projection, sizes that do not fit") {
  const Vit net(Random(2), {.image = 8, .patch = 4, .width = 64, .layers = 2, .heads = 4});
  const auto bound = [](const Tensor& w, double fan_in, double fan_out) {
    const double b = std::sqrt(6 / (fan_in + fan_out)), top = amax(abs(w)).item();
    CHECK(top <= b);
    CHECK(top > 0.98 * b);
  };
  const auto& block = net.layers[1];
  for (int64_t third = 0; third < 3; ++third)
    bound(slice(block.self_attn.in_proj_weight, 0, 64 * third, 64 * third + 64), 64, 64);
  bound(block.linear1.weight, 64, 256), bound(block.linear2.weight, 256, 64);
  bound(block.self_attn.out_proj.weight, 64, 64), bound(net.patch.weight, 48, 64);
  CHECK(largest(block.linear1.bias) == 0);
  CHECK(largest(net.cls) < 6e-6);
  CHECK(largest(net.cls) > 0);
  CHECK(std::vector{block.norm1.eps, block.norm2.eps, net.norm.eps} ==
        std::vector{1e-6, 1e-6, 1e-6});
  for (const auto& [name, t] : named_parameters(net)) {
    CHECK(name.find("patch") == std::string::npos);
    CHECK(name.find("positions") == std::string::npos);
  }
  CHECK(!net.patch.weight.requires_grad());
  const Vit learnt(
      Random(2),
      {.image = 8, .patch = 4, .width = 64, .layers = 2, .heads = 4, .frozen_patches = false});
  CHECK(parameters(learnt).size() == parameters(net).size() + 2);
  CHECK(vit_options("small").heads == 12);
  CHECK_THROWS_AS(vit_options("huge"), ConfigError);
  CHECK_THROWS_AS(Vit(Random(0), {.image = 9, .patch = 4}), ConfigError);
  CHECK_THROWS_AS(Vit(Random(0), {.image = 8, .patch = 4, .width = 6, .heads = 2}), ConfigError);
  CHECK_THROWS_AS(Vit(Random(0), {.image = 8, .patch = 4, .width = 64, .heads = 5}), ConfigError);
  CHECK_THROWS_AS(net(ones({1, 3, 8, 12})), ShapeError);
  CHECK_THROWS_AS(net(ones({1, 1, 8, 8})), ShapeError);
}

TEST_CASE("ViT: norms and nonlinearities computed again hold less, with the same bits") {
  VitOptions o{.image = 16, .patch = 4, .width = 64, .layers = 3, .heads = 4};
  const Tensor x = uniform(Random(5), {8, 3, 16, 16}, -1, 1);
  std::vector<double> gradients[2];
  int64_t held[2];
  for (const bool again : {false, true}) {
    o.recompute = again;
    const Vit net(Random(3), o);
    Context ctx{.training = true};
    const int64_t before = memory_stats().live_bytes;
    const Tensor loss = mean(square(net(x, ctx)));
    held[again] = memory_stats().live_bytes - before;
    for (const Tensor& g : grad(loss, parameters(net)))
      for (const double v : g.to_vector()) gradients[again].push_back(v);
  }
  CHECK(gradients[0] == gradients[1]);
  // a block of width d holds 2 x, 2 h, 2 norms, 3 q k v, 1 attention, 4 + 4 inside: 18 d, now 10 d
  CHECK(static_cast<double>(held[1]) < 0.68 * static_cast<double>(held[0]));
}

TEST_CASE("losses against plain loops, with stacks of anchors") {
  const Tensor q = normal(Random(4) / "q", {12, 5}, 0, 2, f64),
               k = normal(Random(4) / "k", {6, 5}, 0, 3, f64);
  const auto a = rows(q), b = rows(k);
  const double tau = 0.3;
  double nce = 0, nt = 0, two = 0;
  for (size_t i = 0; i < 12; ++i) {
    double all = 0, others = 0;
    for (size_t j = 0; j < 6; ++j) {
      const double e = std::exp(cosine(a[i], b[j]) / tau);
      all += e;
      if (j != i % 6) others += e;
    }
    nce += 2 * tau / 12 * (std::log(all) - cosine(a[i], b[i % 6]) / tau);
    nt += (std::log(others) - cosine(a[i], b[(i % 6 + 3) % 6]) / tau) / 12;
    two += (2 - 2 * cosine(a[i], b[i % 6])) / 12;
  }
  CHECK(info_nce(q, k, tau).item() == Approx(nce).epsilon(1e-12));
  CHECK(nt_xent(q, k, tau).item() == Approx(nt).epsilon(1e-12));
  CHECK(byol(q, k).item() == Approx(two).epsilon(1e-12));
  CHECK_THROWS_AS(info_nce(q, slice(k, 0, 0, 5), tau), ShapeError);
  CHECK_THROWS_AS(nt_xent(slice(k, 0, 0, 5), tau), ShapeError);
  CHECK_THROWS_AS(byol(q, ones({6, 4}, f64)), ShapeError);
}

TEST_CASE("17: InfoNCE of equal logits and of perfect orthogonal keys; scale does not matter") {
  const double tau = 0.2;
  const Tensor same = ones({6, 4}, f64), e = eye(6, f64);
  CHECK(info_nce(same, same, tau).item() == Approx(2 * tau * std::log(6.0)).epsilon(1e-12));
  CHECK(info_nce(e, e, tau).item() ==
        Approx(2 * tau * std::log(1 + 5 * std::exp(-1 / tau))).epsilon(1e-12));
  const Tensor q = normal(Random(5), {6, 4}, 0, 1, f64);
  CHECK(info_nce(q * 7, q * 0.01, tau).item() == Approx(info_nce(q, q, tau).item()));
}

TEST_CASE("18: SimCLR's anchors have 2B - 1 candidates; images may be permuted together") {
  const Tensor z = normal(Random(6), {8, 5}, 0, 1, f64);
  // equal rows: log(2B - 1) whatever tau is
  CHECK(nt_xent(ones({8, 3}, f64), 0.5).item() == Approx(std::log(7.0)));
  const Tensor order = tensor({2, 0, 3, 1, 6, 4, 7, 5}, DType::i64);
  CHECK(nt_xent(index_select(z, 0, order), 0.2).item() == Approx(nt_xent(z, 0.2).item()));
  CHECK(nt_xent(z, z.detach(), 0.2).item() == nt_xent(z, 0.2).item());
  Tensor x = z.detach().requires_grad_();
  const double once = largest(grad(nt_xent(x, 0.2), x) - grad(nt_xent(x, x.detach(), 0.2), x));
  CHECK(once > 1e-3);
}

TEST_CASE("19: BYOL's term is 0 for equal directions, 4 for opposite ones, 2 between") {
  const Tensor a = tensor({1, 0, 0, 2}, {2, 2}, f64), b = tensor({0, 3, -1, 0}, {2, 2}, f64);
  CHECK(byol(a, a * 3).item() == Approx(0));
  CHECK(byol(a, a * -2).item() == Approx(4));
  CHECK(byol(a, b).item() == Approx(2));
}

TEST_CASE("heads: layers, norms by the batch, against plain loops") {
  const Head head(Random(7), {.in = 3, .hidden = 4, .out = 2, .dtype = f64});
  CHECK(parameters(head).size() == 3 + 4);  // three matrices, two norms of weight and bias
  const Tensor x = normal(Random(7) / "x", {5, 3}, 0, 1, f64);
  std::vector<Row> h = rows(x);
  for (size_t l = 0; l < 3; ++l) {
    const auto w = rows(head.linears[l].weight);
    std::vector<Row> y(5);
    for (size_t n = 0; n < 5; ++n)
      for (const Row& unit : w) y[n].push_back(dot(unit, h[n]));
    for (size_t c = 0; c < w.size(); ++c) {
      double m = 0, v = 0;
      for (const Row& r : y) m += r[c] / 5;
      for (const Row& r : y) v += (r[c] - m) * (r[c] - m) / 5;
      for (Row& r : y) {
        r[c] = (r[c] - m) / std::sqrt(v + 1e-5);
        if (l < 2) r[c] = std::max(r[c], 0.0);
      }
    }
    h = y;
  }
  const Tensor got = head(x);
  for (int64_t n = 0; n < 5; ++n)
    for (int64_t c = 0; c < 2; ++c)
      CHECK(got[n][c].item() == Approx(h[static_cast<size_t>(n)][static_cast<size_t>(c)]));
  const Head plain(Random(7), {.in = 3, .hidden = 4, .out = 2, .last_norm = false, .dtype = f64});
  CHECK(largest(batch_norm(plain(x), Tensor(), Tensor(), BatchNormOptions{}) - got) < 1e-12);
  CHECK_THROWS_AS(Head(Random(0), {.in = 0}), ConfigError);
}

TEST_CASE("14: one lower layer's loss reaches what lies below it, and nothing else") {
  for (const Base base : {Base::simclr, Base::byol, Base::mocov3}) {
    const Options o = options(base);
    Student s(Random(8), o, small());
    const Teacher t = base == Base::simclr ? Teacher{} : teacher_of(s);
    Context ctx;
    const size_t l = 1;
    const auto q = [&](const Tensor& x) {
      const Tensor z = s.projectors[l](s.net.features(x, ctx)[l]);
      return base == Base::simclr ? z : s.predictors[l](z);
    };
    const Tensor a = images("a"), b = images("b"), k = normal(Random(8) / "k", {4, 5}, 0, 1, f64);
    const Tensor loss = base == Base::simclr ? nt_xent(cat({q(a), q(b)}, 0), cat({k, k}, 0), 0.2)
                        : base == Base::byol ? byol(q(a), k)
                                             : info_nce(q(a), k, 0.2);
    const Student by_part = grad(loss, s, {.retain_graph = true, .allow_unused = true});
    for (const auto& [name, g] : gradients(s, loss)) {
      CAPTURE(name);
      const bool below = name == "net.cls" || name.rfind("net.layers.0.", 0) == 0 ||
                         name.rfind("net.layers.1.", 0) == 0 || name == "net.norm.weight",
                 own = name.rfind("projectors.1.", 0) == 0 || name.rfind("predictors.1.", 0) == 0;
      if (name.find("in_proj_bias") != std::string::npos) continue;  // by thirds below
      if (name == "net.norm.bias") {
        CHECK(g < 1e-10);  // a batch norm follows
      } else if (below || own) {
        CHECK(g > 1e-9);
      } else {
        CHECK(g == 0);
      }
    }
    for (size_t block = 0; block < 3; ++block)
      for (int64_t third = 0; third < 3; ++third) {
        const Tensor& bias = by_part.net.layers[block].self_attn.in_proj_bias;
        const double most = bias.defined() ? largest(slice(bias, 0, 8 * third, 8 * third + 8)) : 0;
        if (block > l) {
          CHECK(most == 0);
        } else if (third == 1) {
          CHECK(most < 1e-10);  // one number more on all of a query's products
        } else {
          CHECK(most > 1e-9);
        }
      }
  }
}

TEST_CASE("the three terms and their sum, from features and heads alone") {
  for (const Base base : {Base::simclr, Base::byol, Base::mocov3})
    for (const Lower lower : {Lower::none, Lower::mean, Lower::sum})
      for (const bool predictors : {false, true}) {
        CAPTURE(static_cast<int>(base));
        CAPTURE(static_cast<int>(lower));
        Options o = options(base, lower);
        o.predictors = predictors;
        const Student s(Random(9), o, small());
        Teacher t;
        if (o.has_target()) {
          t = teacher_of(s);
          t.net = Vit(Random(10), small());  // a target of its own
        }
        const Tensor view[] = {images("a"), images("b")};
        const double alpha = 0.37;
        const Losses got = losses(s, t, view[0], view[1], alpha, o);
        Context ctx;
        std::vector<Tensor> z[2], q[2];
        Tensor k[2];
        for (int v = 0; v < 2; ++v) {
          const std::vector<Tensor> f = s.net.features(view[v], ctx);
          const size_t first = lower == Lower::none ? 2 : 0;
          for (size_t l = first; l < 3; ++l) z[v].push_back(s.projectors[l - first](f[l]));
          if (!o.has_target()) continue;
          for (size_t l = 0; l < z[v].size(); ++l) q[v].push_back(s.predictors[l](z[v][l]));
          k[v] = t.projector(t.net(view[v]));
        }
        const auto one = [&](const Tensor& a, const Tensor& b) {
          return (base == Base::byol ? byol(a, b) : info_nce(a, b, o.tau)).item();
        };
        double out = 0, mid = 0, pred = 0;
        if (base == Base::simclr) {
          const Tensor last = cat({z[0].back(), z[1].back()}, 0);
          out = nt_xent(last, o.tau).item();
          for (size_t l = 0; l + 1 < z[0].size(); ++l)
            mid += nt_xent(cat({z[0][l], z[1][l]}, 0), last, o.tau).item() / 2;
        } else {
          out = one(q[0].back(), k[1]) + one(q[1].back(), k[0]);
          for (size_t l = 0; l + 1 < q[0].size(); ++l)
            mid += (one(q[0][l], k[1]) + one(q[1][l], k[0])) / 2;
          for (size_t l = 0; l < q[0].size(); ++l) pred += one(q[0][l], k[1]) + one(q[1][l], k[0]);
        }
        CHECK(got.out.item() == Approx(out).epsilon(1e-10));
        const bool low = lower != Lower::none, has_pred = low && predictors && o.has_target();
        REQUIRE(got.mid.defined() == low);
        REQUIRE(got.pred.defined() == has_pred);
        double total = out;
        if (low) {
          CHECK(got.mid.item() == Approx(mid).epsilon(1e-10));
          total += alpha * mid * (lower == Lower::sum ? 2 : 1);
        }
        if (has_pred) total += pred;
        CHECK(got.total.item() == Approx(total).epsilon(1e-10));
        CHECK(!got.keys.requires_grad());
        // the targets, of unit length
        const std::vector<Row> keys = rows(got.keys),
                               targets = rows(o.has_target() ? cat({k[0], k[1]}, 0)
                                                             : cat({z[0].back(), z[1].back()}, 0));
        REQUIRE(keys.size() == targets.size());
        for (size_t i = 0; i < keys.size(); ++i) {
          CHECK(dot(keys[i], keys[i]) == Approx(1));
          CHECK(cosine(keys[i], targets[i]) == Approx(1).epsilon(1e-12));
        }
      }
}

TEST_CASE(
    "a student's heads: sizes by layer, norms at their ends by base; SimCLR's both sides learn") {
  for (const Base base : {Base::simclr, Base::byol, Base::mocov3}) {
    const Student s(Random(9), options(base), small()),
        alone(Random(9), options(base, Lower::none), small());
    REQUIRE(s.projectors.size() == 3);
    REQUIRE(alone.projectors.size() == 1);
    REQUIRE(s.predictors.size() == (base == Base::simclr ? 0 : 3));
    for (size_t l = 0; l < 3; ++l) {
      const int64_t hidden = l == 2 ? 7 : 6;
      CHECK(s.projectors[l].linears[0].weight.shape() == Shape{hidden, 8});
      CHECK(s.projectors[l].linears[1].weight.shape() == Shape{hidden, hidden});
      CHECK(s.projectors[l].linears[2].weight.shape() == Shape{5, hidden});
      CHECK(s.projectors[l].last_norm == (base != Base::byol));
      if (base == Base::simclr) continue;
      CHECK(s.predictors[l].linears[0].weight.shape() == Shape{6, 5});
      CHECK(s.predictors[l].linears.size() == 2);
      CHECK(s.predictors[l].last_norm == (base != Base::byol));
    }
  }
  const Student s(Random(9), options(Base::simclr), small());
  const Tensor a = images("a"), b = images("b");
  const Student got = grad(losses(s, {}, a, b, 0.5, options(Base::simclr)).out, s);
  const auto z = [&](const Tensor& x) { return s.projectors[2](s.net(x)); };
  const Student told = grad(nt_xent(cat({z(a), z(b)}, 0), 0.2), s);
  CHECK(largest(got.net.cls - told.net.cls) < 1e-12);
  CHECK(largest(told.net.cls) > 1e-6);
}

TEST_CASE("15: targets have no gradient; SimCLR's lower layers move no last projector and block") {
  for (const Base base : {Base::byol, Base::mocov3}) {
    const Options o = options(base);
    const Student s(Random(11), o, small());
    // a target that would take gradients
    const Teacher t = as_leaves(teacher_of(s), true);
    const Teacher g =
        grad(losses(s, t, images("a"), images("b"), 0.5, o).total, t, {.allow_unused = true});
    each(g, [](const std::string&, const Tensor& x, bool is_buffer) {
      if (!is_buffer) CHECK(largest(x) == 0);
    });
  }
  const Student s(Random(11), options(Base::simclr), small());
  const Losses l = losses(s, {}, images("a"), images("b"), 0.5, options(Base::simclr));
  for (const auto& [name, g] : gradients(s, l.mid)) {
    CAPTURE(name);
    if (name.rfind("projectors.2.", 0) == 0 || name.rfind("net.layers.2.", 0) == 0) CHECK(g == 0);
    if (name.rfind("projectors.0.", 0) == 0) CHECK(g > 0);
  }
}

TEST_CASE("16: L_pred alone reaches predictors alone; alpha climbs along half a cosine") {
  for (const Base base : {Base::byol, Base::mocov3}) {
    const Options o = options(base);
    const Student s(Random(12), o, small());
    const Losses l = losses(s, teacher_of(s), images("a"), images("b"), 0.5, o);
    for (const auto& [name, g] : gradients(s, l.pred)) {
      CAPTURE(name);
      CHECK((g > 0) == (name.rfind("predictors.", 0) == 0));
    }
  }
  const Options o{.alpha_end = 0.8};
  CHECK(alpha(o, 0, 100) == 0);
  CHECK(alpha(o, 50, 100) == Approx(0.4));
  CHECK(alpha(o, 100, 100) == Approx(0.8));
  CHECK(alpha(o, 25, 100) == Approx(0.8 * (1 - std::sqrt(0.5)) / 2));
}

TEST_CASE("20: the target begins as the student with its last projector, and follows it") {
  const Options o = options(Base::mocov3);
  Learner learner(Random(13), o, small(), 10, {.lr = 0.01});
  CHECK(learner.teacher.net.cls.to_vector() == learner.student.net.cls.to_vector());
  CHECK(learner.teacher.projector.linears[0].weight.to_vector() ==
        learner.student.projectors[2].linears[0].weight.to_vector());
  const Row before = learner.teacher.projector.linears[0].weight.to_vector(),
            net_before = learner.teacher.net.layers[0].linear1.weight.to_vector();
  for (int64_t i = 0; i < 2; ++i) learner.learn(images("a"), images("b"), i);
  Row expect = before;
  Learner again(Random(13), o, small(), 10, {.lr = 0.01});
  std::vector<double> told = net_before;
  for (int64_t i = 0; i < 2; ++i) {
    again.learn(images("a"), images("b"), i);
    const double m = 1 - (1 - 0.996) * (std::cos(M_PI * static_cast<double>(i) / 10) + 1) / 2;
    const Row now = again.student.projectors[2].linears[0].weight.to_vector(),
              net_now = again.student.net.layers[0].linear1.weight.to_vector();
    for (size_t j = 0; j < expect.size(); ++j) expect[j] = m * expect[j] + (1 - m) * now[j];
    for (size_t j = 0; j < told.size(); ++j) told[j] = m * told[j] + (1 - m) * net_now[j];
  }
  const Row got = learner.teacher.projector.linears[0].weight.to_vector(),
            net_got = learner.teacher.net.layers[0].linear1.weight.to_vector();
  for (size_t j = 0; j < got.size(); ++j) CHECK(got[j] == Approx(expect[j]).epsilon(1e-12));
  for (size_t j = 0; j < told.size(); ++j) CHECK(net_got[j] == Approx(told[j]).epsilon(1e-12));
  CHECK(cosine_momentum(0.996, 0, 10) == Approx(0.996));
  CHECK(cosine_momentum(0.996, 10, 10) == 1);
}

TEST_CASE("21: with alpha 0 and no L_pred the body's gradient is the base's") {
  for (const Base base : {Base::simclr, Base::byol, Base::mocov3}) {
    Options o = options(base), alone = options(base, Lower::none);
    o.predictors = false;
    const Student s(Random(14), o, small()), b(Random(14), alone, small());
    // the same last head
    CHECK(s.projectors[2].linears[0].weight.to_vector() ==
          b.projectors[0].linears[0].weight.to_vector());
    const Teacher t = teacher_of(b);
    const Tensor x = images("a"), y = images("b");
    const Student g = grad(losses(s, t, x, y, 0, o).total, s, {.allow_unused = true}),
                  h = grad(losses(b, t, x, y, 0, alone).total, b);
    std::map<std::string, Row> base_of;
    each(h.net, [&](const std::string& name, const Tensor& v, bool is_buffer) {
      if (!is_buffer) base_of[name] = v.to_vector();
    });
    each(g.net, [&](const std::string& name, const Tensor& v, bool is_buffer) {
      if (is_buffer) return;
      const Row got = v.to_vector(), expect = base_of.at(name);
      for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expect[i]).epsilon(1e-9));
    });
  }
}

TEST_CASE("the learner's steps: AdamW on matrices with decay, vectors without; LARS") {
  for (const bool lars : {false, true}) {
    const Options o = options(Base::simclr);
    const Training t{.lr = 0.02, .weight_decay = 0.3, .warmup = 0.25, .lars = lars};
    Learner learner(Random(15), o, small(), 8, t);
    std::map<std::string, Row> p, m, v;
    for (const auto& [name, x] : named_parameters(learner.student)) {
      p[name] = x.to_vector();
      m[name] = v[name] = Row(p[name].size(), 0);
    }
    for (int64_t i = 0; i < 4; ++i) {
      const Losses l = losses(learner.student, {}, images("a"), images("b"), alpha(o, i, 8), o);
      const Student g = grad(l.total, learner.student);
      std::map<std::string, std::pair<Row, bool>> gradient;
      each(g, [&](const std::string& name, const Tensor& x, bool is_buffer) {
        if (!is_buffer) gradient[name] = {x.to_vector(), x.dim() > 1};
      });
      // a climb over two steps, then half a cosine over six
      const double lr = i < 2 ? 0.02 * static_cast<double>(i) / 2
                              : 0.02 * (1 + std::cos(M_PI * static_cast<double>(i - 2) / 6)) / 2;
      learner.learn(images("a"), images("b"), i);
      for (auto& [name, w] : p) {
        const auto& [d, matrix] = gradient.at(name);
        Row step = d;
        const double decay = matrix ? 0.3 : 0;
        if (lars) {
          for (size_t j = 0; j < w.size(); ++j) step[j] += decay * w[j];
          const double a = std::sqrt(dot(w, w)), b = std::sqrt(dot(step, step)),
                       trust = matrix && a > 0 && b > 0 ? 0.001 * a / b : 1;
          for (size_t j = 0; j < w.size(); ++j)
            m[name][j] = 0.9 * m[name][j] + trust * step[j], w[j] -= lr * m[name][j];
          continue;
        }
        for (size_t j = 0; j < w.size(); ++j) {
          m[name][j] = 0.9 * m[name][j] + 0.1 * d[j];
          v[name][j] = 0.999 * v[name][j] + 0.001 * d[j] * d[j];
          const double n = static_cast<double>(i + 1), mh = m[name][j] / (1 - std::pow(0.9, n)),
                       vh = v[name][j] / (1 - std::pow(0.999, n));
          w[j] = w[j] * (1 - lr * decay) - lr * mh / (std::sqrt(vh) + 1e-8);
        }
      }
    }
    for (const auto& [name, x] : named_parameters(learner.student)) {
      CAPTURE(name);
      const Row got = x.to_vector();
      // gradients that are 0 but for rounding have a direction of Adam's own
      if (name == "net.norm.bias" || name.find("in_proj_bias") != std::string::npos) continue;
      for (size_t j = 0; j < got.size(); ++j) CHECK(got[j] == Approx(p[name][j]).epsilon(1e-7));
    }
  }
}

TEST_CASE("24: the step size: 0 first, its peak at the climb's end, nearly 0 at the end") {
  const auto lr = cosine_with_warmup(1.5e-4, 100, 0.1);
  CHECK(lr(0) == 0);
  CHECK(lr(10) == Approx(1.5e-4));
  CHECK(lr(9) < lr(10));
  CHECK(lr(11) < lr(10));
  CHECK(lr(99) < 1e-7);
}

TEST_CASE("a derivative of a derivative goes through the ViT and its losses") {
  const Options o = options(Base::simclr, Lower::none);
  const Student s(Random(16), o, small());
  const Tensor x = images("a", 2), y = images("b", 2);
  const auto loss = [&](const Tensor& cls) {
    Student at = s;
    at.net.cls = cls;
    return losses(at, {}, x, y, 0, o).total;
  };
  const Tensor c = normal(Random(16) / "c", {1, 8}, 0, 1, f64),
               d = normal(Random(16) / "d", {1, 8}, 0, 1, f64);
  const Tensor at = c.detach().requires_grad_();
  const Tensor g = grad(loss(at), at, {.create_graph = true});
  const Tensor second = grad(sum(g * d), at);
  const double e = 1e-5;
  const auto first = [&](double t) {
    const Tensor p = (c + d * t).detach().requires_grad_();
    return grad(loss(p), p);
  };
  const Tensor numeric = (first(e) - first(-e)) / (2 * e);
  for (int64_t i = 0; i < 8; ++i)
    CHECK(second[0][i].item() == Approx(numeric[0][i].item()).epsilon(1e-5));
}
