// BERT and RoBERTa from folders that the transformers library wrote (bert.py), against its hidden
// states, logits, gradients and steps; folders that do not fit.
#include <doctest/doctest.h>

#include <regrad/engine/io/json_fields.h>
#include <regrad/layers/nets/bert.h>
#include <regrad/layers/optim.h>

#include <fstream>

#include "../temp_folder.h"
#include "text_fixture.h"

using namespace regrad;
using namespace regrad::test;

namespace {

const std::string folder = REGRAD_BERT;
const TensorFile& truth() {
  static const TensorFile file = load_safetensors(folder + "/truth.safetensors");
  return file;
}
BertInput input(const Case& c) {
  const std::string types = c.name + ".in.types";
  return {c.in("ids"), {}, truth().contains(types) ? truth()[types] : Tensor()};
}
const Tensor labels = tensor({2, 0, 1}, DType::i64);

// Sum, and sum with cotangents, of each of a parameter's pieces against the file's.
double sums_apart(const Bert& net, const std::vector<Tensor>& values, const std::string& at) {
  const auto names = bert_names(net);
  if (names.size() != values.size()) return 1e300;
  double worst = 0, scale = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t rows = values[i].size(0) / static_cast<int64_t>(names[i].size());
    for (size_t k = 0; k < names[i].size(); ++k) {
      const auto from = static_cast<int64_t>(k) * rows;
      const Tensor t = slice(values[i], 0, from, from + rows);
      const Tensor& wanted = truth()[at + names[i][k]];
      worst = std::max(worst, std::abs(sum(t).item() - wanted[0].item()));
      worst = std::max(worst, std::abs(sum(t * cotangent(t)).item() - wanted[1].item()));
      scale = std::max(scale, amax(abs(wanted)).item());
    }
  }
  return worst / scale;
}

std::string read(const std::string& path) { return read_file(path); }
void write(const std::string& path, const std::string& text) { write_file(path, text); }

// A copy of a folder that a test may spoil.
class Spoiled {
 public:
  explicit Spoiled(const std::string& name) : from_(folder + "/" + name) {
    write(temp_ / "config.json", read(from_ + "/config.json"));
    write(temp_ / "model.safetensors", read(from_ + "/model.safetensors"));
  }
  void config(const std::string& field, const std::string& value) {
    std::string text = read(from_ + "/config.json");
    const size_t at = text.find("\"" + field + "\": ");
    REQUIRE(at != std::string::npos);
    const size_t begin = at + field.size() + 4, end = text.find_first_of(",\n", begin);
    write(temp_ / "config.json", text.replace(begin, end - begin, value));
  }
  template <class F>
  void weights(F&& change) {
    TensorFile file = load_safetensors(from_ + "/model.safetensors");
    std::vector<NamedTensor> out;
    for (NamedTensor t : file.tensors)
      if (change(t)) out.push_back(t);
    save_safetensors(temp_ / "model.safetensors", out);
  }
  const std::string& name() const { return temp_.name(); }
  std::string operator/(const std::string& file) const { return temp_ / file; }

 private:
  std::string from_;
  TempFolder temp_{};
};

}  // namespace

TEST_CASE("tiny BERT, RoBERTa and a headless one: hidden states and logits") {
  for (const char* name : {"bert", "roberta", "plain"}) {
    CAPTURE(name);
    const Case c{truth(), name};
    for (const DType t : {DType::f64, DType::f32}) {
      const Bert net = read_bert(folder + "/" + name, {.dtype = t});
      const double bound = t == DType::f64 ? 1e-12 : 1e-5;
      Context ctx;
      const Packed texts = net.packed(input(c));
      const std::vector<Tensor> hidden = net.hidden_states(input(c), texts, ctx);
      CHECK(hidden.size() == net.layers.size() + 1);
      for (size_t k = 0; k < hidden.size(); ++k)
        CHECK(apart(hidden[k].to(DType::f64), c.out("hidden." + std::to_string(k))) < bound);
      CHECK(equal_bits(net.features(input(c), ctx),
                       index_select(hidden.back(), 0, first_rows(texts))));
      if (std::string(name) == "plain") continue;
      CHECK(apart(net(input(c)).to(DType::f64), c.out("logits")) < bound);
      const BertInput late{c.in("late")};
      const Tensor last = net.hidden_states(late, net.packed(late), ctx).back();
      CHECK(apart(last.to(DType::f64), c.out("late")) < bound);
    }
  }
}

