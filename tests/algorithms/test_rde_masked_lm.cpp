// The masked language model of bae-lite: masking, logits and training against second tellings, and
// a toy language that it learns.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/masked_lm.h>
#include <regrad/engine/error.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/optim.h>

#include <algorithm>
#include <cmath>
#include <map>

using namespace regrad;
using namespace regrad::rde;

namespace {

using Row = std::vector<double>;
using Matrix = std::vector<Row>;

Matrix matrix_of(const Tensor& t) {
  const std::vector<double> all = t.to_vector();
  const auto columns = static_cast<size_t>(t.size(1));
  Matrix out;
  for (size_t i = 0; i < all.size(); i += columns)
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(i),
                     all.begin() + static_cast<std::ptrdiff_t>(i + columns));
  return out;
}
Row times(const Tensor& weight, const Tensor& bias, const Row& x) {
  const Matrix w = matrix_of(weight);
  Row out = bias.to_vector();
  for (size_t o = 0; o < w.size(); ++o)
    for (size_t k = 0; k < x.size(); ++k) out[o] += w[o][k] * x[k];
  return out;
}
Row normed(const LayerNorm& norm, const Row& x) {
  const Row w = norm.weight.to_vector(), b = norm.bias.to_vector();
  double mean = 0, square = 0;
  for (const double v : x) mean += v / static_cast<double>(x.size());
  for (const double v : x) square += (v - mean) * (v - mean) / static_cast<double>(x.size());
  Row out;
  for (size_t k = 0; k < x.size(); ++k)
    out.push_back(w[k] * (x[k] - mean) / std::sqrt(square + 1e-5) + b[k]);
  return out;
}

// One text's logits at each place, by loops.
Matrix told(const MaskedLm& lm, const Ids& text) {
  const Matrix words = matrix_of(lm.embedding.weight), places = matrix_of(lm.positions);
  const size_t n = text.size(), d = words[0].size();
  Matrix x;
  for (size_t i = 0; i < n; ++i) {
    x.push_back(words[static_cast<size_t>(text[i])]);
    for (size_t k = 0; k < d; ++k) x[i][k] += places[i][k];
  }
  for (const TransformerEncoderLayer& block : lm.layers) {
    const MultiheadAttention& a = block.self_attn;
    const auto heads = static_cast<size_t>(a.heads), each = d / heads;
    Matrix qkv, seen(n, Row(d, 0.0));
    for (const Row& row : x)
      qkv.push_back(times(a.in_proj_weight, a.in_proj_bias, normed(block.norm1, row)));
    for (size_t h = 0; h < heads; ++h)
      for (size_t i = 0; i < n; ++i) {
        Row weight;
        double sum = 0;
        for (size_t j = 0; j < n; ++j) {
          double dot = 0;
          for (size_t k = h * each; k < (h + 1) * each; ++k) dot += qkv[i][k] * qkv[j][d + k];
          weight.push_back(std::exp(dot / std::sqrt(static_cast<double>(each))));
          sum += weight[j];
        }
        for (size_t j = 0; j < n; ++j)
          for (size_t k = h * each; k < (h + 1) * each; ++k)
            seen[i][k] += weight[j] / sum * qkv[j][2 * d + k];
      }
    for (size_t i = 0; i < n; ++i) {
      const Row more = times(a.out_proj.weight, a.out_proj.bias, seen[i]);
      for (size_t k = 0; k < d; ++k) x[i][k] += more[k];
      Row inner = times(block.linear1.weight, block.linear1.bias, normed(block.norm2, x[i]));
      for (double& v : inner) v *= 0.5 * (1 + std::erf(v / std::sqrt(2.0)));
      const Row last = times(block.linear2.weight, block.linear2.bias, inner);
      for (size_t k = 0; k < d; ++k) x[i][k] += last[k];
    }
  }
  Matrix out;
  for (const Row& row : x) out.push_back(times(lm.embedding.weight, lm.bias, normed(lm.norm, row)));
  return out;
}

