// A Transformer encoder over words, trained from scratch: pre-norm blocks, and a token of its own
// in front of each text.
//
//   const TextTransformer net(Random(seed), {.words = 20000, .width = 64});
//   Tensor logits = net(ids, ctx);                   // i64 [N,L], 0 is padding -> [N,2]
#pragma once

#include <regrad/layers/nets/text_cnn.h>

namespace regrad {

struct TextTransformerOptions {
  int64_t layers = 2, heads = 4;
  int64_t inner = 0;    // 0: 4 * width
  int64_t most = 64;    // tokens of a text
  double inside = 0.1;  // dropout of the blocks
  double eps = 1e-5;
};

// x = [cls; words] + positions, cls in front of each text; blocks; features = norm(x) of cls;
// logits = fc(dropout(features)). Padding, wherever it stands, is left out of everything: a text's
// logits have the same bits alone, under any padding and in any batch.
struct TextTransformer {
  Embedding embedding;
  Tensor cls, positions;  // [1,D], [1 + most, D]: row 0 is cls's
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm norm;
  Linear fc;
  TextOptions options;

  TextTransformer() = default;
  // Initial values: words N(0, 0.1^2), cls and positions N(0, 0.02^2) (ours), the rest PyTorch's.
  // ConfigError as TextCnn, and where a size is below 1 or heads do not divide width.
  TextTransformer(const Random& r, const TextOptions& o, const TextTransformerOptions& t = {});

  // ShapeError: a text of more than `most` words.
  Tensor features(const Tensor& ids, Context& ctx) const;  // [N, width]
  Tensor operator()(const Tensor& ids, Context& ctx) const;
  Tensor operator()(const Tensor& ids) const { return out_of_training(*this, ids); }
  static void parts(auto& self, auto&& part) {
    part("embedding", self.embedding);
    part("cls", self.cls);
    part("positions", self.positions);
    part("layers", self.layers);
    part("norm", self.norm);
    part("fc", self.fc);
  }
};

}  // namespace regrad