TEST_CASE("fine-tuning: every gradient, and three steps of AdamW, as PyTorch's") {
  for (const char* name : {"bert", "roberta"}) {
    CAPTURE(name);
    const Case c{truth(), name};
    Bert net = read_bert(folder + "/" + name, {.dtype = DType::f64});
    const Adam adam{.lr = 1e-3, .weight_decay = 0.01, .decoupled_weight_decay = true};
    Adam::State state;
    for (int step = 0; step < 3; ++step) {
      const Tensor loss = cross_entropy(net(input(c)), labels);
      const std::vector<Tensor> g = parameters(grad(loss, net));
      if (step == 0) {
        CHECK(apart(loss, c.out("loss")) < 1e-12);
        CHECK(sums_apart(net, g, c.name + ".grad.") < 1e-11);
        for (const Tensor& t : g) CHECK(amax(abs(t)).item() > 0);
      }
      net = update(adam, std::move(net), state, g);
    }
    // of Adam's first steps the sign of a gradient near 0 is what counts (key biases have none)
    CHECK(sums_apart(net, parameters(net), c.name + ".after.") < 1e-6);
  }
}

TEST_CASE("padding and company change no bit of a text's logits") {
  const NoGrad quiet;
  const Bert net(
      Random(4),
      {.vocabulary = 90, .width = 48, .layers = 2, .heads = 4, .inner = 96, .positions = 64}, 3);
  std::vector<std::vector<double>> texts;
  for (int64_t n = 0; n < 40; ++n) {
    texts.push_back({1});
    for (int64_t j = 0; j < n * 7 % 40; ++j)
      texts.back().push_back(static_cast<double>(2 + (n * 31 + j * 17) % 88));
  }
  const auto batch = [&](size_t from, size_t to, int64_t columns) {
    std::vector<double> v;
    for (size_t n = from; n < to; ++n) {
      v.insert(v.end(), texts[n].begin(), texts[n].end());
      v.resize((n - from + 1) * static_cast<size_t>(columns));
    }
    return tensor(v, {static_cast<int64_t>(to - from), columns}, DType::i64);
  };
  const Tensor whole = net(batch(0, 40, 41)), wider = net(batch(0, 40, 60));
  CHECK(equal_bits(whole, wider));
  bool same = true;
  for (size_t n = 0; n < 40; ++n) {
    const auto i = static_cast<int64_t>(n);
    const Tensor alone = net(batch(n, n + 1, static_cast<int64_t>(texts[n].size())));
    same = same && equal_bits(alone, slice(whole, 0, i, i + 1));
    const size_t end = std::min<size_t>(40, n + 3);
    same = same && equal_bits(slice(net(batch(n, end, 50)), 0, 0, 1), alone);
  }
  CHECK(same);
}

