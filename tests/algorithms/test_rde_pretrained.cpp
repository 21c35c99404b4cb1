// The pretrained victim: folders, texts taken apart for its pieces, fine-tuning against a plain
// loop, checkpoints in fine-tuning and attack, what a file of it holds.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/datasets/text/byte_pair.h>
#include <regrad/datasets/text/word_piece.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/serialize.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::rde;
using test::complaint;
using test::TempFolder;

namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

// one layer, 32 wide, 24 positions, 60 pieces, no classifier (tests/layers/bert.py)
const std::string plain = REGRAD_BERT "/plain";

TableSettings settings() {
  TableSettings s;
  s.nets = {"pretrained"}, s.attacks = {"pwws"}, s.net = plain;
  s.train = 160, s.validation = 20, s.test = s.attacked = 60;
  s.fine_tuning = {.epochs = 2, .lr = 2e-3};
  s.batch = 16, s.most = 20;
  s.components = 5, s.fit = 100, s.adversarial = 10, s.confident = 0.52;
  return s;
}
const std::shared_ptr<const Corpus>& corpus() {
  static const auto made = corpus_of(load_data("reviews", "", settings()), settings());
  return made;
}
const experiment::Job job{"rde", "pretrained", 3};
const int64_t training = training_steps(settings(), *corpus(), "pretrained"),
              steps_in_all = trial_steps(settings(), *corpus(), "pretrained");

const Bert& bert(const RdeTrial& t) { return std::get<Bert>(t.classifier().net.net); }
std::map<std::string, std::vector<double>> numbers(RdeTrial& t) {
  std::map<std::string, std::vector<double>> out;
  t.state([&](const std::string& name, Tensor& x) { out[name] = x.to_vector<double>(); });
  return out;
}

// A copy of the folder that a test may spoil.
class Copy {
 public:
  explicit Copy(const std::string& from = plain) {
    for (const auto& e : fs::directory_iterator(from))
      fs::copy(e.path(), at_ / e.path().filename().string());
  }
  void write(const std::string& file, const std::string& bytes) { write_file(at_ / file, bytes); }
  std::string text(const std::string& file) const { return read_file(at_ / file); }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string bytes = text(file);
    const size_t place = bytes.find(from);
    REQUIRE(place != std::string::npos);
    write(file, bytes.replace(place, from.size(), to));
  }
  void remove(const std::string& file) { fs::remove(at_ / file); }
  const std::string& name() const { return at_.name(); }

 private:
  TempFolder at_{};
};

}  // namespace

TEST_CASE("a folder is read once; what it lacks of a head is drawn by seed") {
  CHECK(training == 20);
  CHECK(steps_in_all == 80);
  const RdeTrial a(job, settings(), corpus()), b({"rde", "pretrained", 4}, settings(), corpus());
  const Bert &x = bert(a), &y = bert(b);
  CHECK(x.words.weight.data<float>() == y.words.weight.data<float>());
  CHECK(x.pooler.weight.data<float>() == y.pooler.weight.data<float>());  // it has that
  CHECK(x.classifier.weight.shape() == Shape{2, 32});
  CHECK(amax(abs(x.classifier.weight - y.classifier.weight)).item() > 0.01);
  const Tensor wanted =
      normal(Random(3) / "rde" / "init" / "classifier", {2, 32}, 0, 0.02, DType::f32);
  CHECK(amax(abs(x.classifier.weight - wanted)).item() == 0);
  CHECK(amax(abs(x.classifier.bias)).item() == 0);
  // a folder with a head keeps it
  const Bert whole = read_bert(REGRAD_BERT "/bert");
  Bert again = whole;
  again.redraw(Random(9));
  CHECK(again.classifier.weight.data<float>() == whole.classifier.weight.data<float>());
}

