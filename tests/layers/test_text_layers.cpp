// LSTM, attention, encoder blocks and the text nets against PyTorch, values and gradients
// (text_layers.py), and by differences at second order.
#include <doctest/doctest.h>

#include <regrad/layers/nets/bilstm.h>
#include <regrad/layers/nets/transformer.h>

#include "../temp_folder.h"
#include "text_fixture.h"

using namespace regrad;
using namespace regrad::test;

namespace {

const TensorFile& fixture() {
  static const TensorFile file = load_safetensors(REGRAD_TEXT_LAYERS);
  return file;
}
Case of(const std::string& name) { return {fixture(), name}; }
Tensor leaf(const Tensor& x) { return x.detach().requires_grad_(); }

constexpr DType f64 = DType::f64;
constexpr double close_to = 1e-12;

// d/dt and d2/dt2 of loss at params + t direction, by sweeps against differences of them.
template <class Loss>
void check_orders(const std::vector<Tensor>& at, Loss&& loss) {
  std::vector<Tensor> direction;
  for (size_t i = 0; i < at.size(); ++i)
    direction.push_back(
        normal(Random(99) / static_cast<int64_t>(i), at[i].shape(), 0, 1, at[i].dtype()));
  const auto moved = [&](double by) {
    std::vector<Tensor> p;
    for (size_t i = 0; i < at.size(); ++i) p.push_back(leaf(at[i] + direction[i] * by));
    return p;
  };
  const auto along = [&](const std::vector<Tensor>& g) {
    Tensor total = scalar(0, f64);
    for (size_t i = 0; i < g.size(); ++i) total = total + sum(g[i] * direction[i]);
    return total;
  };
  const auto slope = [&](double by, bool graph) {
    const std::vector<Tensor> p = moved(by);
    return along(grad(TensorList(loss(p)), TensorList(p), {.create_graph = graph})).item();
  };
  const double h = 1e-5, at_zero = slope(0, false);
  const auto value = [&](double by) { return loss(moved(by)).item(); };
  CHECK(std::abs(at_zero - (value(h) - value(-h)) / (2 * h)) < 1e-6 * (1 + std::abs(at_zero)));
  CHECK(std::abs(at_zero - slope(0, true)) < 1e-11 * (1 + std::abs(at_zero)));
  const std::vector<Tensor> p = moved(0);
  const Tensor first = along(grad(TensorList(loss(p)), TensorList(p), {.create_graph = true}));
  const double curvature = along(grad(TensorList(first), TensorList(p))).item();
  CHECK(std::abs(curvature) > 1e-3);
  CHECK(std::abs(curvature - (slope(h, false) - slope(-h, false)) / (2 * h)) <
        1e-5 * (1 + std::abs(curvature)));
}

}  // namespace

TEST_CASE("LSTM as PyTorch's on padded texts, one direction and both") {
  for (const bool both : {false, true}) {
    CAPTURE(both);
    const Case c = of(both ? "bilstm_layer" : "lstm");
    const LSTM net = c.net(LSTM(Random(1), 3, 2, {.bidirectional = both, .dtype = f64}));
    const Tensor x = leaf(c.in("x"));
    const LSTM::Output o = net(x, c.in("lengths"));
    CHECK(apart(o.y, c.out("y")) < close_to);
    CHECK(apart(o.h, c.out("h")) < close_to);
    CHECK(apart(o.c, c.out("c")) < close_to);
    CHECK(c.gradients_apart(net, {o.y, o.h, o.c}, {{"x", x}}) < close_to);
  }
}

