// BERT (Devlin et al. 2019) and RoBERTa (Liu et al. 2019) of any size, as classifiers, read from a
// Hugging Face folder (config.json, model.safetensors).
//
//   Bert net = read_bert("minilm", {.classes = 2, .random = Random(seed)});
//   Tensor logits = net(ids, ctx);                   // i64 [N,L] with [CLS] first -> [N,2]
//   Tensor h = net.features(ids, ctx);               // [N,384], the last hidden vector of [CLS]
//
// Tokens are packed (packed.h): a text's logits have the same bits alone, under any padding behind
// it and in any batch, and padding costs nothing. Attention weights are not dropped out
// (attention_probs_dropout_prob is not used).
#pragma once

#include <regrad/layers/attention.h>
#include <regrad/layers/embedding.h>
#include <regrad/layers/packed.h>

#include <string>

namespace regrad {

class JsonFields;

struct BertConfig {
  enum Family { bert, roberta } family = bert;
  int64_t vocabulary = 30522, width = 768, layers = 12, heads = 12, inner = 3072;
  int64_t positions = 512, types = 2, pad = 0;
  double eps = 1e-12, dropout = 0.1;
  Nonlinearity activation = Nonlinearity::gelu;
};
// Of a config.json: model_type (bert, roberta, xlm-roberta, camembert), vocab_size, hidden_size,
// num_hidden_layers, num_attention_heads, intermediate_size, max_position_embeddings, and where
// they are there type_vocab_size, pad_token_id, layer_norm_eps, hidden_dropout_prob, hidden_act
// (gelu, gelu_new, gelu_pytorch_tanh, relu). IOError: no such file, no JSON. ConfigError naming
// file and field: one that is missing, or that this net does not have.
BertConfig read_bert_config(const std::string& path);
BertConfig read_bert_config(const JsonFields& fields);

// A batch. mask: b8, u8 or i64 [N,L], 1: a token; undefined: whatever is not the pad id. types: i64
// [N,L]; undefined: all 0.
struct BertInput {
  Tensor ids, mask = {}, types = {};
};

// x = LN(word + position + type), post-norm blocks; a text's first token is the first that is no
// padding. Positions are the columns of ids; RoBERTa's count a text's own tokens, from pad + 1 on.
// Head: BERT's classifier(tanh(pooler(h))), RoBERTa's out_proj(tanh(dense(h))), h the first token's
// last hidden vector: the same two layers.
struct Bert {
  Embedding words, positions, types;
  LayerNorm norm;
  std::vector<TransformerEncoderLayer> layers;
  Linear pooler, classifier;
  BertConfig config;
  // read_bert: the folder has none, so it was drawn.
  bool new_pooler = false, new_classifier = false;

  Bert() = default;
  // N(0, 0.02^2), biases 0 (BERT's). Streams: r / part. ConfigError: sizes below 1, heads that do
  // not divide width.
  Bert(const Random& r, const BertConfig& c, int64_t classes, DType t = DType::f32);

  // Behind the embeddings and behind each layer: layers + 1 times [M,E] of the M tokens of texts.
  // ShapeError: a text of more tokens than positions; ids or types outside of their tables.
  std::vector<Tensor> hidden_states(const BertInput& in, const Packed& texts, Context& ctx) const;
  Packed packed(const BertInput& in) const;
  // [N,E]. ShapeError: a text without tokens.
  Tensor features(const BertInput& in, Context& ctx) const;
  Tensor head(Tensor features, Context& ctx) const;            // [N,E] -> [N,classes]
  Tensor operator()(const BertInput& in, Context& ctx) const;  // head of features
  Tensor operator()(const BertInput& in) const { return out_of_training(*this, in); }
  Tensor features(const Tensor& ids, Context& ctx) const { return features(BertInput{ids}, ctx); }
  Tensor operator()(const Tensor& ids, Context& ctx) const { return (*this)(BertInput{ids}, ctx); }
  Tensor operator()(const Tensor& ids) const { return (*this)(BertInput{ids}); }
  // Draws what is new again: N(0, 0.02^2) of r / "pooler", r / "classifier", biases 0.
  void redraw(const Random& r);
  static void parts(auto& self, auto&& part) {
    part("words", self.words);
    part("positions", self.positions);
    part("types", self.types);
    part("norm", self.norm);
    part("layers", self.layers);
    part("pooler", self.pooler);
    part("classifier", self.classifier);
  }

 private:
  Tensor embedded(const BertInput& in, const Packed& texts, Context& ctx) const;
  Tensor through(Tensor x, const Packed& texts, Context& ctx, const Tensor& last_rows,
                 std::vector<Tensor>* states) const;
};

struct ReadBert {
  // Of a new head, where the file has none (default 2); else the file's must have as many, if
  // given.
  int64_t classes = 0;
  Random random = Random(0);  // of what is new
  DType dtype = DType::f32;
};
// The net of a folder. Names with the prefix "bert." or "roberta.", or without; norms' weight and
// bias, or gamma and beta; f16 and bf16 are widened. A pooler or head that the file lacks is new;
// heads of other tasks are passed over. What is allocated follows the file, never config.json.
// IOError naming file and tensor: one missing, of another shape than config.json says, or of a
// layer beyond its number. ConfigError: classes that the file's head does not have. Errors of
// read_bert_config and SafeTensors.
Bert read_bert(const std::string& folder, const ReadBert& o = {});
// What that tensor is called in the folder's file, for messages and peers: of each parameter of the
// net in the order of parameters(net), one name, or three (query, key, value).
std::vector<std::vector<std::string>> bert_names(const Bert& net);

}  // namespace regrad
