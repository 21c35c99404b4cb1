// Bert from a Hugging Face folder: names, shapes and what does not fit.
#include <regrad/engine/io/json_fields.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/bert.h>

#include <algorithm>
#include <set>

namespace regrad {
namespace {

Nonlinearity activation_of(const JsonFields& f) {
  const std::string name = f.text("hidden_act", "gelu");
  if (name == "gelu" || name == "gelu_python") return Nonlinearity::gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
    return Nonlinearity::gelu_tanh;
  if (name == "relu") return Nonlinearity::relu;
  throw ConfigError(f.where() + ": hidden_act \"" + name +
                    "\"; gelu, gelu_new, gelu_pytorch_tanh and relu are known");
}
BertConfig::Family family_of(const JsonFields& f) {
  const std::string type = f.text("model_type");
  if (type == "bert") return BertConfig::bert;
  if (type == "roberta" || type == "xlm-roberta" || type == "camembert") return BertConfig::roberta;
  throw ConfigError(f.where() + ": model_type \"" + type +
                    "\"; bert, roberta, xlm-roberta and camembert are known");
}

// The tensors of a file under their names, without prefix.
class Weights {
 public:
  Weights(const std::string& path, DType t) : file_(path), path_(path), dtype_(t) {
    for (const std::string& name : file_.names()) names_.insert(name);
    for (const char* p : {"bert.", "roberta."})
      if (names_.count(std::string(p) + "embeddings.word_embeddings.weight")) prefix_ = p;
  }

  // Whether the net's own (behind the prefix) or the head's tensor is there.
  bool has(const std::string& name) const {
    return names_.count(prefix_ + name) || names_.count(name);
  }
  Tensor take(const std::string& name, const Shape& shape, const std::string& why) {
    std::string full = names_.count(prefix_ + name) ? prefix_ + name : name;
    for (const auto& [now, before] : {std::pair{"LayerNorm.weight", "LayerNorm.gamma"},
                                      std::pair{"LayerNorm.bias", "LayerNorm.beta"}}) {
      const size_t at = full.rfind(now);
      if (names_.count(full) || at == std::string::npos) continue;
      const std::string old = prefix_ + name.substr(0, name.rfind(now)) + before;
      if (names_.count(old)) full = old;
    }
    if (!names_.count(full))
      throw IOError(path_ + ": has no tensor '" + prefix_ + name + "', which " + why + " asks for");
    const Tensor t = file_.read(full);
    if (!is_floating(t.dtype()))
      throw IOError(path_ + ": tensor '" + full + "' is " + regrad::name(t.dtype()) +
                    ", a weight must be a float");
    if (t.shape() != shape)
      throw IOError(path_ + ": tensor '" + full + "' is " + str(t.shape()) + ", but " + why +
                    " makes it " + str(shape));
    taken_.insert(full);
    return t.to(dtype_).detach().requires_grad_();
  }
  // Sizes that are in no config field: of a head.
  Shape shape(const std::string& name) const {
    return file_.read(names_.count(prefix_ + name) ? prefix_ + name : name).shape();
  }
  // IOError where a tensor of the net itself was not taken.
  void finish(int64_t layers) const {
    for (const std::string& full : names_) {
      if (taken_.count(full)) continue;
      const bool own = full.compare(0, prefix_.size(), prefix_) == 0;
      const std::string name = own ? full.substr(prefix_.size()) : full;
      if (name.compare(0, 14, "encoder.layer.") != 0) continue;
      throw IOError(path_ + ": tensor '" + full + "' belongs to no layer of a net of " +
                    std::to_string(layers) + " (config.json's num_hidden_layers)");
    }
  }

 private:
  SafeTensors file_;
  std::string path_, prefix_;
  DType dtype_;
  std::set<std::string> names_, taken_;
};

const char* const embeddings[] = {"embeddings.word_embeddings.weight",
                                  "embeddings.position_embeddings.weight",
                                  "embeddings.token_type_embeddings.weight"};

class Reader {
 public:
  Reader(const std::string& folder, const ReadBert& o)
      : o_(o),
        c_(read_bert_config(folder + "/config.json")),
        w_(folder + "/model.safetensors", o.dtype) {}

