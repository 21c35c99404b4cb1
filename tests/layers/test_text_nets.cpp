// Text classifiers: padding and company change no bit, on any number of threads; what training
// drops; what is refused.
#include <doctest/doctest.h>

#include <regrad/engine/parallel.h>
#include <regrad/layers/nets/bilstm.h>
#include <regrad/layers/nets/transformer.h>
#include <regrad/layers/optim.h>

#include <algorithm>

#include "../temp_folder.h"
#include "text_fixture.h"

using namespace regrad;
using namespace regrad::test;

namespace {

using Text = std::vector<int64_t>;

// Texts as a batch of `columns`, each moved `lead` columns to the right.
Tensor batch(const std::vector<Text>& texts, int64_t columns, int64_t lead = 0) {
  std::vector<int64_t> ids(texts.size() * static_cast<size_t>(columns));
  for (size_t n = 0; n < texts.size(); ++n)
    for (size_t j = 0; j < texts[n].size(); ++j)
      ids[n * static_cast<size_t>(columns) + static_cast<size_t>(lead) + j] = texts[n][j];
  return tensor(ids, {static_cast<int64_t>(texts.size()), columns});
}
std::vector<Text> drawn(size_t n, int64_t words) {
  std::vector<Text> out(n);
  const Random r(77);
  for (size_t i = 0; i < n; ++i) {
    out[i].resize(static_cast<size_t>((r / "length").integer(i, 40)) + 1);
    for (size_t j = 0; j < out[i].size(); ++j)
      out[i][j] = 1 + (r / static_cast<int64_t>(i)).integer(j, words - 1);
  }
  return out;
}

// f(name, net) for each of the nets at sizes that tables use.
template <class F>
void each_net(const TextOptions& o, F&& f) {
  f("cnn", TextCnn(Random(1), o));
  f("bilstm", BiLstm(Random(2), o));
  f("transformer", TextTransformer(Random(3), o));
}

// Each text's logits in batches of many kinds against those of the text alone.
template <class Net>
void check_bits(const Net& net, const std::vector<Text>& texts) {
  const NoGrad quiet;
  std::vector<Tensor> alone;
  for (const Text& t : texts) alone.push_back(net(batch({t}, static_cast<int64_t>(t.size()))));
  const auto check = [&](const std::vector<size_t>& which, int64_t columns, int64_t lead) {
    std::vector<Text> some;
    for (const size_t i : which) some.push_back(texts[i]);
    const Tensor y = net(batch(some, columns, lead));
    bool same = true;
    for (size_t k = 0; k < which.size(); ++k)
      same = same && equal_bits(slice(y, 0, static_cast<int64_t>(k), static_cast<int64_t>(k) + 1),
                                alone[which[k]]);
    CHECK_MESSAGE(same, which.size(), " texts in ", columns, " columns from ", lead);
  };
  std::vector<size_t> all(texts.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  for (const int64_t columns : {40, 41, 64}) check(all, columns, 0);
  check(all, 50, 7);
  std::reverse(all.begin(), all.end());
  check(all, 40, 0);
  for (const size_t i : {size_t{0}, size_t{3}, texts.size() - 1}) {
    check({i}, 40, 0);
    check({i}, 64, 24);
    check({i, i, i}, 47, 0);
    check({0, i, 1, 2, 5}, 40, 0);
  }
  for (size_t n = 1; n < texts.size(); n = 2 * n + 1)
    check({all.begin(), all.begin() + static_cast<int64_t>(n)}, 40, 0);
}

}  // namespace

TEST_CASE("text nets: padding and company change no bit of a text's logits") {
  const std::vector<Text> texts = drawn(70, 300);
  for (const DType t : {DType::f32, DType::f64})
    each_net({.words = 300, .width = 100, .dtype = t}, [&](const char* name, const auto& net) {
      CAPTURE(name);
      check_bits(net, texts);
    });
}

TEST_CASE("text nets: the same bits for any number of threads, a training step among them") {
  const std::vector<Text> texts = drawn(33, 50);
  const Tensor ids = batch(texts, 40), y = randint(Random(5), 0, 2, {33});
  const int before = num_threads();
  each_net({.words = 50, .width = 64}, [&](const char* name, const auto& net) {
    CAPTURE(name);
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      Context ctx{.training = true, .random = Random(9)};
      Adam::State state;
      auto start = as_leaves(net);
      const auto g = grad(cross_entropy(start(ids, ctx), y), start);
      const std::vector<Tensor> stepped = parameters(update(Adam{}, std::move(start), state, g));
      if (first.empty()) first = stepped;
      bool same = true;
      for (size_t i = 0; i < first.size(); ++i) same = same && equal_bits(first[i], stepped[i]);
      CHECK_MESSAGE(same, threads, " threads");
    }
  });
  set_num_threads(before);
}

