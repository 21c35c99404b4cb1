#include <regrad/algorithms/rde/masked_lm.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/layers/dropout.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/packed.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad::rde {
namespace {

constexpr int64_t first_word = 2;  // below: padding, unknown
constexpr double deviation = 0.02, to_mask = 0.8, to_drawn = 0.9;

struct Batch {
  std::vector<Ids> texts;
  Ids rows, words;  // of the tokens of all texts; what stood there

  void add(MaskedText text) {
    for (const int64_t at : text.chosen) rows.push_back(tokens_ + at);
    words.insert(words.end(), text.words.begin(), text.words.end());
    tokens_ += static_cast<int64_t>(text.read.size());
    texts.push_back(std::move(text.read));
  }

 private:
  int64_t tokens_ = 0;
};

std::vector<Ids> first_tokens(const std::vector<Ids>& texts, int64_t words, int64_t most) {
  std::vector<Ids> out = texts;
  for (Ids& text : out) {
    if (static_cast<int64_t>(text.size()) > most) text.resize(static_cast<size_t>(most));
    for (const int64_t id : text)
      if (id < 0 || id >= words)
        throw ConfigError("masked_lm: id " + std::to_string(id) + " of a vocabulary of " +
                          std::to_string(words));
  }
  return out;
}

// ln((c_w + 1) / (C + rows)), c_w the count of word w among C.
Tensor log_shares(const std::vector<Ids>& texts, int64_t rows, DType dtype) {
  std::vector<double> counts(static_cast<size_t>(rows), 1.0);
  for (const Ids& text : texts)
    for (const int64_t id : text) counts[static_cast<size_t>(id)] += id >= first_word;
  const Tensor t = tensor(counts, {rows}, DType::f64);
  return log(t / sum(t)).to(dtype);
}

}  // namespace

MaskedLm::MaskedLm(const Random& r, int64_t words, const MaskedLmOptions& o) {
  if (words <= first_word || o.layers < 1 || o.most < 1 || o.width < 1)
    throw ConfigError("masked_lm: " + std::to_string(words) + " words (padding and unknown are " +
                      "two), " + std::to_string(o.layers) + " layers of width " +
                      std::to_string(o.width) + " over " + std::to_string(o.most) +
                      " tokens; sizes are at least 1");
  embedding = Embedding(r / "embedding", words + 1, o.width, {}, deviation, o.dtype);
  positions = normal(r / "positions", {o.most, o.width}, 0, deviation, o.dtype).requires_grad_();
  const EncoderOptions block{.width = o.width,
                             .heads = o.heads,
                             .inner = o.inner ? o.inner : 4 * o.width,
                             .dropout = o.dropout,
                             .dtype = o.dtype};
  for (int64_t i = 0; i < o.layers; ++i) layers.emplace_back(r / "layers" / i, block);
  norm = LayerNorm({o.width}, o.dtype);
  bias = zeros({words + 1}, o.dtype).requires_grad_();
}

Tensor MaskedLm::operator()(const std::vector<Ids>& texts, const Tensor& rows, Context& ctx) const {
  Ids all, lengths;
  for (const Ids& text : texts) {
    if (static_cast<int64_t>(text.size()) > most())
      throw ShapeError("masked_lm: a text of " + std::to_string(text.size()) +
                       " tokens; this net takes " + std::to_string(most()));
    all.insert(all.end(), text.begin(), text.end());
    lengths.push_back(static_cast<int64_t>(text.size()));
  }
  const Packed packed = packed_lengths(lengths);
  Tensor x = embedding(tensor(all)) + index_select(positions, 0, packed.place);
  for (size_t i = 0; i < layers.size(); ++i) {
    const Stream here(ctx, static_cast<int64_t>(i));
    x = layers[i](x, packed.segment, ctx, i + 1 == layers.size() ? rows : Tensor());
  }
  return by_rows(embedding.weight, bias, norm(x), ctx);
}

MaskedText masked(const Ids& text, int64_t mask, double share, const Random& r) {
  MaskedText out{text, {}, {}};
  const Random chosen = r / "chosen", how = r / "how", word = r / "word";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] < first_word || chosen.uniform(i) >= share) continue;
    out.chosen.push_back(static_cast<int64_t>(i));
    out.words.push_back(text[i]);
    const double u = how.uniform(i);
    if (u < to_mask) {
      out.read[i] = mask;
    } else if (u < to_drawn) {
      out.read[i] = first_word + word.integer(i, mask - first_word);
    }
  }
  return out;
}

MaskedLm trained_masked_lm(const std::vector<Ids>& all, int64_t words, const MaskedLmOptions& o,
                           const MaskedLmTraining& t, const Random& r) {
  if (t.epochs < 1 || t.batch < 1 || !(t.share > 0 && t.share <= 1))
    throw ConfigError("masked_lm: " + std::to_string(t.epochs) + " epochs in batches of " +
                      std::to_string(t.batch) + ", a share of " + std::to_string(t.share) +
                      "; epochs and batch are at least 1, the share is in (0, 1]");
  MaskedLm net(r / "init", words, o);
  const std::vector<Ids> texts = first_tokens(all, words, o.most);
  net.bias = log_shares(texts, words + 1, o.dtype).requires_grad_();
  const auto n = static_cast<int64_t>(texts.size());
  Adam::State adam = Adam{}.initial(parameters(net));
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < t.epochs; ++epoch) {
    const Ids order = randperm(r / "order" / epoch, n).to_vector<int64_t>();
    for (int64_t from = 0; from < n; from += t.batch, ++step) {
      Batch batch;
      for (int64_t k = from; k < std::min(from + t.batch, n); ++k) {
        const int64_t at = order[static_cast<size_t>(k)];
        batch.add(
            masked(texts[static_cast<size_t>(at)], net.mask(), t.share, r / "mask" / epoch / at));
      }
      if (batch.words.empty()) continue;
      Context ctx{.training = true, .random = r / "dropout" / step};
      const Tensor loss =
          cross_entropy(net(batch.texts, tensor(batch.rows), ctx), tensor(batch.words));
      if (!std::isfinite(loss.item())) throw NumericError("masked_lm: the loss is no number");
      const MaskedLm g = grad(loss, net);
      net = update(Adam{.lr = t.lr}, std::move(net), adam, g);
    }
  }
  return net;
}

Ids likely_words(const MaskedLm& lm, Ids text, int64_t at, int64_t most,
                 const std::vector<bool>& allowed) {
  if (at < 0 || at >= static_cast<int64_t>(text.size()) ||
      static_cast<int64_t>(allowed.size()) != lm.words())
    throw ShapeError("likely_words: place " + std::to_string(at) + " of a text of " +
                     std::to_string(text.size()) + " tokens; " + std::to_string(allowed.size()) +
                     " flags of " + std::to_string(lm.words()) + " words");
  const NoGrad quiet;
  Context ctx;
  text[static_cast<size_t>(at)] = lm.mask();
  const std::vector<double> logits = lm({text}, tensor(Ids{at}), ctx).to_vector();
  Ids out;
  for (int64_t id = first_word; id < lm.words(); ++id)
    if (allowed[static_cast<size_t>(id)]) out.push_back(id);
  const auto kept = std::min(out.size(), static_cast<size_t>(std::max<int64_t>(0, most)));
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(kept), out.end(),
                    [&](int64_t a, int64_t b) {
                      const double x = logits[static_cast<size_t>(a)],
                                   y = logits[static_cast<size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  out.resize(kept);
  return out;
}

}  // namespace regrad::rde