  Bert read() {
    Bert net;
    net.config = c_;
    const std::string why = "config.json";
    net.words.weight = w_.take(embeddings[0], {c_.vocabulary, c_.width}, why + "'s vocab_size");
    net.positions.weight =
        w_.take(embeddings[1], {c_.positions, c_.width}, why + "'s max_position_embeddings");
    net.types.weight = w_.take(embeddings[2], {c_.types, c_.width}, why + "'s type_vocab_size");
    net.norm = norm("embeddings.LayerNorm");
    for (int64_t i = 0; i < c_.layers; ++i)
      net.layers.push_back(layer("encoder.layer." + std::to_string(i) + "."));
    head(net);
    w_.finish(c_.layers);
    return net;
  }

 private:
  Linear linear(const std::string& name, int64_t in, int64_t out, const std::string& why) {
    Linear l;
    l.weight = w_.take(name + ".weight", {out, in}, why);
    l.bias = w_.take(name + ".bias", {out}, why);
    return l;
  }
  LayerNorm norm(const std::string& name) {
    LayerNorm n;
    n.weight = w_.take(name + ".weight", {c_.width}, "config.json's hidden_size");
    n.bias = w_.take(name + ".bias", {c_.width}, "config.json's hidden_size");
    n.eps = c_.eps;
    return n;
  }
  TransformerEncoderLayer layer(const std::string& at) {
    const std::string layers = "config.json's num_hidden_layers and hidden_size",
                      inner = "config.json's intermediate_size";
    TransformerEncoderLayer l;
    std::vector<Tensor> weight, bias;
    for (const char* third : {"query", "key", "value"}) {
      const Linear part = linear(at + "attention.self." + third, c_.width, c_.width, layers);
      weight.push_back(part.weight);
      bias.push_back(part.bias);
    }
    l.self_attn.in_proj_weight = cat(weight, 0).detach().requires_grad_();
    l.self_attn.in_proj_bias = cat(bias, 0).detach().requires_grad_();
    l.self_attn.out_proj = linear(at + "attention.output.dense", c_.width, c_.width, layers);
    l.self_attn.heads = c_.heads;
    l.norm1 = norm(at + "attention.output.LayerNorm");
    l.linear1 = linear(at + "intermediate.dense", c_.width, c_.inner, inner);
    l.linear2 = linear(at + "output.dense", c_.inner, c_.width, inner);
    l.norm2 = norm(at + "output.LayerNorm");
    l.dropout_p = c_.dropout;
    l.norm_first = false;
    l.activation = c_.activation;
    return l;
  }
  void head(Bert& net) {
    const bool bert = c_.family == BertConfig::bert;
    const std::string first = bert ? "pooler.dense" : "classifier.dense",
                      last = bert ? "classifier" : "classifier.out_proj",
                      width = "config.json's hidden_size";
    if (w_.has(first + ".weight")) {
      net.pooler = linear(first, c_.width, c_.width, width);
    } else {
      net.pooler = fresh("pooler", c_.width);
      net.new_pooler = true;
    }
    if (!w_.has(last + ".weight")) {
      net.classifier = fresh("classifier", o_.classes ? o_.classes : 2);
      net.new_classifier = true;
      return;
    }
    const Shape s = w_.shape(last + ".weight");
    const int64_t classes = s.size() == 2 ? s[0] : 0;
    if (o_.classes && classes != o_.classes)
      throw ConfigError("read_bert: " + std::to_string(o_.classes) +
                        " classes asked for; the file's head has " + std::to_string(classes));
    net.classifier = linear(last, c_.width, classes, width);
  }
  // N(0, 0.02^2), bias 0, as BERT starts.
  Linear fresh(const char* name, int64_t out) const {
    if (out < 1) throw ConfigError("read_bert: classes " + std::to_string(out));
    Linear l;
    l.weight = normal(o_.random / name, {out, c_.width}, 0, 0.02, o_.dtype).requires_grad_();
    l.bias = zeros({out}, o_.dtype).requires_grad_();
    return l;
  }

