// BC-ResNet for keywords and for acoustic scenes: exact counts and facts (audio.md section 4,
// checks 16-22), depthwise kernels, the same bits.
#include <doctest/doctest.h>

#include <regrad/engine/parallel.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/optim.h>

#include <set>
#include <string>

using namespace regrad;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
double largest(const Tensor& a) { return amax(abs(a)).item(); }
Tensor drawn(const char* name, const Shape& s, DType t = DType::f64) {
  return normal(Random(9) / name, s, 0, 1, t);
}

// The net with its norms' parameters and running statistics away from 1 and 0, as after training.
template <class Net>
Net trained(Net net) {
  int i = 0;
  const Random r = Random(9) / "trained";
  each(net, [&](const std::string& name, Tensor& t, bool is_buffer) {
    if (t.dim() != 1) return;
    const Tensor v = normal(r / i++, t.shape(), 0, 0.2, t.dtype());
    t = is_buffer ? (name.find("var") != std::string::npos ? exp(v) : v)
                  : (t + v).detach().requires_grad_();
  });
  return net;
}

}  // namespace

TEST_CASE("16: parameter counts of both families; norms add none") {
  const Random r(1);
  const auto words = [&](double tau) { return parameter_count(BcResnet(r, {.tau = tau})); };
  CHECK(words(1) == 9232);
  CHECK(words(1.5) == 17154);
  CHECK(words(2) == 27284);
  CHECK(words(3) == 54168);
  CHECK(words(6) == 187812);
  CHECK(words(8) == 321068);
  for (const FreqNorm n : {FreqNorm::none, FreqNorm::in, FreqNorm::ifn, FreqNorm::ln,
                           FreqNorm::resnorm, FreqNorm::rfn, FreqNorm::global}) {
    const auto scenes = [&](double tau) {
      return parameter_count(BcResnetAsc(r, {.tau = tau, .norm = n}));
    };
    CAPTURE(name(n));
    CHECK(freq_norm(name(n)) == n);
    CHECK(scenes(1) == 8055);
    CHECK(scenes(2) == 25050);
    CHECK(scenes(4) == 85890);
    CHECK(scenes(8) == 314970);
  }
  // BIN: weight, bias and rho of a channel; on the input and after stages of c, 1.5c, 2c and 2.5c
  // channels.
  CHECK(parameter_count(BcResnetAsc(r, {.norm = FreqNorm::bin})) ==
        8055 + 3 * (1 + 10 + 15 + 20 + 25));
  CHECK(parameter_count(BcResnetAsc(r, {.norm = FreqNorm::bin, .input_only = true})) == 8055 + 3);
  CHECK_THROWS_AS(freq_norm("batch"), ConfigError);
  CHECK_THROWS_AS(BcResnet(r, {.tau = 0.3}), ConfigError);
}

TEST_CASE("17: blocks and stages of the net of 314,970") {
  const Random r(1);
  CHECK(parameter_count(BcBlock(r, 160, 80, {.transition = true})) == 20640);
  CHECK(parameter_count(BcBlock(r, 80, 80, {})) == 7680);
  CHECK_THROWS_AS(BcBlock(r, 80, 60, {}), ConfigError);
  const BcResnetAsc net(r, {.tau = 8});
  CHECK(parameter_count(net.head) + parameter_count(net.head_norm) == 4320);
  const int64_t of[] = {28320, 42480, 75840, 162000};
  for (size_t s = 0; s < 4; ++s) {
    int64_t total = 0;
    for (const BcBlock& b : net.stages[s]) total += parameter_count(b);
    CHECK(total == of[s]);
  }
  CHECK(parameter_count(net.classifier) == 2010);
  int64_t convolutions = 0, weights = 0;
  for (const Tensor& t : parameters(net))
    if (t.dim() == 4) ++convolutions, weights += t.numel();
  CHECK(convolutions == 33);
  CHECK(weights == 300320);
}

TEST_CASE(
    "18: shapes from 256 x 334 to ten logits; a number of frequencies that its bands do not divide "
    "is refused") {
  const BcResnetAsc net(Random(2), {});
  Context ctx;
  const Tensor x = drawn("x", {1, 1, 256, 334}, DType::f32);
  const std::vector<Tensor> maps = net.activations(x, ctx);
  const Shape of[] = {
      {1, 20, 128, 167}, {1, 10, 128, 167}, {1, 15, 64, 83}, {1, 20, 32, 41}, {1, 25, 32, 41}};
  CHECK(maps.size() == 5);
  for (size_t i = 0; i < maps.size(); ++i) CHECK(maps[i].shape() == of[i]);
  CHECK(net(x).shape() == Shape{1, 10});
  CHECK(net(drawn("x", {2, 1, 64, 33}, DType::f32)).shape() == Shape{2, 10});
  CHECK_THROWS_AS(net(drawn("x", {1, 1, 40, 98}, DType::f32)), ShapeError);
  CHECK(BcResnetAsc(Random(2), {.bands = 5})(drawn("x", {1, 1, 40, 98}, DType::f32)).shape() ==
        Shape{1, 10});
  CHECK(BcResnet(Random(2), {})(drawn("x", {2, 1, 40, 101}, DType::f32)).shape() == Shape{2, 12});
  CHECK_THROWS_AS(BcResnet(Random(2), {.bands = 4})(drawn("x", {2, 1, 40, 101}, DType::f32)),
                  ShapeError);
}