TEST_CASE("text nets: a text shorter than a window, and one without words") {
  const TextOptions o{.words = 9, .width = 8};
  const Tensor ids = batch({{4}, {}, {1, 2}}, 3);
  each_net(o, [&](const char* name, const auto& net) {
    CAPTURE(name);
    Context ctx;
    const Tensor h = net.features(ids, ctx);
    CHECK(all(isfinite(net(ids))).item() == 1);
    if (std::string(name) != "transformer") CHECK(amax(abs(h[1])).item() == 0);
    CHECK(amax(abs(h[0])).item() > 0);
    const Tensor nothing = net.features(zeros({2, 3}, DType::i64), ctx);
    CHECK(equal_bits(nothing[0], h[1]));
    CHECK(net(zeros({0, 3}, DType::i64)).shape() == Shape{0, 2});
    CHECK(equal_bits(net(zeros({1, 0}, DType::i64)), net(zeros({1, 4}, DType::i64))));
  });
}

TEST_CASE("text nets: training drops words and features, by the context's stream") {
  const Tensor ids = batch(drawn(20, 30), 40);
  each_net({.words = 30, .width = 16, .dropout = 0.5, .word_dropout = 0},
           [&](const char* name, auto net) {
             CAPTURE(name);
             Context still, training{.training = true, .random = Random(1)},
                 other{.training = true, .random = Random(2)}, quiet{.training = true};
             const Tensor y = net(ids, still);
             CHECK(apart(net(ids, training), y) > 1e-3);
             CHECK(equal_bits(net(ids, training), net(ids, training)));
             CHECK(!equal_bits(net(ids, training), net(ids, other)));
             CHECK(equal_bits(net(ids, quiet), y));
             if (std::string(name) == "transformer") return;  // its blocks drop as well
             CHECK(equal_bits(net.features(ids, training), net.features(ids, still)));
             net.options.word_dropout = 0.3;
             CHECK(!equal_bits(net.features(ids, training), net.features(ids, still)));
             CHECK(equal_bits(net.features(ids, still), net.features(ids, quiet)));
           });
}

TEST_CASE("words that are dropped out of training are 0, the others as they were") {
  const TextOptions o{.words = 30, .width = 16, .word_dropout = 0.3};
  const Embedding words(Random(1), 30, 16, 0);
  const Packed texts = pack(batch(drawn(40, 30), 40), 0);
  Context ctx{.training = true, .random = Random(3)};
  const Tensor x = words(texts.ids), y = detail::words_of(words, texts, o, ctx);
  const int64_t n = x.size(0);
  int64_t zero = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool gone = amax(abs(y[i])).item() == 0;
    zero += gone;
    if (!gone) CHECK(equal_bits(y[i], x[i]));
  }
  CHECK(zero > n / 5);
  CHECK(zero < 2 * n / 5);
}