  ReadBert o_;
  BertConfig c_;
  Weights w_;
};

}  // namespace

BertConfig read_bert_config(const std::string& path) { return read_bert_config(JsonFields(path)); }

BertConfig read_bert_config(const JsonFields& f) {
  const std::string& path = f.where();
  BertConfig c;
  c.family = family_of(f);
  const auto size = [&](const char* name, std::optional<int64_t> otherwise = {}) {
    const int64_t n = f.integer(name, otherwise);
    if (n < 1)
      throw ConfigError(path + ": \"" + name + "\" is " + std::to_string(n) +
                        ", must be at least 1");
    return n;
  };
  c.vocabulary = size("vocab_size");
  c.width = size("hidden_size");
  c.layers = size("num_hidden_layers");
  c.heads = size("num_attention_heads");
  c.inner = size("intermediate_size");
  c.positions = size("max_position_embeddings");
  c.types = size("type_vocab_size", 2);
  c.pad = f.integer("pad_token_id", c.family == BertConfig::bert ? 0 : 1);
  c.eps = f.number("layer_norm_eps", 1e-12);
  c.dropout = f.number("hidden_dropout_prob", 0.1);
  c.activation = activation_of(f);
  if (c.width % c.heads)
    throw ConfigError(path + ": num_attention_heads " + std::to_string(c.heads) +
                      " does not divide hidden_size " + std::to_string(c.width));
  if (!(c.eps > 0) || !(c.dropout >= 0 && c.dropout < 1))
    throw ConfigError(path + ": layer_norm_eps must be above 0, hidden_dropout_prob in [0, 1)");
  if (c.pad < 0 || c.pad >= c.vocabulary)
    throw ConfigError(path + ": pad_token_id " + std::to_string(c.pad) + " is outside of " +
                      std::to_string(c.vocabulary) + " words");
  if (c.family == BertConfig::roberta && c.positions <= c.pad + 1)
    throw ConfigError(path + ": max_position_embeddings " + std::to_string(c.positions) +
                      " leaves no position behind pad_token_id + 1");
  const std::string kind = f.text("position_embedding_type", "absolute");
  if (kind != "absolute")
    throw ConfigError(path + ": position_embedding_type \"" + kind + "\"; absolute is known");
  return c;
}

Bert read_bert(const std::string& folder, const ReadBert& o) {
  return typed_memory([&] { return Reader(folder, o).read(); });
}

std::vector<std::vector<std::string>> bert_names(const Bert& net) {
  const bool bert = net.config.family == BertConfig::bert;
  const std::string prefix = bert ? "bert." : "roberta.";
  std::vector<std::vector<std::string>> out;
  const auto both = [&](const std::string& name) {
    out.push_back({name + ".weight"});
    out.push_back({name + ".bias"});
  };
  for (const char* name : embeddings) out.push_back({prefix + name});
  both(prefix + "embeddings.LayerNorm");
  for (size_t i = 0; i < net.layers.size(); ++i) {
    const std::string at = prefix + "encoder.layer." + std::to_string(i) + ".",
                      self = at + "attention.self.";
    for (const char* kind : {".weight", ".bias"})
      out.push_back({self + "query" + kind, self + "key" + kind, self + "value" + kind});
    for (const char* name : {"attention.output.dense", "intermediate.dense", "output.dense",
                             "attention.output.LayerNorm", "output.LayerNorm"})
      both(at + name);
  }
  both(bert ? prefix + "pooler.dense" : "classifier.dense");
  both(bert ? "classifier" : "classifier.out_proj");
  return out;
}

}  // namespace regrad