TEST_CASE("masks, types and positions") {
  const Bert net = read_bert(folder + "/bert", {.dtype = DType::f64});
  const Tensor ids = tensor({2, 17, 0, 9, 3, 2, 8, 3, 0, 0}, {2, 5}, DType::i64),
               mask = tensor({1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, {2, 5}, DType::i64);
  // the pad id as a token of a text
  CHECK(!equal_bits(net(BertInput{ids, mask})[0], net(ids)[0]));
  CHECK(equal_bits(net(BertInput{ids, mask})[1], net(ids)[1]));
  CHECK(equal_bits(net(BertInput{ids, mask.to(DType::b8)}), net(BertInput{ids, mask})));
  CHECK(equal_bits(net(BertInput{ids, {}, zeros({2, 5}, DType::i64)}), net(ids)));
  CHECK(!equal_bits(net(BertInput{ids, {}, ones({2, 5}, DType::i64)}), net(ids)));
  Context ctx;
  CHECK(complaint<ShapeError>(
            [&] {
              net(BertInput{ids, {}, zeros({2, 4}, DType::i64)});
            },
            "types [2,4]") == "");
  CHECK_THROWS_AS(net(BertInput{ids, {}, full({2, 5}, 2, DType::i64)}), ShapeError);
  CHECK_NOTHROW(net(ones({1, 24}, DType::i64)));
  CHECK(complaint<ShapeError>(
            [&] {
              net(ones({1, 25}, DType::i64));
            },
            "more than 24 tokens") == "");
  CHECK(complaint<ShapeError>([&] { net(zeros({1, 4}, DType::i64)); }, "no tokens") == "");
  CHECK_THROWS_AS(net(full({1, 4}, 60, DType::i64)), ShapeError);
  const Bert roberta = read_bert(folder + "/roberta", {.dtype = DType::f64});
  CHECK_NOTHROW(roberta(full({1, 22}, 5, DType::i64)));
  CHECK(complaint<ShapeError>(
            [&] {
              roberta(full({1, 23}, 5, DType::i64));
            },
            "more than 22") == "");
  // RoBERTa counts tokens, BERT columns
  const Tensor late = tensor({1, 1, 0, 7, 2, 0, 7, 2, 1, 1}, {2, 5}, DType::i64);
  CHECK(equal_bits(roberta(late)[0], roberta(late)[1]));
}

TEST_CASE("dropout: the embeddings, the branches and the head, not between the linear layers") {
  Bert net = read_bert(folder + "/bert");
  CHECK(net.config.dropout == 0);
  const Tensor ids = truth()["bert.in.ids"];
  Context training{.training = true, .random = Random(1)}, quiet{.training = true};
  CHECK(equal_bits(net(ids, training), net(ids)));
  const Bert made(Random(1), {.vocabulary = 9, .width = 4, .layers = 1, .heads = 1, .inner = 4}, 2);
  CHECK(made.layers[0].dropout_p == 0.1);
  CHECK(made.layers[0].inner_dropout_p == 0);
  Spoiled s("bert");
  s.config("hidden_dropout_prob", "0.4");
  const Bert drops = read_bert(s.name());
  CHECK(drops.layers[1].dropout_p == 0.4);
  CHECK(drops.layers[1].inner_dropout_p == 0);
  CHECK(!equal_bits(drops(ids, training), net(ids)));
  CHECK(equal_bits(drops(ids, quiet), net(ids)));
  // layer by layer: the same weights drop otherwise
  Bert twice = made;
  twice.layers.push_back(made.layers[0]);
  const Tensor few = tensor({3, 4, 5, 6}, {2, 2}, DType::i64);
  Context first = training, second = training;
  const Stream other(second, 1);
  const Packed of_few = made.packed({few});
  const std::vector<Tensor> states = twice.hidden_states({few}, of_few, first);
  CHECK(equal_bits(twice.layers[1](states[1], of_few.segment, second), states[2]));
  // the head's, where nothing before it drops
  Bert head = read_bert(folder + "/bert");
  head.config.dropout = 0.5;
  head.norm.weight = zeros_like(head.norm.weight);
  head.norm.bias = zeros_like(head.norm.bias);
  CHECK(equal_bits(head.features(ids, training), head.features(ids, quiet)));
  CHECK(!equal_bits(head(ids, training), head(ids, quiet)));
  Context ctx;
  const Packed texts = net.packed({ids});
  CHECK(!equal_bits(drops.hidden_states({ids}, texts, training)[0],
                    net.hidden_states({ids}, texts, ctx)[0]));
}

TEST_CASE("heads: of the file, new ones, and classes that do not fit") {
  CHECK(read_bert(folder + "/bert").classifier.weight.shape() == Shape{3, 32});
  CHECK(read_bert(folder + "/plain").classifier.weight.shape() == Shape{2, 32});
  const Bert a = read_bert(folder + "/plain", {.classes = 5, .random = Random(1)}),
             b = read_bert(folder + "/plain", {.classes = 5, .random = Random(2)});
  CHECK(a.classifier.weight.shape() == Shape{5, 32});
  CHECK(!equal_bits(a.classifier.weight, b.classifier.weight));
  CHECK(equal_bits(a.pooler.weight, b.pooler.weight));
  CHECK(complaint<ConfigError>([] { read_bert(folder + "/bert", {.classes = 2}); }, "head has 3") ==
        "");
  CHECK(complaint<ConfigError>([] { read_bert(folder + "/plain", {.classes = -1}); },
                               "classes -1") == "");
}

TEST_CASE("saved and loaded, a net is the same; old names of norms are read") {
  const TempFolder temp;
  const Bert net = read_bert(folder + "/roberta");
  save(net, temp / "net.safetensors");
  const Bert again = load(Bert(Random(1), net.config, 3), temp / "net.safetensors");
  const Tensor ids = truth()["roberta.in.ids"];
  CHECK(equal_bits(again(ids), net(ids)));
  Spoiled s("roberta");
  s.weights([](NamedTensor& t) {
    for (const auto& [now, old] : {std::pair{"LayerNorm.weight", "LayerNorm.gamma"},
                                   std::pair{"LayerNorm.bias", "LayerNorm.beta"}}) {
      const size_t at = t.first.find(now);
      if (at != std::string::npos) t.first.replace(at, std::string::npos, old);
    }
    return true;
  });
  CHECK(equal_bits(read_bert(s.name())(ids), net(ids)));
}

TEST_CASE("a config that does not fit its weights names file, field and tensor") {
  const struct {
    const char *field, *value, *words;
  } wrong[] = {{"num_hidden_layers", "3", "encoder.layer.2.attention.self.query.weight"},
               {"num_hidden_layers", "1000000000", "num_hidden_layers"},
               {"num_hidden_layers", "1", "'bert.encoder.layer.1."},
               {"hidden_size", "64", "is [60,32], but config.json's vocab_size makes it [60,64]"},
               {"vocab_size", "61", "vocab_size makes it [61,32]"},
               {"vocab_size", "4611686018427387904", "vocab_size"},
               {"max_position_embeddings", "25", "max_position_embeddings"},
               {"type_vocab_size", "3", "type_vocab_size"},
               {"intermediate_size", "36", "intermediate_size makes it [36,32]"}};
  for (const auto& w : wrong) {
    CAPTURE(w.field);
    Spoiled s("bert");
    s.config(w.field, w.value);
    CHECK(complaint<IOError>([&] { read_bert(s.name()); }, w.words) == "");
    CHECK(complaint<IOError>([&] { read_bert(s.name()); }, s / "model.safetensors") == "");
  }
}

TEST_CASE("configs that say what no such net is") {
  const struct {
    const char *field, *value, *words;
  } wrong[] = {{"num_attention_heads", "5", "num_attention_heads 5"},
               {"num_attention_heads", "0", "\"num_attention_heads\" is 0"},
               {"hidden_size", "\"32\"", "\"hidden_size\" must be a whole number"},
               {"hidden_size", "-32", "\"hidden_size\" is -32"},
               {"hidden_size", "32.5", "whole number"},
               {"hidden_size", "null", "needs the field \"hidden_size\""},
               {"model_type", "\"gpt2\"", "model_type \"gpt2\""},
               {"model_type", "3", "\"model_type\" must be a string"},
               {"hidden_act", "\"swish\"", "hidden_act \"swish\""},
               {"layer_norm_eps", "0", "layer_norm_eps"},
               {"layer_norm_eps", "\"small\"", "\"layer_norm_eps\" must be a number"},
               {"hidden_dropout_prob", "1", "hidden_dropout_prob"},
               {"pad_token_id", "60", "pad_token_id 60"}};
  for (const auto& w : wrong) {
    CAPTURE(w.field);
    CAPTURE(w.value);
    Spoiled s("bert");
    s.config(w.field, w.value);
    CHECK(complaint<ConfigError>([&] { read_bert(s.name()); }, w.words) == "");
    CHECK(complaint<ConfigError>([&] { read_bert(s.name()); }, s / "config.json") == "");
  }
  Spoiled s("roberta");
  s.config("max_position_embeddings", "2");
  CHECK(complaint<ConfigError>([&] { read_bert(s.name()); }, "no position") == "");
}

TEST_CASE("missing files, forged weights, broken JSON") {
  const TempFolder empty;
  CHECK(complaint<IOError>([&] { read_bert(empty.name()); }, empty / "config.json") == "");
  write(empty / "config.json", read(folder + "/bert/config.json"));
  CHECK(complaint<IOError>([&] { read_bert(empty.name()); }, empty / "model.safetensors") == "");
  const auto with_weights = [&](auto&& change, const std::string& words) {
    Spoiled s("bert");
    s.weights(change);
    CHECK(complaint<IOError>([&] { read_bert(s.name()); }, words) == "");
  };
  with_weights([](NamedTensor& t) { return t.first.find("key.bias") == std::string::npos; },
               "has no tensor 'bert.encoder.layer.0.attention.self.key.bias'");
  with_weights(
      [](NamedTensor& t) {
        if (t.first == "bert.encoder.layer.1.output.dense.weight") t.second = t.second.mT();
        return true;
      },
      "'bert.encoder.layer.1.output.dense.weight' is [37,32]");
  with_weights(
      [](NamedTensor& t) {
        if (t.first == "classifier.bias") t.second = zeros({4});
        return true;
      },
      "'classifier.bias' is [4]");
  with_weights(
      [](NamedTensor& t) {
        if (t.first == "classifier.weight") t.second = zeros({96});
        return true;
      },
      "'classifier.weight' is [96]");
  with_weights(
      [](NamedTensor& t) {
        if (t.first == "bert.embeddings.LayerNorm.bias") t.second = zeros({32}, DType::i64);
        return true;
      },
      "must be a float");
  const struct {
    const char *text, *words;
  } broken[] = {{"", "byte 0: not JSON"},
                {"{\"vocab_size\": 3", "not JSON"},
                {"[1]", "not a JSON object"},
                {"3", "not a JSON object"},
                {"{\"a\": 1, \"a\": 2}", "\"a\" is there twice"},
                {"{\"a\": 1} x", "byte 9: not JSON"}};
  for (const auto& b : broken) {
    CAPTURE(b.text);
    write(empty / "config.json", b.text);
    CHECK(complaint<IOError>([&] { read_bert(empty.name()); }, b.words) == "");
  }
}

TEST_CASE("JsonFields: the outermost fields alone") {
  const JsonFields f(R"({"a": {"b": 1, "c": [2]}, "d": [3, {"e": 4}], "n": null, "t": true,
                        "i": -5, "x": 2.5, "s": "\u00e9", "big": 18446744073709551615})",
                     "here");
  CHECK(f.integer("i") == -5);
  CHECK(f.number("i") == -5);
  CHECK(f.number("x") == 2.5);
  CHECK(f.text("s") == "\xc3\xa9");
  CHECK(f.number("big") == 18446744073709551615.0);
  CHECK(!f.contains("b"));
  CHECK(!f.contains("e"));
  CHECK(f.integer("n", 7) == 7);
  CHECK(f.integer("a", 7) == 7);
  CHECK(f.flag("t") == true);
  CHECK(f.flag("n", true) == true);
  CHECK(complaint<ConfigError>([&] { f.flag("i"); }, "\"i\" must be true or false") == "");
  CHECK(complaint<ConfigError>([&] { f.integer("d"); }, "here: needs the field \"d\"") == "");
  CHECK(complaint<ConfigError>([&] { f.integer("t"); }, "whole number") == "");
  CHECK(complaint<ConfigError>([&] { f.text("i"); }, "string") == "");
  CHECK(complaint<ConfigError>([&] { f.number("s"); }, "a number") == "");
  const std::string deep(100000, '[');
  CHECK_THROWS_AS(JsonFields("{\"a\": " + deep, "here"), IOError);
}