TEST_CASE("features are the first token's last hidden vector; logits go through the head") {
  const RdeTrial t(job, settings(), corpus());
  const WordPiece pieces = WordPiece::load(plain + "/vocab.txt");
  const Strings texts = {"the film is good , but the plot is messy .", "", "nobody disliked it!"};
  const Read r = t.classifier().read(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<int64_t> ids = pieces.ids(texts[i], 20);
    CHECK(t.classifier().ids(texts[i]) == ids);
    const BertInput row{tensor(ids).reshape({1, static_cast<int64_t>(ids.size())})};
    Context ctx;
    const auto at = static_cast<int64_t>(i);
    const Tensor h = bert(t).hidden_states(row, bert(t).packed(row), ctx).back()[0];
    CHECK(amax(abs(r.features[at] - h.to(DType::f64))).item() == 0);
    CHECK(amax(abs(r.logits[at] - bert(t)(row)[0].to(DType::f64))).item() == 0);
  }
}

TEST_CASE("ids of another padding: what stands behind a text is the net's own") {
  Bert net = read_bert(REGRAD_BERT "/roberta", {.dtype = DType::f32});
  const TextNet victim(net);
  CHECK(victim.pad() == 1);
  CHECK(TextNet("cnn", Random(1), {.words = 9}, 8).pad() == 0);
  const Read both = read(victim, {{0, 7, 9, 2}, {0, 2}}), one = read(victim, {{0, 2}});
  CHECK(amax(abs(both.logits[1] - one.logits[0])).item() == 0);
  CHECK(padded({{5}, {6, 7}}, 1).to_vector<int64_t>() == std::vector<int64_t>{5, 1, 6, 7});
  // in training too: the loss of the first step, that of the texts one by one
  Corpus other = *corpus();
  other.pretrained = std::make_shared<const Pretrained>(
      Pretrained{net,
                 std::make_shared<const Tokenizer>([](const std::string& text, int64_t) {
                   std::vector<int64_t> ids = {0, 5 + static_cast<int64_t>(text.size()) % 50, 2};
                   if (text.size() % 2) ids.insert(ids.begin() + 1, 9);
                   return ids;
                 }),
                 {}});
  TableSettings s = settings();
  s.batch = 160, s.fine_tuning.epochs = 1;
  RdeTrial trial(job, s, std::make_shared<const Corpus>(other));
  const Bert first = bert(trial);
  double loss = 0;
  for (size_t i = 0; i < 160; ++i) {
    const std::string& text = corpus()->data.train.texts[i];
    const std::vector<int64_t> ids = (*other.pretrained->tokenizer)(text, 20);
    const Tensor row = tensor(ids).reshape({1, static_cast<int64_t>(ids.size())});
    loss -= log_softmax(first(row), 1)[0][corpus()->data.train.labels[i]].item() / 160;
  }
  const experiment::Moment moment = trial.step(0);
  CHECK(moment.at(1).first == "training loss");
  CHECK(moment.at(1).second == doctest::Approx(loss).epsilon(1e-5));
}

TEST_CASE("a text taken apart for a tokenizer: whole texts, and words that the net sees") {
  const WordPiece pieces = WordPiece::load(plain + "/vocab.txt");
  const Tokenizer ids = [&](const std::string& text, int64_t most) {
    return pieces.ids(text, most);
  };
  const std::string text = "The film's plot, dulled: a GOOD ending";
  const Pattern p(text, ids, 24);
  CHECK(p.words() == Strings{"The", "film's", "plot", "dulled", "a", "GOOD", "ending"});
  CHECK(p.ids(p.words()) == pieces.ids(text, 24));
  Words w = p.words();
  w[3] = "liked";
  CHECK(p.ids(w) == pieces.ids("The film's plot, liked: a GOOD ending", 24));
  w[3] = "[UNK]";
  std::vector<int64_t> unknown = pieces.ids("The film's plot, ZZ: a GOOD ending", 24);
  CHECK(p.ids(w) == unknown);
  w[3] = "";
  CHECK(p.ids(w) == pieces.ids("The film's plot,: a GOOD ending", 24));
  CHECK_THROWS_AS(p.ids({"a"}), ShapeError);
  // [CLS] the film ' s plot [SEP]: "film's" is seen in part, "plot" is the last
  CHECK(Pattern(text, ids, 7).words() == Strings{"The", "film's", "plot"});
  CHECK(Pattern(text, ids, 4).words() == Strings{"The", "film's"});
  CHECK(Pattern(text, ids, 2).words().empty());
  CHECK(Pattern(text, ids, 7).ids({"A", "film's", "plot"}).size() == 7);
  CHECK(Pattern("", ids, 5).words().empty());
}

