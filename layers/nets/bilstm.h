// A bidirectional LSTM over words.
//
//   const BiLstm net(Random(seed), {.words = 20000});
//   Tensor logits = net(ids, ctx);                   // i64 [N,L], 0 is padding -> [N,2]
#pragma once

#include <regrad/layers/nets/text_cnn.h>
#include <regrad/layers/recurrent.h>

namespace regrad {

// features = the last hidden vectors of both directions side by side; logits =
// fc(dropout(features)). Padding, wherever it stands, is left out of everything: a text's logits
// have the same bits alone, under any padding and in any batch. The features of a text without
// words are 0.
struct BiLstm {
  Embedding embedding;
  LSTM lstm;
  Linear fc;
  TextOptions options;

  BiLstm() = default;
  // Initial values and errors as TextCnn's.
  BiLstm(const Random& r, const TextOptions& o, int64_t hidden = 64);

  Tensor features(const Tensor& ids, Context& ctx) const;  // [N, 2 * hidden]
  Tensor operator()(const Tensor& ids, Context& ctx) const;
  Tensor operator()(const Tensor& ids) const { return out_of_training(*this, ids); }
  static void parts(auto& self, auto&& part) {
    part("embedding", self.embedding);
    part("lstm", self.lstm);
    part("fc", self.fc);
  }
};

}  // namespace regrad