// A net of a few numbers, each of which counts.
MaskedLm small() {
  MaskedLm lm(Random(5), 7,
              {.width = 4, .layers = 2, .heads = 2, .inner = 6, .most = 6, .dtype = DType::f64});
  int64_t i = 0;
  each(lm, [&](const std::string&, Tensor& t, bool) {
    t = (t + normal(Random(6) / i++, t.shape(), 0, 0.5, DType::f64)).detach().requires_grad_();
  });
  return lm;
}

// Six words in a ring, each followed by the next; texts of seven from anywhere.
std::vector<Ids> ring(size_t n) {
  std::vector<Ids> out(n);
  for (size_t t = 0; t < n; ++t)
    for (int64_t j = 0; j < 7; ++j) out[t].push_back(2 + (Random(1).integer(t, 6) + j) % 6);
  return out;
}
const MaskedLmOptions little = {.width = 16, .layers = 1, .heads = 2, .most = 8, .dropout = 0};

}  // namespace

TEST_CASE("masking: known words by their share; the mask, a drawn word, or itself") {
  const Random r(3);
  Ids text;
  for (int64_t i = 0; i < 60000; ++i) text.push_back(i % 10);
  const MaskedText m = masked(text, 10, 0.15, r);
  double mask = 0, same = 0, other = 0;
  std::map<int64_t, double> drawn;
  size_t next = 0;
  REQUIRE(m.chosen.size() == m.words.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool chosen = next < m.chosen.size() && m.chosen[next] == static_cast<int64_t>(i);
    CHECK_MESSAGE(chosen == (text[i] >= 2 && (r / "chosen").uniform(i) < 0.15), i);
    if (!chosen) {
      if (m.read[i] != text[i]) FAIL("what is not chosen has changed");
      continue;
    }
    if (m.words[next++] != text[i]) FAIL("the answer is not what stood there");
    const double u = (r / "how").uniform(i);
    const int64_t want = u < 0.8 ? 10 : u < 0.9 ? 2 + (r / "word").integer(i, 8) : text[i];
    if (m.read[i] != want) FAIL("read as " << m.read[i] << ", not " << want);
    mask += m.read[i] == 10, same += m.read[i] == text[i];
    if (m.read[i] != 10 && m.read[i] != text[i]) ++other, ++drawn[m.read[i]];
  }
  // 48,000 known words; six deviations on either side
  const auto n = static_cast<double>(m.chosen.size());
  CHECK(std::abs(n / 48000 - 0.15) < 6 * std::sqrt(0.15 * 0.85 / 48000));
  CHECK(std::abs(mask / n - 0.8) < 6 * std::sqrt(0.16 / n));
  CHECK(std::abs(other / n - 0.1 * 7 / 8) < 6 * std::sqrt(0.09 / n));
  CHECK(std::abs(same / n - 0.1 * 9 / 8) < 6 * std::sqrt(0.1 / n));
  CHECK(drawn.size() == 8);
  CHECK(drawn.begin()->first == 2);
  CHECK(masked({0, 1, 0}, 10, 1, r).chosen.empty());
  CHECK(masked({2, 1, 9}, 10, 1, r).chosen == Ids{0, 2});
}

TEST_CASE("logits by loops, and each text's the same in company") {
  const MaskedLm lm = small();
  const std::vector<Ids> texts = {{2, 7, 4}, {6}, {3, 3, 5, 7, 1, 2}};
  Context ctx;
  const Matrix got = matrix_of(lm(texts, tensor(Ids{1, 3, 4, 9, 7}), ctx));
  const std::vector<std::pair<size_t, size_t>> at = {{0, 1}, {1, 0}, {2, 0}, {2, 5}, {2, 3}};
  REQUIRE(got.size() == at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const Row want = told(lm, texts[at[i].first])[at[i].second];
    REQUIRE(got[i].size() == 8);
    for (size_t k = 0; k < 8; ++k) CHECK(got[i][k] == doctest::Approx(want[k]).epsilon(1e-10));
    const Matrix alone =
        matrix_of(lm({texts[at[i].first]}, tensor(Ids{static_cast<int64_t>(at[i].second)}), ctx));
    CHECK(alone[0] == got[i]);
  }
  CHECK_THROWS_AS(lm({Ids(7, 2)}, tensor(Ids{0}), ctx), ShapeError);
  CHECK_THROWS_AS(lm({{8}}, tensor(Ids{0}), ctx), ShapeError);
}