// AdamW by plain loops: decay of matrices alone, the step size up from 0 and down to 0, gradients
// of a norm of at most 1.
TEST_CASE("fine-tuning is AdamW with warm-up, linear decay, and a bound on the gradient") {
  const TableSettings s = settings();
  RdeTrial trial(job, s, corpus());
  Bert net = bert(trial);
  const WordPiece pieces = WordPiece::load(plain + "/vocab.txt");
  const Random r = Random(3) / "rde";
  std::vector<std::vector<double>> m, v;
  int clipped = 0;
  for (int64_t i = 0; i < training; ++i) {
    trial.step(i);
    const std::vector<int64_t> order = randperm(r / "order" / (i / 10), 160).to_vector<int64_t>();
    std::vector<int64_t> ids, y;
    for (int64_t k = 16 * (i % 10); k < 16 * (i % 10) + 16; ++k) {
      const auto at = static_cast<size_t>(order[static_cast<size_t>(k)]);
      std::vector<int64_t> of = pieces.ids(corpus()->data.train.texts[at], 20);
      of.resize(20, 0);
      ids.insert(ids.end(), of.begin(), of.end());
      y.push_back(corpus()->data.train.labels[at]);
    }
    Context ctx{.training = true, .random = r / "dropout" / i};
    const Tensor logits = net(tensor(ids).reshape({16, 20}), ctx);
    const Tensor loss = -mean(gather(log_softmax(logits, 1), 1, tensor(y).reshape({16, 1})));
    const std::vector<Tensor> p = parameters(net);
    std::vector<std::vector<double>> g;
    double norm = 0;
    for (const Tensor& t : parameters(grad(loss, net))) {
      g.push_back(t.to_vector<double>());
      for (const double x : g.back()) norm += x * x;
    }
    norm = std::sqrt(norm);
    clipped += norm > 1;
    const double scale = norm > 1 ? 1 / (norm + 1e-6) : 1;
    // two of twenty steps up, eighteen down
    const auto at = static_cast<double>(i);
    const double lr = i < 2 ? 2e-3 * at / 2 : 2e-3 * (20 - at) / 18;
    m.resize(p.size()), v.resize(p.size());
    std::vector<Tensor> next;
    for (size_t k = 0; k < p.size(); ++k) {
      std::vector<double> x = p[k].to_vector<double>();
      m[k].resize(x.size()), v[k].resize(x.size());
      for (size_t j = 0; j < x.size(); ++j) {
        const double d = g[k][j] * scale;
        m[k][j] = 0.9 * m[k][j] + 0.1 * d;
        v[k][j] = 0.999 * v[k][j] + 0.001 * d * d;
        if (p[k].dim() == 2) x[j] -= lr * 0.01 * x[j];
        x[j] -= lr * (m[k][j] / (1 - std::pow(0.9, at + 1))) /
                (std::sqrt(v[k][j] / (1 - std::pow(0.999, at + 1))) + 1e-8);
      }
      next.push_back(tensor(x, p[k].shape(), DType::f32).requires_grad_());
    }
    net = regrad::at(net, next);
  }
  CHECK(clipped > 0);
  const auto want = named_parameters(net), got = named_parameters(bert(trial));
  REQUIRE(want.size() == got.size());
  for (size_t k = 0; k < want.size(); ++k) {
    CAPTURE(want[k].first);
    Tensor apart = abs(want[k].second - got[k].second);
    // a key's bias has no gradient but rounding's
    if (want[k].first == "layers.0.self_attn.in_proj_bias")
      apart = cat({slice(apart, 0, 0, 32), slice(apart, 0, 64, 96)}, 0);
    CHECK(amax(apart).item() < 2e-5);
  }
}

