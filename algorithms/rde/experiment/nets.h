// The victims of a table: text classifiers from scratch by name, or a pretrained one; one type for
// all.
#pragma once

#include <regrad/layers/nets/bert.h>
#include <regrad/layers/nets/bilstm.h>
#include <regrad/layers/nets/text_cnn.h>
#include <regrad/layers/nets/transformer.h>

#include <string>
#include <variant>
#include <vector>

namespace regrad::rde {

// cnn, bilstm, transformer: from scratch.
const std::vector<std::string>& net_names();

struct TextNet {
  std::variant<TextCnn, BiLstm, TextTransformer, Bert> net;

  TextNet() = default;
  // ConfigError: no such name.
  TextNet(const std::string& name, const Random& r, const TextOptions& o, int64_t most);
  explicit TextNet(Bert pretrained) : net(std::move(pretrained)) {}

  // ids i64 [N,L] with pad() for padding. The last hidden vector before the linear layer [N,d]
  // (Bert: the first token's of the last hidden layer, before the pooler), and logits.
  Tensor features(const Tensor& ids, Context& ctx) const {
    return std::visit([&](const auto& n) { return n.features(ids, ctx); }, net);
  }
  Tensor operator()(const Tensor& ids, Context& ctx) const {
    return std::visit([&](const auto& n) { return n(ids, ctx); }, net);
  }
  // Of features.
  Tensor logits(const Tensor& features) const;
  int64_t pad() const;
  static void parts(auto& self, auto&& part) {
    std::visit([&](auto& n) { std::decay_t<decltype(n)>::parts(n, part); }, self.net);
  }
};

// Lists of ids, padded to the longest: i64 [N,L], L at least 1.
Tensor padded(const std::vector<std::vector<int64_t>>& texts, int64_t pad = 0);

// Out of training, some texts at a time: f64 [N,d], [N,C], [N,C], in f32's steps.
struct Read {
  Tensor features, logits, probabilities;
  std::vector<int64_t> predicted() const;
};
Read read(const TextNet& net, const std::vector<std::vector<int64_t>>& texts);

}  // namespace regrad::rde