TEST_CASE(
    "19: a column of the logit map sees frames 8t - 54 .. 8t + 60; every row of it sees every "
    "frequency") {
  const BcResnetAsc net = trained(BcResnetAsc(Random(3), {.dtype = DType::f64}));
  const int64_t frames = 200, t = 11, first = 8 * t - 54, last = 8 * t + 60;
  Tensor reached = zeros({frames}, DType::f64);
  for (int draw = 0; draw < 4; ++draw) {
    const Tensor x = drawn("frames", {2, 1, 32, frames}) +
                     normal(Random(draw), {2, 1, 32, frames}, 0, 1, DType::f64);
    const Tensor leaf = x.detach().requires_grad_();
    Context ctx;
    const Tensor map = net.logit_map(leaf, ctx);
    CHECK(map.shape() == Shape{2, 10, 4, 25});
    reached = reached + sum(abs(grad(sum(square(slice(map, 3, t, t + 1))), leaf)), {0, 1, 2});
  }
  CHECK(largest(slice(reached, 0, 0, first)) == 0);
  CHECK(largest(slice(reached, 0, last + 1, frames)) == 0);
  CHECK(reached[first].item() > 0);
  CHECK(reached[last].item() > 0);

  const Tensor x = drawn("rows", {1, 1, 32, 64});
  const Tensor changed = cat({slice(x, 2, 0, 1) + 3, slice(x, 2, 1, 32)}, 2);
  Context ctx;
  const Tensor difference = abs(net.logit_map(changed, ctx) - net.logit_map(x, ctx));
  CHECK(amin(amax(difference, {0, 1, 3})).item() > 1e-6);
  // With a norm over frames the whole clip is seen.
  const BcResnetAsc normed =
      trained(BcResnetAsc(Random(3), {.norm = FreqNorm::resnorm, .dtype = DType::f64}));
  const Tensor leaf = drawn("frames", {1, 1, 32, frames}).requires_grad_();
  CHECK(sum(abs(slice(grad(sum(square(slice(normed.logit_map(leaf, ctx), 3, t, t + 1))), leaf), 3,
                      0, first)))
            .item() > 0);
}

TEST_CASE(
    "20, 21: a block without weights is ReLU or nothing; f1 is one row, and drops whole channels") {
  const Tensor x = drawn("x", {3, 6, 8, 9});
  Context ctx;
  for (const bool transition : {false, true}) {
    const BcBlock block(Random(4), 6, 6, {.transition = transition, .dtype = DType::f64});
    BcBlock empty = block;
    for (Conv2d* c : {&empty.over_freq, &empty.over_time, &empty.mix})
      c->weight = zeros_like(c->weight);
    CHECK(apart(empty(x, ctx), transition ? zeros_like(x) : relu(x)) == 0);
  }
  const BcBlock block =
      trained(BcBlock(Random(4), 6, 6, {.dropout = 0.5, .index = 7, .dtype = DType::f64}));
  const Tensor f2 = block.freq_norm(block.over_freq(x), ctx), f1 = block.f1(f2, ctx);
  CHECK(f1.shape() == Shape{3, 6, 1, 9});
  CHECK(apart(block(x, ctx), relu(x + f2 + f1)) < 1e-12);

  Context training{.training = true, .random = Random(5)}, still{.training = true};
  const Tensor dropped = block.f1(f2, training), whole = block.f1(f2, still);
  int64_t zero = 0, kept = 0;
  for (int64_t n = 0; n < 3; ++n)
    for (int64_t c = 0; c < 6; ++c) {
      const bool is_zero = largest(dropped[n][c]) == 0;
      ++(is_zero ? zero : kept);
      if (!is_zero) CHECK(apart(dropped[n][c], whole[n][c] * 2) < 1e-12);
    }
  CHECK(zero > 0);
  CHECK(kept > 0);
  Context after{.random = Random(5)};
  CHECK(apart(block.f1(f2, after), f1) == 0);
}

