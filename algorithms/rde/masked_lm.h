// A masked language model of a corpus' words, for attacks that ask what may stand in a place
// (BAE-lite: text-and-ssl.md 1.7; in the place of BERT, which no corpus at hand gives).
//
//   x = E[id] + P[place];  pre-norm blocks;  logits = norm(x) E^T + b
//   training (Devlin et al. 2019, 3.1): of the known words of a text each is chosen with
//   probability 0.15; of the chosen 80% are read as the mask, 10% as a word drawn evenly, 10% as they are;
//   loss = mean of -log softmax(logits)[the word] over the chosen
//
// Sizes, tied logits and the blocks' order are ours: BERT's masked words, not its net.
#pragma once

#include <regrad/layers/attention.h>
#include <regrad/layers/embedding.h>

#include <cstdint>
#include <vector>

namespace regrad::rde {

using Ids = std::vector<int64_t>;  // below 2: padding and unknown words (Vocabulary)

struct MaskedLmOptions {
  int64_t width = 128, layers = 1, heads = 4;
  int64_t inner = 0;     // of the blocks; 0: 4 * width
  int64_t most = 64;     // tokens of a text
  double dropout = 0.1;  // of the blocks
  DType dtype = DType::f32;
};

struct MaskedLm {
  Embedding embedding;  // [words + 1, width]; the last row is the mask's
  Tensor positions;     // [most, width]
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm norm;
  Tensor bias;  // [words + 1]

  MaskedLm() = default;
  // Initial values: words and positions N(0, 0.02^2), the bias 0, the rest PyTorch's. ConfigError:
  // fewer than 3 words, sizes below 1, heads that do not divide width.
  MaskedLm(const Random& r, int64_t words, const MaskedLmOptions& o = {});

  int64_t words() const { return bias.size(0) - 1; }
  int64_t mask() const { return words(); }
  int64_t most() const { return positions.size(0); }
  // Logits [n, words + 1] of `rows`, i64 [n], of the tokens of all texts one after the other. A
  // text's logits have the same bits in any company. ShapeError: a text of more than `most` tokens,
  // an id or a row outside.
  Tensor operator()(const std::vector<Ids>& texts, const Tensor& rows, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("embedding", self.embedding);
    part("positions", self.positions);
    part("layers", self.layers);
    part("norm", self.norm);
    part("bias", self.bias);
  }
};

// A text as training reads it: what is chosen, in the order of the text, and what stood there.
struct MaskedText {
  Ids read, chosen, words;
};
// mask: the mask's id, the number of words. Streams: r / "chosen", "how", "word".
MaskedText masked(const Ids& text, int64_t mask, double share, const Random& r);

struct MaskedLmTraining {
  int64_t epochs = 8, batch = 32;  // batch: texts
  double lr = 1e-3, share = 0.15;  // Adam's; of words that are chosen
};
// Trained on the first `most` tokens of each text, in a drawn order, masked anew in each epoch; b
// begins with the logarithms of the known words' shares, (count + 1) / (all counts + words + 1).
// Streams: r / "init"; r / "order" / epoch; r / "mask" / epoch / text; r / "dropout" / step.
// ConfigError: an id outside of `words`, epochs or batch below 1, a share outside of (0, 1].
MaskedLm trained_masked_lm(const std::vector<Ids>& texts, int64_t words, const MaskedLmOptions& o,
                           const MaskedLmTraining& t, const Random& r);

// The words of largest logits at place `at`, which is masked, largest first, equal ones by id: of
// those that are `allowed` (by id, [words]) at most `most`; never padding or unknown. ShapeError:
// another number of words, a text too long, a place outside.
Ids likely_words(const MaskedLm& lm, Ids text, int64_t at, int64_t most,
                 const std::vector<bool>& allowed);

}  // namespace regrad::rde