TEST_CASE("LSTM: lengths, texts without tokens, errors") {
  const LSTM net(Random(2), 3, 4, {.bidirectional = true, .dtype = f64});
  const Tensor x = normal(Random(3), {3, 6, 3}, 0, 1, f64);
  const LSTM::Output o = net(x, tensor({4, 0, 2}, DType::i64));
  CHECK(o.y.shape() == Shape{3, 6, 8});
  CHECK(amax(abs(o.y[1])).item() == 0);
  CHECK(amax(abs(slice(o.y[0], 0, 4, 6))).item() == 0);
  CHECK(amax(abs(o.h[0][1])).item() == 0);
  CHECK(equal_bits(net(x).y[2], net(slice(x, 0, 2, 3)).y[0]));
  CHECK(net(zeros({2, 0, 3}, f64)).h.shape() == Shape{2, 2, 4});
  CHECK(complaint<ShapeError>([&] { net(x, tensor({7, 1, 1}, DType::i64)); }, "length 7") == "");
  CHECK(complaint<ShapeError>([&] { net(x, tensor({1, 1}, DType::i64)); }, "lengths [2]") == "");
  CHECK(complaint<ShapeError>([&] { net(x[0]); }, "[N,L,D]") == "");
  CHECK(complaint<ConfigError>([] { LSTM(Random(1), 3, 0, {}); }, "hidden") == "");
}

TEST_CASE("attention as PyTorch's, with a mask and without") {
  for (const char* name : {"attention", "attention_all"}) {
    CAPTURE(name);
    const Case c = of(name);
    const MultiheadAttention net = c.net(MultiheadAttention(Random(1), 6, 3));
    const Tensor x = leaf(c.in("x")),
                 mask = std::string(name) == "attention" ? c.in("mask") : Tensor();
    Context ctx;
    const Tensor y = net.padded(x, mask, ctx);
    CHECK(apart(y, c.out("y")) < close_to);
    CHECK(c.gradients_apart(net, {y}, {{"x", x}}) < close_to);
  }
}