TEST_CASE("22: the mean of the classifier's map is the classifier of the mean") {
  const BcResnetAsc net =
      trained(BcResnetAsc(Random(6), {.norm = FreqNorm::rfn, .lambda = 0.5, .dtype = DType::f64}));
  const Tensor x = drawn("x", {2, 1, 32, 40});
  Context ctx;
  CHECK(apart(mean(net.logit_map(x, ctx), {2, 3}), net(x)) < 1e-10);
}

TEST_CASE(
    "behind instance norm the mean over the map carries nothing, so that net has none after the "
    "last "
    "stage") {
  const Tensor x = drawn("x", {4, 1, 32, 24}, DType::f32),
               all = drawn("map", {4, 25, 4, 3}, DType::f32);
  CHECK(max(abs(mean(plain_instance_norm(all), {2, 3}))).item() < 1e-5);
  const BcResnetAsc net(Random(7), {.norm = FreqNorm::in});
  CHECK(net.norms[3].kind == FreqNorm::in);
  CHECK(net.norms[4].kind == FreqNorm::none);
  const Tensor y = net(x);
  CHECK(max(abs(slice(y, 0, 0, 1) - slice(y, 0, 1, 2))).item() > 1e-3 * max(abs(y)).item());
}

// A step h down the slope lowers the loss by h |g|^2, in f64 on any CPU; where a longer training
// ends is decided by its last bits.
static void check_descent(const BcResnetAsc& start, const Tensor& x, const Tensor& y) {
  const BcResnetAsc net = as_leaves(start);
  const auto loss_of = [&](const BcResnetAsc& here) {
    Context ctx{.training = true};
    return cross_entropy(here(x, ctx), y);
  };
  const Tensor loss = loss_of(net);
  std::vector<Tensor> p = parameters(net);
  const std::vector<Tensor> g = parameters(grad(loss, net));
  double slope = 0;
  for (const Tensor& t : g) slope += sum(square(t)).item();
  const double fall = 1e-6;
  for (size_t k = 0; k < p.size(); ++k) p[k] = (p[k] - g[k] * (fall / slope)).detach();
  CHECK(loss.item() - loss_of(at(net, p)).item() == doctest::Approx(fall).epsilon(1e-3));
}

TEST_CASE(
    "every kind of norm at its places: a step of training lowers the loss, a clip's answer is its "
    "own") {
  const Tensor x = drawn("x", {6, 1, 32, 24}, DType::f32),
               y = tensor({0, 1, 2, 0, 1, 2}, DType::i64);
  for (const FreqNorm n : {FreqNorm::none, FreqNorm::in, FreqNorm::ifn, FreqNorm::ln,
                           FreqNorm::resnorm, FreqNorm::rfn, FreqNorm::bin, FreqNorm::global}) {
    CAPTURE(name(n));
    BcResnetAsc net(Random(7), {.classes = 3, .norm = n, .dropout = 0});
    if (n == FreqNorm::global) {
      CHECK_THROWS_AS(net(x), ConfigError);
      FreqStatistics seen;
      seen.add(x);
      net.norms[0].global = seen.norm();
    }
    check_descent(to(net, DType::f64), x.to(DType::f64), y);
    const Sgd sgd{.lr = 0.02, .momentum = 0.9};
    Sgd::State state;
    for (int i = 0; i < 12; ++i) {
      Context ctx{.training = true};
      const BcResnetAsc g = grad(cross_entropy(net(x, ctx), y), net);
      net = clip_bin(commit(update(sgd, std::move(net), state, g), ctx));
    }
    CHECK(apart(slice(net(x), 0, 1, 2), net(slice(x, 0, 1, 2))) < 1e-4);
    CHECK(net.norms[3].kind == (n == FreqNorm::global ? FreqNorm::none : n));
  }
}

TEST_CASE("a whole net's gradient by differences, first and second order") {
  const BcResnetAsc net = trained(BcResnetAsc(
      Random(8),
      {.tau = 0.2, .classes = 3, .norm = FreqNorm::resnorm, .dropout = 0, .dtype = DType::f64}));
  const Tensor x = drawn("x", {2, 1, 32, 16}), y = tensor({2, 0}, DType::i64),
               direction = drawn("d", {2, 1, 32, 16});
  const auto loss_at = [&](const Tensor& at) {
    Context ctx{.training = true};
    return cross_entropy(net(at, ctx), y);
  };
  const auto slope_at = [&](const Tensor& at, bool graph) {
    return sum(grad(loss_at(at), at, {.create_graph = graph}) * direction);
  };
  const Tensor leaf = x.detach().requires_grad_();
  const double h = 1e-6;
  const auto moved = [&](double by) { return (x + direction * by).detach().requires_grad_(); };
  const double slope = slope_at(leaf, false).item();
  CHECK(std::abs(slope - (loss_at(moved(h)).item() - loss_at(moved(-h)).item()) / (2 * h)) <
        1e-5 * (1 + std::abs(slope)));
  CHECK(std::abs(slope - slope_at(leaf, true).item()) < 1e-12 * (1 + std::abs(slope)));
  const double curvature = sum(grad(slope_at(leaf, true), leaf) * direction).item();
  CHECK(std::abs(curvature -
                 (slope_at(moved(h), false).item() - slope_at(moved(-h), false).item()) / (2 * h)) <
        1e-4 * (1 + std::abs(curvature)));
}