TEST_CASE("stopped in fine-tuning and in the attack it ends as one that was not") {
  RdeTrial whole(job, settings(), corpus());
  for (int64_t i = 0; i < steps_in_all; ++i) whole.step(i);
  const auto wanted = numbers(whole);
  for (const int64_t half : {int64_t{7}, training + 33}) {
    RdeTrial first(job, settings(), corpus());
    for (int64_t i = 0; i < half; ++i) first.step(i);
    std::map<std::string, Tensor> kept;
    first.state([&](const std::string& name, Tensor& t) { kept[name] = t; });
    RdeTrial second(job, settings(), corpus());
    second.state([&](const std::string& name, Tensor& t) {
      CHECK(t.shape() == kept.at(name).shape());
      t = kept.at(name);
    });
    CHECK(numbers(first) == numbers(second));
    for (int64_t i = half; i < steps_in_all; ++i) second.step(i);
    CHECK(numbers(second) == wanted);
  }
  // attacked texts are what the log says they are to the net
  int won = 0;
  for (const Attacked& a : whole.runs()[0].log(false)) {
    const Read r = whole.classifier().read({a.original(), a.perturbed()});
    CHECK(r.predicted() == std::vector<int64_t>{a.original_output, a.perturbed_output});
    won += a.result == AttackResult::successful;
  }
  CHECK(won > 5);
  const experiment::Outcome out = whole.finish();
  std::map<std::string, double> score;
  for (const auto& one : out.scores)
    if (one.method == "rde") score[one.metric] = one.value;
  const Read test = whole.classifier().read(corpus()->data.test.texts);
  const std::vector<int64_t> predicted = test.predicted();
  double right = 0;
  for (size_t i = 0; i < 60; ++i) right += predicted[i] == corpus()->data.test.labels[i];
  CHECK(score.at("accuracy@pretrained") == doctest::Approx(100 * right / 60));
  CHECK(score.count("AUC, pwws@pretrained") == 1);
}

TEST_CASE("a file of the trained net holds all that it needs") {
  RdeTrial trial(job, settings(), corpus());
  for (int64_t i = 0; i < 4; ++i) trial.step(i);
  const TempFolder at;
  save_safetensors(at / "net", trial.model(), trial.about());
  const TensorFile file = load_safetensors(at / "net");
  std::map<std::string, std::string> files;
  for (const char* name : {"config.json", "vocab.txt"}) files[name] = file.metadata.at(name);
  CHECK(file.metadata.at("net") == "pretrained");
  CHECK(file.metadata.at("class_names") == "negative\npositive");
  CHECK(file.metadata.at("most") == "20");
  CHECK(file.metadata.count("width") == 0);
  const Pretrained p = pretrained_of(files, "net", 2);
  const Classifier again{TextNet(with_tensors(p.net, file)), corpus()->vocabulary, 20, p.tokenizer};
  const Strings texts = {"the film is good", "a dull , silly story"};
  CHECK(amax(abs(again.read(texts).logits - trial.classifier().read(texts).logits)).item() == 0);
}

TEST_CASE("RoBERTa's folder: byte pairs, a start and an end of its own") {
  Copy c(REGRAD_BERT "/roberta");
  const std::string byte_pair = REGRAD_GOLDEN_BYTE_PAIR;
  for (const char* file : {"vocab.json", "merges.txt"})
    c.write(file, read_file(byte_pair + "/" + file));
  CHECK(complaint<IOError>([&] { load_pretrained(c.name(), 3); },
                           "vocab.json: 661 pieces; config.json's net has 60") == "");
  // a row for each piece
  TensorFile net = load_safetensors(c.name() + "/model.safetensors");
  for (auto& [name, t] : net.tensors)
    if (t.dim() == 2 && t.size(0) == 60) t = normal(Random(5) / name, {661, t.size(1)}, 0, 0.1);
  save_safetensors(c.name() + "/model.safetensors", net.tensors, net.metadata);
  c.replace("config.json", "\"vocab_size\": 60", "\"vocab_size\": 661");
  const Pretrained got = load_pretrained(c.name(), 3);
  const BytePair pieces = BytePair::load(byte_pair);
  for (const char* text : {"It's a good film!", "", "caf\u00e9"})
    CHECK((*got.tokenizer)(text, 9) == pieces.ids(text, 9));
  c.replace("config.json", "\"pad_token_id\": 1", "\"pad_token_id\": 3");
  CHECK(complaint<IOError>([&] { load_pretrained(c.name(), 3); },
                           "vocab.json: <pad> has the id 1, config.json says 3") == "");
}

