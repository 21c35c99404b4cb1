// The convolutional text classifier of Kim (2014, "Convolutional neural
// networks for sentence classification").
//
//   const TextCnn net(Random(seed), {.words = 20000});
//   Tensor logits = net(ids, ctx);                   // i64 [N,L], 0 is padding
//   -> [N,2] Tensor h = net.features(ids, ctx);               // [N,192], what
//   the last layer sees
#pragma once

#include <regrad/layers/attention.h>
#include <regrad/layers/embedding.h>
#include <regrad/layers/packed.h>

namespace regrad {

// One width of windows: y_t = W [x_t; ..; x_{t + width - 1}] + b at each token
// t of a text, with zeros behind the text's end, so that a text has as many
// windows as tokens, however short it is.
struct TextConv {
  Tensor weight, bias;  // [channels,D,width] as PyTorch's Conv1d; [channels]

  TextConv() = default;
  TextConv(const Random& r, int64_t in, int64_t channels, int64_t width, DType t);
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

// Shared by the text classifiers: what they are made for, and how training
// drops.
struct TextOptions {
  int64_t words = 0;    // of the vocabulary, padding included
  int64_t width = 128;  // of a word's vector
  int64_t classes = 2, pad = 0;
  double dropout = 0.3;       // of the features, before the last layer
  double word_dropout = 0.1;  // in training a word's vector is 0 with this probability
  DType dtype = DType::f32;
};

// features = [max over the windows of relu(conv_w)] for each width w; logits =
// fc(dropout(features)). Padding, wherever it stands, is left out of
// everything: a text's logits have the same bits alone, under any padding and
// in any batch. The features of a text without words are 0.
struct TextCnn {
  Embedding embedding;
  std::vector<TextConv> convs;
  Linear fc;
  TextOptions options;

  TextCnn() = default;
  // Initial values: words N(0, 0.1^2) (ours), the rest PyTorch's. ConfigError:
  // sizes below 1, pad outside of the vocabulary, probabilities outside of [0,
  // 1).
  TextCnn(const Random& r, const TextOptions& o, int64_t channels = 64,
          const std::vector<int64_t>& widths = {3, 4, 5});

  Tensor features(const Tensor& ids,
                  Context& ctx) const;  // [N, channels * widths]
  Tensor operator()(const Tensor& ids, Context& ctx) const;
  Tensor operator()(const Tensor& ids) const { return out_of_training(*this, ids); }
  static void parts(auto& self, auto&& part) {
    part("embedding", self.embedding);
    part("convs", self.convs);
    part("fc", self.fc);
  }
};

namespace detail {
void check(const char* net, const TextOptions& o);
// The words' vectors [M,D], in training some of them 0.
Tensor words_of(const Embedding& words, const Packed& texts, const TextOptions& o, Context& ctx);
Tensor classify(const Linear& fc, const Tensor& features, const TextOptions& o, Context& ctx);
}  // namespace detail

}  // namespace regrad