TEST_CASE("depthwise kernels, all three passes, against the plain loops in f64") {
  struct Size {
    int64_t n, c, h, w, kh, kw;
    ConvOptions o;
  };
  for (const Size& s :
       {Size{3, 8, 20, 31, 3, 1, {.stride = {2, 1}, .padding = {1, 0}}},
        Size{9, 20, 1, 101, 1, 3, {.padding = {0, 8}, .dilation = {1, 8}}},
        Size{5, 20, 5, 17, 5, 5, {.padding = {0, 2}}}, Size{2, 1, 7, 9, 3, 3, {.padding = 1}},
        Size{1, 512, 3, 4, 3, 3, {.padding = 1}}, Size{2, 513, 3, 4, 3, 3, {.padding = 1}},
        Size{2, 7, 4, 3, 3, 5, {.padding = {3, 6}, .dilation = {2, 3}}},
        Size{2, 300, 6, 5, 2, 3, {.stride = {3, 1}, .padding = {0, 1}}},
        Size{2, 3, 40, 6, 33, 1, {.padding = {16, 0}}},
        Size{2, 6, 3, 40, 1, 32, {.padding = {0, 16}}},
        Size{1, 4, 9, 50, 7, 7, {.stride = {2, 1}, .padding = 3}},
        Size{4, 12, 8, 8, 3, 3, {.stride = 2, .padding = 1}}}) {
    CAPTURE(s.c);
    CAPTURE(s.kh);
    ConvOptions o = s.o;
    o.groups = s.c;
    const Tensor x = drawn("dx", {s.n, s.c, s.h, s.w}).requires_grad_(),
                 w = drawn("dw", {s.c, 1, s.kh, s.kw}).requires_grad_();
    const Tensor y = conv2d(x, w, {}, o), u = drawn("du", y.shape());
    const Tensor x32 = x.to(DType::f32).detach().requires_grad_(),
                 w32 = w.to(DType::f32).detach().requires_grad_(), y32 = conv2d(x32, w32, {}, o);
    CHECK(apart(y32, y) < 2e-6 * largest(y));
    const auto g = grad(TensorList(y), {x, w}, {.grad_outputs = u}),
               g32 = grad(TensorList(y32), {x32, w32}, {.grad_outputs = u.to(DType::f32)});
    for (size_t i = 0; i < 2; ++i) CHECK(apart(g32[i], g[i]) < 2e-6 * largest(g[i]));
  }
}

TEST_CASE("20 steps of either net with dropout: one hash on 1, 2, 3, 4 and 8 threads") {
  const auto hash_of = [](const auto& net) {
    uint64_t h = 0xcbf29ce484222325;  // FNV-1a
    each(net, [&](const std::string&, const Tensor& t, bool) {
      const Tensor dense = t.detach().contiguous();
      const auto* bytes = reinterpret_cast<const unsigned char*>(dense.data<float>());
      for (int64_t i = 0; i < dense.numel() * 4; ++i) h = (h ^ bytes[i]) * 0x100000001b3;
    });
    return h;
  };
  const auto train = [&](auto net, int64_t mels, int64_t classes) {
    const Random r(10);
    const Tensor x = normal(r / "x", {11, 1, mels, 61}), y = randint(r / "y", 0, classes, {11});
    const Sgd sgd{.lr = 0.05, .momentum = 0.9};
    Sgd::State state;
    for (int i = 0; i < 20; ++i) {
      Context ctx{.training = true, .random = r / "step" / i};
      const Tensor loss = cross_entropy(net(x, ctx), y);
      const auto g = grad(loss, net);
      net = commit(update(sgd, std::move(net), state, g), ctx);
    }
    return hash_of(net);
  };
  const int before = num_threads();
  std::set<uint64_t> words, scenes;
  for (const int threads : {1, 2, 3, 4, 8}) {
    set_num_threads(threads);
    words.insert(train(BcResnet(Random(11), {}), 40, 12));
    scenes.insert(train(BcResnetAsc(Random(12), {.norm = FreqNorm::resnorm}), 64, 10));
  }
  set_num_threads(before);
  CHECK(words.size() == 1);
  CHECK(scenes.size() == 1);
}