TEST_CASE("attention of packed texts is that of padded ones at their tokens") {
  const MultiheadAttention net(Random(5), 8, 2, true, f64);
  const Tensor x = normal(Random(6), {3, 5, 8}, 0, 1, f64),
               mask = tensor({0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, {3, 5}, DType::b8);
  const Packed texts = pack(zeros({3, 5}, DType::i64), logical_not(mask));
  Context ctx;
  const Tensor packed = net(pack_rows(x, texts), texts.segment, ctx),
               padded = pack_rows(net.padded(x, mask, ctx), texts);
  CHECK(packed.shape() == Shape{9, 8});
  CHECK(apart(packed, padded) < close_to);
  CHECK(complaint<ShapeError>([&] { net.padded(x, mask[0], ctx); }, "key_padding_mask") == "");
  CHECK(complaint<DTypeError>([&] { net.padded(x, ones({3, 5}), ctx); }, "b8") == "");
  CHECK(complaint<ConfigError>([] { MultiheadAttention(Random(1), 8, 3); }, "3 heads") == "");
}

TEST_CASE("encoder layers as PyTorch's: pre-norm, post-norm, each activation, eps") {
  const struct {
    const char* name;
    bool first;
    Nonlinearity f;
  } kinds[] = {{"pre", true, Nonlinearity::gelu},
               {"post", false, Nonlinearity::gelu},
               {"post_tanh", false, Nonlinearity::gelu_tanh},
               {"pre_relu", true, Nonlinearity::relu}};
  for (const auto& kind : kinds) {
    CAPTURE(kind.name);
    const Case c = of(kind.name);
    const TransformerEncoderLayer net =
        c.net(TransformerEncoderLayer(Random(1), {.width = 4,
                                                  .heads = 2,
                                                  .inner = 5,
                                                  .eps = 1e-3,
                                                  .norm_first = kind.first,
                                                  .activation = kind.f}));
    const Tensor x = leaf(c.in("x"));
    Context ctx;
    const Tensor y = net.padded(x, c.in("mask"), ctx);
    CHECK(apart(y, c.out("y")) < close_to);
    CHECK(c.gradients_apart(net, {y}, {{"x", x}}) < close_to);
    const Packed texts = pack(zeros({2, 3}, DType::i64), logical_not(c.in("mask")));
    const Tensor packed = net(pack_rows(x, texts), texts.segment, ctx);
    CHECK(apart(packed, pack_rows(c.out("y"), texts)) < close_to);
  }
}

TEST_CASE("encoder layers: a batch without a mask, dropout in training alone") {
  TransformerEncoderLayer net(Random(4), {.width = 8, .heads = 2, .inner = 16, .dropout = 0.5});
  const Tensor x = normal(Random(7), {2, 3, 8});
  Context still, training{.training = true, .random = Random(1)};
  const Tensor y = net.padded(x, {}, still);
  CHECK(apart(y, net.padded(x, zeros({2, 3}, DType::b8), still)) < 1e-6);
  const Tensor dropped = net.padded(x, {}, training);
  CHECK(apart(dropped, y) > 0.1);
  CHECK(equal_bits(dropped, net.padded(x, {}, training)));
  Context other{.training = true, .random = Random(2)}, quiet{.training = true};
  CHECK(apart(net.padded(x, {}, other), dropped) > 0.1);
  CHECK(equal_bits(net.padded(x, {}, quiet), y));
  net.dropout_p = 0;
  CHECK(!equal_bits(net.padded(x, {}, training), y));
  net.inner_dropout_p = 0;
  CHECK(equal_bits(net.padded(x, {}, training), y));
  CHECK(parameter_count(net) == 3 * 64 + 24 + 72 + 144 + 136 + 32);
  const TransformerEncoderLayer no_bias(Random(4),
                                        {.width = 8, .heads = 2, .inner = 16, .qkv_bias = false});
  CHECK(parameter_count(no_bias) == parameter_count(net) - 24);
  CHECK(no_bias.padded(x, {}, still).shape() == x.shape());
}

TEST_CASE("the text nets as PyTorch's: features, logits, every gradient") {
  const TextOptions o{.words = 8, .width = 4, .dropout = 0, .word_dropout = 0, .dtype = f64};
  Context ctx;
  const auto check = [&](const char* name, const auto& like) {
    CAPTURE(name);
    const Case c = of(name);
    const auto net = c.net(like);
    const Tensor h = net.features(c.in("ids"), ctx), y = net(c.in("ids"), ctx);
    CHECK(apart(h, c.out("features")) < close_to);
    CHECK(apart(y, c.out("y")) < close_to);
    CHECK(c.gradients_apart(net, {h, y}) < close_to);
  };
  check("cnn", TextCnn(Random(1), o, 3, {1, 2, 4}));
  check("bilstm", BiLstm(Random(1), o, 3));
  check("transformer",
        TextTransformer(Random(1), o, {.layers = 2, .heads = 2, .inner = 6, .most = 6}));
}

TEST_CASE("first and second order by differences: LSTM, encoder layers, the nets") {
  const Packed texts = packed_lengths({3, 1, 2});
  const Tensor x = normal(Random(8), {6, 4}, 0, 1, f64);
  const auto of_layer = [&](const auto& layer, auto&& run) {
    std::vector<Tensor> at = parameters(layer);
    at.push_back(x);
    check_orders(at, [&](std::vector<Tensor> p) {
      const Tensor in = p.back();
      p.pop_back();
      const Tensor y = run(regrad::at(layer, p), in);
      return sum(y * y * cotangent(y));
    });
  };
  of_layer(LSTM(Random(9), 4, 3, {.bidirectional = true, .dtype = f64}),
           [&](const LSTM& net, const Tensor& in) { return net(in, texts).y; });
  for (const bool first : {true, false})
    of_layer(TransformerEncoderLayer(Random(10), {.width = 4,
                                                  .heads = 2,
                                                  .inner = 5,
                                                  .norm_first = first,
                                                  .activation = Nonlinearity::gelu_tanh,
                                                  .dtype = f64}),
             [&](const TransformerEncoderLayer& net, const Tensor& in) {
               Context ctx;
               return net(in, texts.segment, ctx);
             });
  const Tensor ids = tensor({3, 1, 4, 2, 0, 0}, {2, 3}, DType::i64), y = tensor({1, 0}, DType::i64);
  const TextOptions o{.words = 5, .width = 4, .dtype = f64};
  const auto of_net = [&](const auto& net) {
    check_orders(parameters(net),
                 [&](const std::vector<Tensor>& p) { return cross_entropy(at(net, p)(ids), y); });
  };
  of_net(BiLstm(Random(11), o, 3));
  of_net(TextTransformer(Random(12), o, {.layers = 1, .heads = 2, .inner = 4, .most = 3}));
}

TEST_CASE("embedding: the padding row is 0 at first and has no gradient") {
  const Embedding words(Random(1), 5, 3, 2);
  CHECK(amax(abs(words.weight[2])).item() == 0);
  CHECK(amax(abs(words.weight[1])).item() > 0);
  const Tensor g = grad(sum(words(tensor({2, 1, 2, 4}, {2, 2}, DType::i64))), words.weight);
  CHECK(amax(abs(g[2])).item() == 0);
  CHECK(g.to_vector()[3] == 1);
  CHECK(complaint<ConfigError>([] { Embedding(Random(1), 0, 3); }, "0 rows") == "");
  CHECK(complaint<ShapeError>([] { Embedding(Random(1), 5, 3, 5); }, "padding_idx 5") == "");
  CHECK_THROWS_AS(words(tensor({5}, DType::i64)), ShapeError);
}

TEST_CASE("rows that are taken often: the same gradient by kernel and by ops") {
  for (const int64_t count : {7, 4096, 9000}) {
    CAPTURE(count);
    const Tensor x = normal(Random(1), {11, 3}).requires_grad_(),
                 index = randint(Random(2), -11, 11, {count}), u = normal(Random(3), {count, 3});
    const Tensor y = index_select(x, 0, index);
    const Tensor ops =
        grad(TensorList(y), TensorList(x), {.grad_outputs = u, .create_graph = true})[0];
    CHECK(equal_bits(grad(TensorList(y), TensorList(x), {.grad_outputs = u})[0], ops.detach()));
  }
}

TEST_CASE("gelu's gradient by kernel, far from 0 too") {
  for (const DType t : {DType::f32, DType::f64}) {
    const Tensor x = linspace(-20, 20, 4001, t).requires_grad_(), y = gelu(x);
    const Tensor ops = grad(sum(y), x, {.create_graph = true}).detach(), fast = grad(sum(y), x);
    CHECK(amax(abs(fast - ops)).item() < (t == DType::f32 ? 4e-7 : 1e-15));
    CHECK(std::isnan(grad(sum(gelu(x * NAN)), x)[0].item()));
  }
}

TEST_CASE("pack, unpack and what they refuse") {
  const Tensor ids = tensor({0, 4, 0, 5, 0, 0, 0, 0, 6, 7, 8, 0}, {3, 4}, DType::i64);
  const Packed p = pack(ids, 0);
  CHECK(p.ids.to_vector() == std::vector<double>{4, 5, 6, 7, 8});
  CHECK(p.segment.to_vector() == std::vector<double>{0, 0, 2, 2, 2});
  CHECK(p.column.to_vector() == std::vector<double>{1, 3, 0, 1, 2});
  CHECK(p.place.to_vector() == std::vector<double>{0, 1, 0, 1, 2});
  CHECK(p.start == std::vector<int64_t>{0, 2, 2, 5});
  CHECK(p.longest() == 3);
  const Tensor rows = pack_rows(unsqueeze(ids.to(f64), 2), p);
  CHECK(rows.to_vector() == p.ids.to_vector());
  CHECK(unpack(rows, p).to_vector() == std::vector<double>{4, 5, 0, 0, 0, 0, 6, 7, 8});
  CHECK(complaint<ShapeError>([&] { first_rows(p); }, "text 1 has no tokens") == "");
  CHECK(complaint<ShapeError>([&] { unpack(rows[0], p); }, "5 rows") == "");
  CHECK(complaint<ShapeError>([&] { pack(ids[0], 0); }, "[N,L]") == "");
  CHECK(complaint<DTypeError>([&] { pack(ids.to(f64), 0); }, "i64") == "");
  CHECK(complaint<ShapeError>([&] { pack(ids, ones({3, 3}, DType::u8)); }, "mask [3,3]") == "");
  CHECK(complaint<DTypeError>([&] { pack(ids, ones({3, 4})); }, "mask is f32") == "");
  const Packed none = pack(zeros({0, 3}, DType::i64), 0);
  CHECK(none.texts() == 0);
  CHECK(none.longest() == 0);
}