TEST_CASE("candidates in context are the corpus' model's, however the victim reads the text") {
  const auto v = std::make_shared<const Vocabulary>(
      Vocabulary({"good", "film", "the", ",", "messy"}, {5, 4, 3, 2, 1}));
  const auto lm = std::make_shared<const MaskedLm>(
      MaskedLm(Random(8), v->size(), {.width = 8, .layers = 1, .heads = 2, .most = 6}));
  const Candidates all(experiment::find_method(attack_rows(), "bae-lite"), {{}, v, {}, lm});
  const std::string text = "Good, the film... unaffable messy good";
  const Pattern words(text, *v, 64), whole(text, *corpus()->pretrained->tokenizer, 64);
  REQUIRE(words.words() == whole.words());
  Words changed = words.words();
  changed[0] = "messy";
  for (size_t i = 0; i < words.words().size(); ++i) {
    CHECK(all.at(whole, changed, i) == all.at(words, changed, i));
    CHECK(all.at(whole, changed, i).empty() == (i > 2));  // six tokens are read
  }
}

TEST_CASE("folders that do not fit") {
  const auto wrong = [](const Copy& folder, const std::string& words) {
    return complaint<IOError>([&] { load_pretrained(folder.name(), 2); }, words);
  };
  CHECK(complaint<IOError>([] { load_pretrained("/nowhere", 2); }, "/nowhere: no such folder") ==
        "");
  for (const char* file : {"config.json", "vocab.txt", "model.safetensors"}) {
    Copy c;
    c.remove(file);
    CHECK(wrong(c, file) == "");
  }
  {
    Copy c;
    c.write("vocab.txt", c.text("vocab.txt") + "more\n");
    CHECK(wrong(c, "vocab.txt: 61 pieces; config.json's net has 60") == "");
    c.write("vocab.txt", c.text("vocab.txt") + "film\n");
    CHECK(wrong(c, "vocab.txt: line 62: the piece 'film' is there twice") == "");
  }
  {
    Copy c;
    c.replace("vocab.txt", "[SEP]", "[sep]");
    CHECK(wrong(c, "vocab.txt: has no piece [SEP]") == "");
  }
  {
    Copy c;
    c.replace("vocab.txt", "[PAD]\n[UNK]", "[UNK]\n[PAD]");
    CHECK(wrong(c, "vocab.txt: [PAD] has the id 1, config.json says 0") == "");
  }
  {
    Copy c;
    c.replace("config.json", "\"hidden_size\": 32", "\"hidden_size\": 48");
    CHECK(wrong(c, "model.safetensors: tensor 'embeddings.word_embeddings.weight' is [60,32]") ==
          "");
    c.replace("config.json", "\"hidden_size\": 48", "\"hidden_size\": 33");
    CHECK(wrong(c, "config.json: num_attention_heads 4 does not divide hidden_size 33") == "");
    c.write("config.json", "{");
    CHECK(wrong(c, "config.json: byte 1: not JSON") == "");
  }
  {
    Copy c;
    c.replace("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"camembert\"");
    CHECK(wrong(c, "model_type \"camembert\", whose tokenizer is not known") == "");
  }
  {
    Copy c(REGRAD_BERT "/bert");
    c.write("vocab.txt", read_file(plain + "/vocab.txt"));
    CHECK(wrong(c, "the file's head has 3") == "");
    CHECK(load_pretrained(c.name(), 3).net.new_classifier == false);
  }
  // accents
  Copy c;
  c.write("tokenizer_config.json", R"({"do_lower_case": false, "strip_accents": null})");
  const auto film = [](const Pretrained& p) { return (*p.tokenizer)("Film", 8); };
  CHECK(film(load_pretrained(c.name(), 2))[1] == 1);  // [UNK]
  CHECK(film(load_pretrained(plain, 2))[1] > 4);
  c.write("tokenizer_config.json", R"({"do_lower_case": true, "strip_accents": false})");
  CHECK(wrong(c, "tokenizer_config.json: accents") == "");
  c.write("tokenizer_config.json", R"({"tokenize_chinese_chars": false})");
  CHECK(wrong(c, "tokenizer_config.json: accents") == "");
  c.write("tokenizer_config.json", R"({"do_lower_case": "no"})");
  CHECK(wrong(c, "\"do_lower_case\" must be true or false") == "");
}