TEST_CASE("likely words: by the logits of the masked place; never padding, unknown or the mask") {
  const MaskedLm lm = small();
  const Ids text = {3, 2, 6, 4};
  for (int64_t at = 0; at < 4; ++at) {
    Ids gap = text;
    gap[static_cast<size_t>(at)] = 7;
    const Row logits = told(lm, gap)[static_cast<size_t>(at)];
    Ids want = {2, 3, 4, 5, 6};
    std::sort(want.begin(), want.end(), [&](int64_t a, int64_t b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
    CHECK(likely_words(lm, text, at, 50, std::vector<bool>(7, true)) == want);
    CHECK(likely_words(lm, text, at, 2, std::vector<bool>(7, true)) == Ids{want[0], want[1]});
    // what stands there is not read
    Ids other = text;
    other[static_cast<size_t>(at)] = 5;
    CHECK(likely_words(lm, other, at, 50, std::vector<bool>(7, true)) == want);
    std::vector<bool> few(7, true);
    few[static_cast<size_t>(want[0])] = false;
    want.erase(want.begin());
    CHECK(likely_words(lm, text, at, 50, few) == want);
  }
  // equal logits: by id
  MaskedLm flat = lm;
  flat.embedding.weight = zeros({8, 4}, DType::f64);
  flat.bias = tensor({9, 9, 1, 3, 1, 3, 1, 9}, {8}, DType::f64);
  CHECK(likely_words(flat, text, 0, 4, std::vector<bool>(7, true)) == Ids{3, 5, 2, 4});
  CHECK_THROWS_AS(likely_words(lm, text, 4, 1, std::vector<bool>(7, true)), ShapeError);
  CHECK_THROWS_AS(likely_words(lm, text, -1, 1, std::vector<bool>(7, true)), ShapeError);
  CHECK_THROWS_AS(likely_words(lm, text, 0, 1, std::vector<bool>(6, true)), ShapeError);
}

TEST_CASE("training is cross-entropy of the chosen words by Adam, masked anew in each epoch") {
  std::vector<Ids> texts = ring(5);
  texts[1].insert(texts[1].end(), {2, 3, 4, 5});  // the net reads eight
  texts[3].clear();
  texts[4][2] = 1;  // unknown: no count, never chosen
  const MaskedLmOptions o = {
      .width = 4, .layers = 1, .heads = 2, .most = 8, .dropout = 0.2, .dtype = DType::f64};
  const Random r(9);
  const MaskedLm got =
      trained_masked_lm(texts, 8, o, {.epochs = 4, .batch = 2, .lr = 0.01, .share = 0.4}, r);
  MaskedLm want(r / "init", 8, o);
  Row share(9, 1.0);
  double all = 9;
  for (const Ids& text : texts)
    for (size_t k = 0; k < std::min<size_t>(text.size(), 8); ++k)
      if (text[k] >= 2) ++share[static_cast<size_t>(text[k])], ++all;
  for (double& v : share) v = std::log(v / all);
  want.bias = tensor(share, {9}, DType::f64).requires_grad_();
  Adam::State adam = Adam{}.initial(parameters(want));
  int64_t step = 0, steps = 0;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    const Ids order = randperm(r / "order" / epoch, 5).to_vector<int64_t>();
    for (const Ids& batch : {Ids{order[0], order[1]}, Ids{order[2], order[3]}, Ids{order[4]}}) {
      Context ctx{.training = true, .random = r / "dropout" / step++};
      std::vector<Ids> read;
      Ids rows, words;
      int64_t before = 0;
      for (const int64_t t : batch) {
        Ids first = texts[static_cast<size_t>(t)];
        if (first.size() > 8) first.resize(8);
        const MaskedText m = masked(first, 8, 0.4, r / "mask" / epoch / t);
        for (size_t k = 0; k < m.chosen.size(); ++k)
          rows.push_back(before + m.chosen[k]), words.push_back(m.words[k]);
        before += static_cast<int64_t>(first.size());
        read.push_back(m.read);
      }
      if (rows.empty()) continue;
      ++steps;
      const auto n = static_cast<int64_t>(words.size());
      const Tensor logits = want(read, tensor(rows), ctx);
      const Tensor loss = -mean(gather(log_softmax(logits, 1), 1, tensor(words).reshape({n, 1})));
      want = update(Adam{.lr = 0.01}, std::move(want), adam, grad(loss, want));
    }
  }
  CHECK(steps >= 8);
  const auto a = parameters(want), b = parameters(got);
  REQUIRE(a.size() == b.size());
  for (size_t k = 0; k < a.size(); ++k) CHECK(amax(abs(a[k] - b[k])).item() < 1e-9);
}

TEST_CASE("a toy language is learned, by its seed, to the same bits on any number of threads") {
  const std::vector<Ids> texts = ring(100), others = ring(140);
  const MaskedLmTraining t = {.epochs = 60, .batch = 10, .lr = 0.01};
  const MaskedLm lm = trained_masked_lm(texts, 8, little, t, Random(4));
  double nll = 0, places = 0, right = 0;
  for (size_t i = 100; i < others.size(); ++i)
    for (size_t at = 0; at < 7; ++at) {
      Ids gap = others[i];
      gap[at] = lm.mask();
      Context ctx;
      const Row logits = lm({gap}, tensor(Ids{static_cast<int64_t>(at)}), ctx).to_vector();
      double sum = 0;
      for (const double v : logits) sum += std::exp(v);
      nll -= logits[static_cast<size_t>(others[i][at])] - std::log(sum), ++places;
      right += likely_words(lm, others[i], static_cast<int64_t>(at), 1,
                            std::vector<bool>(8, true)) == Ids{others[i][at]};
    }
  CHECK(nll / places < 0.3 * std::log(6.0));  // the words' entropy without context
  CHECK(right / places > 0.9);
  const MaskedLmTraining once = {.epochs = 1, .batch = 10};
  const auto weights = [&](const Random& r) {
    return trained_masked_lm(texts, 8, little, once, r).embedding.weight.to_vector();
  };
  CHECK(weights(Random(4)) == weights(Random(4)));
  CHECK(weights(Random(4)) != weights(Random(5)));
  const int before = num_threads();
  const Row all = weights(Random(4));
  for (const int n : {1, 3}) {
    set_num_threads(n);
    CHECK(weights(Random(4)) == all);
  }
  set_num_threads(before);
}

TEST_CASE("language models that cannot be") {
  const std::vector<Ids> texts = ring(3);
  const Random r(1);
  CHECK_THROWS_AS(MaskedLm(r, 2, little), ConfigError);
  CHECK_THROWS_AS(MaskedLm(r, 9, {.width = 6, .heads = 4}), ConfigError);
  CHECK_THROWS_AS(MaskedLm(r, 9, {.layers = 0}), ConfigError);
  CHECK_THROWS_AS(MaskedLm(r, 9, {.most = 0}), ConfigError);
  CHECK_THROWS_AS(trained_masked_lm(texts, 7, little, {}, r), ConfigError);  // id 7
  CHECK_THROWS_AS(trained_masked_lm({{-1}}, 7, little, {}, r), ConfigError);
  CHECK_THROWS_AS(trained_masked_lm(texts, 8, little, {.epochs = 0}, r), ConfigError);
  CHECK_THROWS_AS(trained_masked_lm(texts, 8, little, {.batch = 0}, r), ConfigError);
  CHECK_THROWS_AS(trained_masked_lm(texts, 8, little, {.share = 0}, r), ConfigError);
  CHECK_THROWS_AS(trained_masked_lm(texts, 8, little, {.share = 1.5}, r), ConfigError);
  // nothing to learn from: the initial net
  const MaskedLm none = trained_masked_lm({{}, {1, 0}}, 8, little, {}, r);
  CHECK(none.embedding.weight.to_vector() ==
        MaskedLm(r / "init", 8, little).embedding.weight.to_vector());
}