TEST_CASE("word dropout that drops nothing changes no bit") {
  const Tensor ids = batch(drawn(20, 30), 40);
  each_net({.words = 30, .width = 16, .dropout = 0, .word_dropout = 1e-12},
           [&](const char* name, const auto& net) {
             CAPTURE(name);
             Context still{.random = Random(1)}, training{.training = true, .random = Random(1)};
             if (std::string(name) == "transformer") return;
             CHECK(equal_bits(net(ids, training), net(ids, still)));
           });
}

TEST_CASE("dropout: in training alone, by the names of place and layer") {
  const Tensor x = ones({8, 8});
  Context ctx{.training = true, .random = Random(1)}, still{.random = Random(1)};
  CHECK(equal_bits(dropout(x, 0.5, "a", still), x));
  CHECK(equal_bits(dropout(x, 0.5, "a", ctx), dropout(x, 0.5, Random(1) / "a")));
  {
    const Stream here(ctx, 3);
    const Stream deeper(ctx, "part");
    CHECK(equal_bits(dropout(x, 0.5, "a", ctx), dropout(x, 0.5, Random(1) / 3 / "part" / "a")));
  }
  CHECK(equal_bits(dropout(x, 0.5, "b", ctx), dropout(x, 0.5, Random(1) / "b")));
}

TEST_CASE("text nets learn which word decides") {
  // Class 1 where word 5 occurs, 0 where word 6 does, among others.
  std::vector<Text> texts = drawn(64, 12);
  std::vector<double> labels;
  for (size_t i = 0; i < texts.size(); ++i) {
    for (int64_t& w : texts[i]) w = w == 5 || w == 6 ? 7 : w;
    texts[i][texts[i].size() / 2] = i % 2 ? 5 : 6;
    labels.push_back(static_cast<double>(i % 2));
  }
  const Tensor ids = batch(texts, 40), y = tensor(labels, {64}, DType::i64);
  each_net({.words = 12, .width = 16, .dropout = 0, .word_dropout = 0},
           [&](const char* name, auto net) {
             CAPTURE(name);
             Adam::State state;
             const Adam adam{.lr = 1e-2};
             for (int i = 0; i < 60; ++i) {
               Context ctx{.training = true};
               const auto g = grad(cross_entropy(net(ids, ctx), y), net);
               net = update(adam, std::move(net), state, g);
             }
             CHECK(cross_entropy(net(ids), y).item() < 0.2);
             CHECK(amax(abs(net.embedding.weight[0])).item() == 0);
           });
}

TEST_CASE("text nets refuse what does not fit") {
  const TextOptions o{.words = 9, .width = 8};
  CHECK(complaint<ConfigError>([] { TextCnn(Random(1), {}); }, "words 0") == "");
  CHECK(complaint<ConfigError>([] { TextCnn(Random(1), {.words = 3, .pad = 3}); }, "pad 3") == "");
  CHECK(complaint<ConfigError>([] { BiLstm(Random(1), {.words = 3, .dropout = 1}); }, "dropout") ==
        "");
  CHECK(complaint<ConfigError>([&] { TextCnn(Random(1), o, 4, {}); }, "width") == "");
  CHECK(complaint<ConfigError>([&] { BiLstm(Random(1), o, 0); }, "hidden") == "");
  CHECK(complaint<ConfigError>([&] { TextTransformer(Random(1), o, {.heads = 3}); }, "heads") ==
        "");
  CHECK(complaint<ConfigError>([&] { TextTransformer(Random(1), o, {.layers = 0}); }, "layers") ==
        "");
  const TextTransformer net(Random(1), o, {.most = 3});
  CHECK_NOTHROW(net(batch({{1, 2, 3}}, 9)));
  CHECK(complaint<ShapeError>([&] { net(batch({{1, 2, 3, 4}}, 9)); }, "a text of 4 words") == "");
  CHECK_THROWS_AS(net(batch({{9}}, 1)), ShapeError);
  CHECK_THROWS_AS(net(ones({1, 2})), DTypeError);
}