TEST_CASE("--net: its defaults, and refusals before anything is written") {
  experiment::TaskList tasks = rde_tasks();
  const auto parse = [&](Strings words) {
    words.insert(words.begin(), "regrad-rde");
    std::vector<const char*> flags;
    for (const std::string& w : words) flags.push_back(w.c_str());
    experiment::parse_options(tasks, static_cast<int>(flags.size()), flags.data());
  };
  const auto field = [&](const char* name) {
    std::vector<experiment::Field> all_of_them = tasks.fields();
    return experiment::text(*experiment::find(all_of_them, name));
  };
  const Strings small = {"--train", "40",     "--test", "40",           "--validation",
                         "4",       "--most", "24",     "--components", "4"};
  const auto with = [&](Strings more) {
    more.insert(more.begin(), small.begin(), small.end());
    return more;
  };
  parse(with({"--net", plain, "--preset", "long"}));
  CHECK(tasks.variants() == Strings{"pretrained"});
  CHECK(tasks.seeds() == 1);
  CHECK(tasks.card().metric == "AUC, pwws@pretrained");
  CHECK(field("nets") == "pretrained");
  CHECK(field("attacks") == "pwws,tf-lite");
  parse(with({"--net", plain, "--nets", "cnn,pretrained", "--attacks", "tf-adj-lite"}));
  CHECK(tasks.variants() == Strings{"cnn", "pretrained"});
  CHECK(field("attacks") == "tf-adj-lite");
  CHECK(tasks.steps({"rde", "cnn", 0}) - tasks.steps({"rde", "pretrained", 0}) == 2 * (12 - 3));
  parse(with({}));
  CHECK(tasks.variants() == Strings{"cnn"});
  CHECK(tasks.seeds() == 3);
  CHECK(field("attacks") == "pwws");
  const TempFolder at;
  const auto refused = [&](Strings words, const char* why) {
    words.insert(words.end(), {"--out", at / "out"});
    const std::string config = complaint<ConfigError>([&] { parse(with(words)); }, why);
    CHECK(!fs::exists(at / "out"));
    return config;
  };
  CHECK(refused({"--nets", "pretrained"}, "give --net DIR") == "");
  CHECK(refused({"--nets", "pretained"}, "did you mean pretrained") == "");
  CHECK(refused({"--nets", "cnn", "--net", plain}, "none of the nets is pretrained") == "");
  CHECK(refused({"--fine-tuning.lr", "1e-4"}, "none of the nets is pretrained") == "");
  CHECK(refused({"--net", plain, "--width", "8"}, "training of its own") == "");
  CHECK(refused({"--net", plain, "--most", "25"}, "has positions for 24") == "");
  Copy c;
  c.remove("vocab.txt");
  CHECK(complaint<IOError>(
            [&] {
              parse(with({"--net", c.name(), "--out", at / "out"}));
            },
            "has no vocab.txt") == "");
  CHECK(!fs::exists(at / "out"));
}
