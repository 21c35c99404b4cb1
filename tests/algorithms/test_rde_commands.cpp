// The commands of regrad-rde: models read back, training without a log's texts, logs of attacks,
// detectors on them and on anyone's features.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/attack_file.h>
#include <regrad/algorithms/rde/experiment/detect_features.h>
#include <regrad/algorithms/rde/experiment/detect_logs.h>
#include <regrad/algorithms/rde/experiment/known_texts.h>
#include <regrad/algorithms/rde/experiment/measures.h>
#include <regrad/algorithms/rde/experiment/model_file.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/train_table.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/npy.h>
#include <regrad/layers/serialize.h>

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <filesystem>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::rde;
using test::complaint;
using test::TempFolder;

namespace {

using Strings = std::vector<std::string>;

// A net of a few numbers on generated reviews, as `train` leaves it.
struct Left {
  TempFolder folder = {};
  std::string path = {};
  std::string net = "cnn";
  Metadata about = {};
  std::vector<NamedTensor> tensors = {};

  explicit Left(const std::string& which = "cnn") : net(which) {
    TableSettings s = preset_of("reviews", "tiny");
    s.attacks = {}, s.train = 120, s.validation = 20, s.test = 40;
    s.width = 8, s.epochs = 6, s.lr = 0.01, s.batch = 16, s.most = 20;
    const auto corpus = corpus_of(load_data("reviews", "", s), s);
    RdeTrial trial({"classifier", net, 1}, s, corpus);
    for (int64_t i = 0; i < training_steps(s, *corpus); ++i) trial.step(i);
    about = trial.about(), tensors = trial.model();
    wanted = trial.classifier().read(corpus->data.test.texts).logits.to_vector();
    texts = corpus->data.test.texts;
    path = folder / "net.safetensors";
    save_safetensors(path, tensors, about);
  }
  std::vector<double> wanted = {};
  Strings texts = {};
};
const Left& left() {
  static const Left made;
  return made;
}

std::string text_of(const std::string& path) { return read_file(path); }

AttackOptions attack_options(const std::string& out) {
  AttackOptions o;
  o.model = left().path, o.out = out, o.task = "reviews", o.attacked = 25, o.quiet = true;
  return o;
}
std::string printed;
const auto keep = [](const std::string& s) { printed += s; };

}  // namespace

TEST_CASE("a model read back has every logit of the one that was trained") {
  for (const char* net : {"cnn", "bilstm", "transformer"}) {
    const Left made(net);
    const Model m = load_model(made.path);
    CHECK(m.net == net);
    CHECK(m.classes == Strings{"negative", "positive"});
    CHECK(m.classifier.most == 20);
    CHECK(m.classifier.read(made.texts).logits.to_vector() == made.wanted);
  }
  // a run's folder, when it holds one model
  const TempFolder run;
  CHECK(complaint<IOError>([&] { load_model(run.name()); }, "holds no model").empty());
  std::filesystem::create_directory(run / "models");
  std::filesystem::copy_file(left().path, run / "models/a.safetensors");
  CHECK(load_model(run.name()).classifier.read(left().texts).logits.to_vector() == left().wanted);
  std::filesystem::copy_file(left().path, run / "models/b.safetensors");
  CHECK(complaint<IOError>([&] { load_model(run.name()); }, "several models").empty());
}

TEST_CASE("models that are none, or were forged, name the file and what does not fit") {
  const TempFolder folder;
  const std::string path = folder / "forged.safetensors";
  const auto refused = [&](const std::string& key, const std::string& value,
                           const std::string& words) {
    Metadata m = left().about;
    if (value == "-") {
      m.erase(key);
    } else {
      m[key] = value;
    }
    save_safetensors(path, left().tensors, m);
    const std::string why = complaint<IOError>([&] { load_model(path); }, words);
    return why.empty() ? complaint<IOError>([&] { load_model(path); }, path) : why;
  };
  CHECK(refused("net", "-", "lack 'net'") == "");
  CHECK(refused("net", "bert", "its net is 'bert'") == "");
  CHECK(refused("net", "bilstm", "lstm") == "");
  CHECK(refused("class_names", "one", "fewer than two classes") == "");
  CHECK(refused("class_names", "a\nb\nc", "fc.weight") == "");
  CHECK(refused("width", "9", "of width 9") == "");
  CHECK(refused("width", "1000000000000", "not a whole number from 1 to 4096") == "");
  CHECK(refused("width", "-8", "not a whole number") == "");
  CHECK(refused("most", "1", "from 2 to") == "");
  const std::string words = left().about.at("vocabulary");
  CHECK(refused("vocabulary", words + "\n" + words.substr(0, words.find('\n')), "twice") == "");
  CHECK(refused("vocabulary", words + "\n", "an empty word") == "");
  CHECK(refused("vocabulary", words + "\nmore", "embedding.weight") == "");
  CHECK(refused("vocabulary", "", "embedding.weight") == "");
  CHECK(complaint<IOError>([&] { load_model(folder / "nothing"); }, "nothing").empty());
}

TEST_CASE("a log's texts are left out of training, whatever their case and spaces") {
  Attacked a;
  a.original_marked = "It's a [[GOOD]] film!", a.perturbed_marked = "It's a [[fine]] film!";
  TextSet set{
      {"it 's a good film", "it's a fine film !", "other", "more"}, {0, 1, 0, 1}, {"a", "b"}};
  const std::set<std::string> originals = originals_of({a});
  CHECK(originals == std::set<std::string>{"itsagoodfilm"});
  const TextSet less = without_texts(set, originals);
  CHECK(less.texts == Strings{"it's a fine film !", "other", "more"});
  CHECK(less.labels == std::vector<int64_t>{1, 0, 1});
  CHECK(without_texts(set, {}).texts == set.texts);
  CHECK(plain("caf\xC3\xA9 no. 1") == "caf\xC3\xA9no1");
  CHECK_THROWS_AS(without_texts(set, {"other", "more", "itsagoodfilm"}), ConfigError);
  // through the setting, which the model's file names
  const TempFolder folder;
  const TableSettings s = [] {
    TableSettings t = preset_of("reviews", "tiny");
    t.train = 60, t.attacks = {};
    return t;
  }();
  const TextData data = load_data("reviews", "", s);
  a.original_marked = a.perturbed_marked = data.train.texts[3];
  write_file(folder / "log.csv", to_attack_log({a}));
  const TextSet rest = without_texts_of(data.train, {folder / "log.csv"});
  CHECK(rest.size() < 60);
  CHECK(std::count(rest.texts.begin(), rest.texts.end(), data.train.texts[3]) == 0);
  experiment::TaskList tasks = train_tasks();
  tasks.choose("reviews", "tiny");
  std::vector<experiment::Field> fields = tasks.fields();
  CHECK(experiment::find(fields, "attacks") == nullptr);
  experiment::assign(fields, "train", "60", "");
  experiment::assign(fields, "epochs", "1", "");
  experiment::assign(fields, "batch", "1", "");
  experiment::assign(fields, "without", folder / "log.csv", "");
  tasks.data("");
  CHECK(tasks.steps({"classifier", "cnn", 0}) == rest.size());
  CHECK(tasks.trial({"classifier", "cnn", 0})->about().at("without") == folder / "log.csv");
}

TEST_CASE("an attack's log is what the table's attack does; whole, or cut and gone on with") {
  const TempFolder folder;
  printed.clear();
  attack_texts(attack_options(folder / "whole.csv"), keep);
  CHECK(printed.find("25 texts") != std::string::npos);
  const std::string whole = text_of(folder / "whole.csv");
  CHECK(!std::filesystem::exists(folder / "whole.csv.attack.safetensors"));
  // the trial's own run on the same net
  const Model m = load_model(left().path);
  TableSettings s = preset_of("reviews", "small");
  s.attacks = {"pwws"}, s.most = 20, s.confident = 0;
  const TextData data = load_data("reviews", "", s);
  AttackRun run(attack_rows()[0], {data.synonyms, nullptr, {}}, {first_of(data.test, 25), 25},
                m.classifier, s);
  for (int64_t i = 0; i < 25; ++i) run.attack(i, m.classifier);
  CHECK(to_attack_log(run.log(false)) == whole);

  {
    // one process at a time
    const std::string lock = folder / "held.csv.lock";
    const experiment::Descriptor held(::open(lock.c_str(), O_RDWR | O_CREAT, 0666));
    REQUIRE(::flock(held.fd, LOCK_EX | LOCK_NB) == 0);
    const AttackOptions second = attack_options(folder / "held.csv");
    CHECK(complaint<ConfigError>([&] { attack_texts(second, keep); }, "another attack").empty());
    CHECK(std::filesystem::exists(lock));
  }
  CHECK(!std::filesystem::exists(folder / "whole.csv.lock"));

  // the first 10 alone in a checkpoint: a resume does the rest
  AttackOptions o = attack_options(folder / "cut.csv");
  o.attacked = 10, o.checkpoint_every = 0;
  // a finished log is not overwritten, an interrupted one neither
  o.out = folder / "whole.csv";
  CHECK(complaint<ConfigError>([&] { attack_texts(o, keep); }, "--force").empty());
  o.resume = true;
  printed.clear();
  write_file(folder / "whole.csv.attack.safetensors", "left by a kill behind the last step");
  attack_texts(o, keep);
  CHECK(printed.find("finished before") != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "whole.csv.attack.safetensors"));
  CHECK(text_of(folder / "whole.csv") == whole);
  o.resume = false, o.force = true;
  attack_texts(o, keep);
  CHECK(load_attack_log(folder / "whole.csv").size() == 10);

  std::vector<NamedTensor> state;
  AttackRun half(attack_rows()[0], {data.synonyms, nullptr, {}}, {first_of(data.test, 25), 25},
                 m.classifier, s);
  for (int64_t i = 0; i < 12; ++i) half.attack(i, m.classifier);
  half.state_parts([&](const std::string& name, Tensor& t) { state.emplace_back(name, t); });
  const std::string kept = folder / "cut.csv.attack.safetensors";
  // its key, from a checkpoint that the command wrote
  AttackOptions cut = attack_options(folder / "cut.csv");
  write_file(folder / "cut.csv", "x"), std::filesystem::remove(folder / "cut.csv");
  const Metadata key = attack_key(cut);
  save_safetensors(kept, state, key);
  CHECK(complaint<ConfigError>([&] { attack_texts(cut, keep); }, "interrupted").empty());
  cut.resume = true;
  AttackOptions other = cut;
  other.attacked = 24;
  CHECK(complaint<ConfigError>([&] { attack_texts(other, keep); }, "another attack").empty());
  other = cut, other.confident = 0.5;
  CHECK(complaint<ConfigError>([&] { attack_texts(other, keep); }, "confident").empty());
  attack_texts(cut, keep);
  CHECK(text_of(folder / "cut.csv") == whole);
  CHECK(!std::filesystem::exists(kept));
  // what a checkpoint has is not done again: another number of queries stays
  for (auto& [name, t] : state) {
    if (name != "pwws.numbers") continue;
    std::vector<double> numbers = t.to_vector();
    numbers[5] = 777;
    if (numbers[8] > 0) numbers[8] = 777;
    t = tensor(numbers, {t.size(0), t.size(1)}, DType::f64);
  }
  save_safetensors(kept, state, key);
  std::filesystem::remove(folder / "cut.csv");
  attack_texts(cut, keep);
  CHECK(load_attack_log(folder / "cut.csv")[0].queries == 777);
}

TEST_CASE("an attack goes on with the candidates that it began with") {
  const TempFolder at;
  const auto write = [&](const char* folder, const char* word) {
    std::filesystem::create_directory(at / folder);
    std::string rows = "text,label\n";
    for (int i = 0; i < 60; ++i)
      rows += "a " + (i % 3 ? std::string(word) : "fine") + " film with " +
              (i % 2 ? "good,positive\n" : "bad,negative\n");
    write_file(at / folder + std::string("/train.csv"), rows);
    write_file(at / folder + std::string("/test.csv"), "text,label\na good film,positive\n");
  };
  write("one", "great"), write("two", "dull");
  AttackOptions o = attack_options(at / "log.csv"), other = o;
  o.task = "table", o.data = at / "one", o.attack = "tf-lite";
  o.wordnet = at / "no-wordnet";  // which tf-lite does without
  other = o, other.data = at / "two";
  const Metadata key = attack_key(o), of_other = attack_key(other);
  CHECK(key.at("texts") == of_other.at("texts"));
  CHECK(key.at("candidates") != of_other.at("candidates"));
  // a checkpoint of the one is none of the other
  const Model m = load_model(o.model);
  TableSettings s = preset_of("table", "small");
  s.attacks = {"tf-lite"}, s.most = 20;
  std::vector<NamedTensor> state;
  const auto save = [&](AttackRun run) {
    run.state_parts([&](const std::string& name, Tensor& t) { state.emplace_back(name, t); });
  };
  const TextSet test{{"a good film"}, {1}, {"negative", "positive"}};
  s.attacks = {};
  const auto corpus = corpus_of(load_data("table", o.data, s), s);
  const Sources sources{
      nullptr, corpus->vocabulary,
      word_vectors(corpus->train_ids, corpus->vocabulary->size(), {.dimensions = 5}, Random(0))};
  const AttackRow& row = attack_rows()[1];
  save(AttackRun(row, sources, {test, 1}, m.classifier, s));
  save_safetensors(o.out + ".attack.safetensors", state, key);
  other.resume = true;
  CHECK(complaint<ConfigError>([&] { attack_texts(other, keep); }, "another attack").empty());
  CHECK(complaint<ConfigError>([&] { attack_texts(other, keep); }, "candidates").empty());
  o.resume = true;
  attack_texts(o, keep);
  CHECK(load_attack_log(o.out).size() == 1);
  // numbers beyond a word's candidates
  const Candidates of(row, sources);
  for (const int64_t number : {int64_t{0}, int64_t{-3}, int64_t{1000}})
    CHECK(complaint<IOError>([&] { of.numbered("good", number); }, "of 'good'").empty());
  // WordNet of another folder
  o = attack_options(at / "log.csv"), o.task = "", o.texts = at / "one/test.csv";
  if (!std::filesystem::exists("/usr/share/wordnet/index.noun")) return;
  other = o, other.wordnet = at / "wordnet";
  std::filesystem::create_directory(other.wordnet);
  for (const auto& file : std::filesystem::directory_iterator("/usr/share/wordnet"))
    if (file.path().extension() != ".sense")
      std::filesystem::create_symlink(file.path(),
                                      other.wordnet + "/" + file.path().filename().string());
  CHECK(attack_key(o).at("candidates") != attack_key(other).at("candidates"));
}

TEST_CASE("a confident attack goes on behind the flip") {
  const TempFolder folder;
  AttackOptions o = attack_options(folder / "far.csv");
  o.confident = 0.6;
  attack_texts(o, keep);
  const Model m = load_model(left().path);
  TableSettings s = preset_of("reviews", "small");
  s.attacks = {"pwws"}, s.most = 20, s.confident = 0.6;
  const TextData data = load_data("reviews", "", s);
  AttackRun run(attack_rows()[0], {data.synonyms, nullptr, {}}, {first_of(data.test, 25), 25},
                m.classifier, s);
  for (int64_t i = 0; i < 25; ++i) run.attack(i, m.classifier);
  CHECK(to_attack_log(run.log(true)) == text_of(folder / "far.csv"));
  CHECK(to_attack_log(run.log(false)) != text_of(folder / "far.csv"));
}

TEST_CASE("what an attack cannot begin with costs no work and leaves nothing") {
  const TempFolder folder;
  AttackOptions o = attack_options(folder / "log.csv");
  const auto refused = [&](auto&& change, const std::string& words) {
    AttackOptions bad = o;
    change(bad);
    try {
      attack_texts(bad, keep);
    } catch (const Error& e) {
      return std::string(e.what()).find(words) == std::string::npos ? std::string(e.what()) : "";
    }
    return std::string("nothing was thrown");
  };
  CHECK(refused([](AttackOptions& b) { b.attack = "pws"; }, "did you mean pwws") == "");
  CHECK(refused([](AttackOptions& b) { b.task = ""; }, "--task or --texts") == "");
  CHECK(refused([](AttackOptions& b) { b.task = "reveiws"; }, "not one of reviews") == "");
  CHECK(refused([](AttackOptions& b) { b.task = "", b.texts = "x", b.attack = "tf-lite"; },
                "come from a corpus") == "");
  CHECK(refused([](AttackOptions& b) { b.resume = b.force = true; }, "give one of them") == "");
  CHECK(refused([](AttackOptions& b) { b.out = b.model, b.force = true; }, "read and written") ==
        "");
  CHECK(refused([&](AttackOptions& b) { b.texts = folder / "none.csv"; }, "none.csv") == "");
  write_file(folder / "own.csv", "text,label\na film,nuetral\n");
  CHECK(refused([&](AttackOptions& b) { b.texts = folder / "own.csv"; }, "nuetral") == "");
  write_file(folder / "own.csv", "words,label\na film,positive\n");
  CHECK(refused([&](AttackOptions& b) { b.texts = folder / "own.csv"; }, "'text'") == "");
  write_file(folder / "own.csv", "text,label\n\"a film,positive\n");
  CHECK(refused([&](AttackOptions& b) { b.texts = folder / "own.csv"; }, "quote") == "");
  write_file(folder / "own.csv", "text,label\nfine,positive\na \xff film,positive\n");
  CHECK(refused([&](AttackOptions& b) { b.texts = folder / "own.csv"; }, "UTF-8") == "");
  CHECK(!std::filesystem::exists(folder / "log.csv"));
  CHECK(!std::filesystem::exists(folder / "log.csv.attack.safetensors"));
}

TEST_CASE("an attack takes empty texts, texts without words and one of a megabyte") {
  const TempFolder folder;
  AttackOptions o = attack_options(folder / "log.csv");
  o.texts = folder / "own.csv";
  write_file(o.texts, "text,label\n\"\",positive\n...,negative\n" + std::string(1 << 20, 'a') +
                          ",positive\na fine film,negative\n");
  attack_texts(o, keep);
  const std::vector<Attacked> rows = load_attack_log(folder / "log.csv");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].original().empty());
  CHECK(rows[0].result != AttackResult::successful);
  CHECK(rows[1].original() == "...");
  CHECK(rows[2].original().size() == 1 << 20);
}

TEST_CASE("a log as our classifier reads it: who succeeded, by the log and by us") {
  const Model m = load_model(left().path);
  const Strings& t = left().texts;
  const std::vector<int64_t> ours = m.classifier.read(t).predicted();
  std::vector<Attacked> rows;
  for (size_t i = 0; i < 4; ++i) {
    Attacked a;
    a.original_marked = t[i], a.perturbed_marked = t[i + 4];
    a.ground_truth = i == 0 ? 1 - ours[0] : ours[i];
    a.original_output = a.ground_truth, a.perturbed_output = 1 - a.ground_truth;
    a.result = AttackResult::successful;
    if (i == 3) a.result = AttackResult::failed, a.perturbed_output = a.ground_truth;
    rows.push_back(a);
  }
  const ReadLog log = read_log(rows, m.classifier, 2, "log");
  CHECK(log.accuracy == 75);
  CHECK(log.attacked == 3);
  int64_t turned = 0;
  for (size_t i = 0; i < 3; ++i) turned += ours[i] != ours[i + 4];
  CHECK(log.turned == turned);
  const std::vector<LogRow> theirs = rows_of(log, false), mine = rows_of(log, true);
  for (size_t i = 0; i < 3; ++i) CHECK(theirs[i].result == Result::success);
  CHECK(theirs[3].result == Result::fail);
  CHECK(mine[0].result == Result::wrong);
  for (size_t i = 1; i < 4; ++i)
    CHECK(mine[i].result == (ours[i] != ours[i + 4] ? Result::success : Result::fail));
  rows[2].ground_truth = 2;
  CHECK(complaint<IOError>([&] { read_log(rows, m.classifier, 2, "log.csv"); },
                           "log.csv: row 3 is of class 2")
            .empty());
}

TEST_CASE("detectors on a log: a table by scenario, and a report; nothing where it cannot be") {
  const TempFolder folder;
  AttackOptions a = attack_options(folder / "log.csv");
  a.attacked = 150;
  attack_texts(a, keep);
  DetectOptions o;
  o.model = left().path, o.logs = {folder / "log.csv"}, o.task = "reviews";
  o.components = 5, o.adversarial = 30, o.report = folder / "report.html";
  printed.clear();
  detect_logs(o, "regrad-rde detect ..", keep);
  const std::string once = printed;
  for (const char* words : {"not by the model that was attacked", "150 texts", "S1: ", "S2: ",
                            "rde-plain", "max-softmax", "fgws-wn", "TPR at FPR 0.1"})
    CHECK_MESSAGE(printed.find(words) != std::string::npos, words);
  const std::string html = text_of(folder / "report.html");
  for (const char* words : {"ROC", "<svg", "Scores of rde", "<mark>"})
    CHECK_MESSAGE(html.find(words) != std::string::npos, words);
  // of a log that this classifier's attack wrote, its own outputs are the log's
  o.by = "model", o.report = "";
  printed.clear();
  detect_logs(o, "", keep);
  CHECK(printed == once);
  // training texts of one's own, some of which the log attacked: the detectors do not see these
  const TextData data = load_data("reviews", "", preset_of("reviews", "tiny"));
  std::string table = "text\tlabel\n", with_some;
  for (size_t i = 0; i < 150; ++i)
    table += data.train.texts[i] + "\t" + data.train.classes[data.train.labels[i]] + "\n";
  const TextSet known =
      without_texts_of(parse_text_table(table, {"text", "label", data.train.classes}, "t"), o.logs);
  table = "text\tlabel\n";
  for (size_t i = 0; i < known.texts.size(); ++i)
    table += known.texts[i] + "\t" + known.classes[known.labels[i]] + "\n";
  for (size_t i = 0; i < 5; ++i) with_some += data.test.texts[i] + "\tpositive\n";
  DetectOptions own = o;
  own.task = "", own.train = folder / "train.tsv";
  write_file(own.train, table), printed.clear();
  detect_logs(own, "", keep);
  const std::string without = printed;
  CHECK(without.find("training texts are in the logs") == std::string::npos);
  write_file(own.train, table + with_some), printed.clear();
  detect_logs(own, "", keep);
  const size_t line = printed.find("5 training texts are in the logs");
  REQUIRE(line != std::string::npos);
  printed.erase(line, printed.find('\n', line) + 1 - line);
  CHECK(printed == without);
  o.task = "";
  CHECK(complaint<ConfigError>([&] { detect_logs(o, "", keep); }, "--train").empty());
  o.task = "reviews", o.by = "us";
  CHECK(complaint<ConfigError>([&] { detect_logs(o, "", keep); }, "--by us").empty());
  o.by = "log", o.report = folder / "./log.csv";
  CHECK(complaint<ConfigError>([&] { detect_logs(o, "", keep); }, "read and written").empty());
  o.report = "", o.components = 100000;
  CHECK(complaint<ConfigError>([&] { detect_logs(o, "", keep); }, "--components").empty());
  a.attacked = 2, a.force = true;
  attack_texts(a, keep);
  o.components = 5, o.report = folder / "none.html";
  CHECK(complaint<ConfigError>([&] { detect_logs(o, "", keep); }, "log.csv").empty());
  CHECK(!std::filesystem::exists(folder / "none.html"));
}

TEST_CASE("a class with no more rows than components: a pseudo-inverse, or a refusal") {
  TableSettings s = preset_of("reviews", "tiny");
  s.attacks = {}, s.train = 16, s.components = 12;
  const auto corpus = corpus_of(load_data("reviews", "", s), s);
  const Model m = load_model(left().path);
  const Guards guards({"rde", "cnn", 0}, s, *corpus, m.classifier);
  CHECK(s.singular == "pinv");
  s.singular = "refuse";
  CHECK(complaint<NumericError>(
            [&] {
              Guards({"rde", "cnn", 0}, s, *corpus, m.classifier);
            },
            "class")
            .empty());
}

TEST_CASE("measures: the mixture's own, within percentiles of resamples that keep twins together") {
  Mixture m;
  Scores scores;
  for (int64_t i = 0; i < 40; ++i) {
    m.attacked.push_back(i % 2 == 1), m.id.push_back(i / 2);
    scores.push_back(static_cast<double>((i * 7) % 23) + (i % 2 == 1 ? 4 : 0));
  }
  const Random r(3);
  const Measures got = measures(scores, m, r, 50);
  Scores attacked, clean;
  for (size_t i = 0; i < 40; ++i) (m.attacked[i] ? attacked : clean).push_back(scores[i]);
  CHECK(got.auc.value == doctest::Approx(100 * auc(attacked, clean)));
  CHECK(got.tpr.value == doctest::Approx(100 * at_fpr(attacked, clean).tpr));
  CHECK(got.f1.value == doctest::Approx(100 * at_fpr(attacked, clean).f1));
  // second telling: 20 texts drawn, both versions of each
  std::vector<double> all;
  for (int64_t turn = 0; turn < 50; ++turn) {
    attacked.clear(), clean.clear();
    for (const int64_t t : randint(r / turn, 0, 20, {20}).to_vector<int64_t>()) {
      clean.push_back(scores[static_cast<size_t>(2 * t)]);
      attacked.push_back(scores[static_cast<size_t>(2 * t + 1)]);
    }
    double wins = 0;
    for (const double a : attacked)
      for (const double c : clean) wins += a > c ? 1 : a == c ? 0.5 : 0;
    all.push_back(wins / 4);
  }
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    const double place = share * 49;
    const auto low = static_cast<size_t>(place);
    return all[low] + (place - static_cast<double>(low)) * (all[low + 1] - all[low]);
  };
  CHECK(got.auc.low == doctest::Approx(at(0.025)));
  CHECK(got.auc.high == doctest::Approx(at(0.975)));
  CHECK(got.auc.low < got.auc.value);
  CHECK(got.auc.high > got.auc.value);
  CHECK(text({76.12, 73.9, 78.04}) == "76.1 [73.9, 78.0]");
  m.attacked.assign(40, true);
  CHECK_THROWS_AS(measures(scores, m, r, 50), ShapeError);
}

TEST_CASE("anyone's features: fitted, saved, loaded, scored as the class does") {
  const TempFolder folder;
  const Tensor y = randint(Random(1), 0, 2, {300});
  const Tensor x = normal(Random(2), {300, 6}) + unsqueeze(y, 1).to(DType::f32);
  const Tensor test = normal(Random(3), {40, 6}), predicted = randint(Random(4), 0, 2, {40});
  std::vector<int64_t> flags(40);
  for (size_t i = 0; i < 40; ++i) flags[i] = i % 3 == 0;
  const auto file = [&](const char* name) { return folder / name; };
  save_npy(file("x.npy"), x), save_npy(file("y.npy"), y);
  save_npy(file("t.npy"), test), save_npy(file("p.npy"), predicted);
  save_npy(file("a.npy"), eq(tensor(flags), 1));
  save_safetensors(file("all.safetensors"), {{"features", x},
                                             {"labels", y},
                                             {"test", test},
                                             {"predicted", predicted},
                                             {"attacked", tensor(flags)}});
  FeatureOptions o;
  o.components = 4, o.features = file("x.npy"), o.labels = file("y.npy");
  o.test = file("t.npy"), o.predicted = file("p.npy"), o.attacked = file("a.npy");
  o.save = file("guard.safetensors"), o.scores = file("s.npy");
  for (const char* method : {"rde", "rde-plain", "mle"}) {
    o.method = method;
    detect_features(o, keep);
    const Method which = std::string(method) == "rde"   ? Method::rde
                         : std::string(method) == "mle" ? Method::mle
                                                        : Method::plain;
    const std::vector<double> want =
        Rde::fit(x, y, {.method = which, .components = 4}).score(test, predicted).to_vector();
    CHECK(load_npy(file("s.npy")).to_vector() == want);
    FeatureOptions again;
    again.guard = file("guard.safetensors"), again.tensors = file("all.safetensors");
    again.scores = file("s2.npy");
    printed.clear();
    detect_features(again, keep);
    CHECK(load_npy(file("s2.npy")).to_vector() == want);
    Mixture flagged;
    for (size_t i = 0; i < 40; ++i)
      flagged.attacked.push_back(flags[i] == 1), flagged.id.push_back(static_cast<int64_t>(i));
    const Measures of = measures(want, flagged, Random(0) / "intervals");
    CHECK(printed.find(table_of({"guard"}, {of})) == 0);
  }
  // all of one file; without --scores and flags they are printed
  FeatureOptions one;
  one.tensors = file("all.safetensors"), one.components = 4, one.scores = file("s.npy");
  detect_features(one, keep);
  CHECK(load_npy(file("s.npy")).to_vector() ==
        Rde::fit(x, y, {.components = 4}).score(test, predicted).to_vector());
  o.attacked = o.scores = o.save = "";
  printed.clear();
  detect_features(o, keep);
  CHECK(std::count(printed.begin(), printed.end(), '\n') == 41);
}

TEST_CASE("features that do not fit name their file; nothing is written") {
  const TempFolder folder;
  const auto file = [&](const char* name) { return folder / name; };
  save_npy(file("x.npy"), normal(Random(2), {30, 4}));
  save_npy(file("y.npy"), randint(Random(1), 0, 2, {30}));
  FeatureOptions o;
  o.components = 3, o.features = file("x.npy"), o.labels = file("y.npy"), o.test = file("x.npy");
  o.predicted = file("y.npy"), o.scores = file("s.npy"), o.save = file("g.safetensors");
  const auto refused = [&](auto&& change, const std::string& words) {
    FeatureOptions bad = o;
    change(bad);
    try {
      detect_features(bad, keep);
    } catch (const Error& e) {
      return std::string(e.what()).find(words) == std::string::npos ? std::string(e.what()) : "";
    }
    return std::string("nothing was thrown");
  };
  const auto with = [&](const char* name, const Tensor& t, std::string FeatureOptions::*at,
                        const std::string& words) {
    save_npy(file(name), t);
    return refused([&](FeatureOptions& b) { b.*at = file(name); }, words);
  };
  using F = FeatureOptions;
  const Tensor nan = full({30, 4}, std::nan(""), DType::f32);
  CHECK(with("b1.npy", zeros({29}, DType::i64), &F::labels, "b1.npy") == "");
  CHECK(with("b2.npy", zeros({30}), &F::labels, "not whole numbers") == "");
  CHECK(with("b3.npy", zeros({30}), &F::features, "not a matrix") == "");
  CHECK(with("b4.npy", nan, &F::features, "row 0 is not a number") == "");
  CHECK(with("b5.npy", zeros({30, 4}), &F::features, "covariance") == "");
  CHECK(with("b6.npy", normal(Random(5), {30, 5}), &F::test, "b6.npy") == "");
  CHECK(with("b7.npy", normal(Random(5), {30, 4}).to(DType::f64), &F::test, "f64") == "");
  CHECK(with("b8.npy", full({30}, 7, DType::i64), &F::predicted, "class 7") == "");
  CHECK(with("b9.npy", full({30}, 2, DType::i64), &F::attacked, "not 0 or 1") == "");
  CHECK(with("c1.npy", zeros({30}, DType::i64), &F::attacked, "no row is attacked") == "");
  CHECK(with("c2.npy", zeros({3}, DType::i64), &F::attacked, "3 flags of 30 rows") == "");
  CHECK(refused([](F& b) { b.labels = ""; }, "--labels") == "");
  CHECK(refused([](F& b) { b.method = "ppl"; }, "rde-plain or mle") == "");
  CHECK(refused([&](F& b) { b.guard = file("x.npy"); }, "--guard") == "");
  CHECK(refused([&](F& b) { b.scores = file("x.npy"); }, "is read and written") == "");
  CHECK(refused([&](F& b) { b.save = folder / "./y.npy"; }, "is read and written") == "");
  CHECK(refused([&](F& b) { b.scores = folder / "./g.safetensors"; }, "are one file") == "");
  CHECK(refused([&](F& b) { b.test = ""; }, "need --test") == "");
  write_file(file("words"), "no tensor");
  CHECK(refused([&](F& b) { b.test = file("words"); }, "words") == "");
  CHECK(refused([&](F& b) { b.tensors = file("words"); }, "words") == "");
  // one class alone is a guard too; a class of one row is not
  FeatureOptions ones = o;
  save_npy(file("ones.npy"), zeros({30}, DType::i64));
  ones.labels = ones.predicted = file("ones.npy");
  detect_features(ones, keep);
  CHECK(std::filesystem::exists(file("s.npy")));
  std::filesystem::remove(file("s.npy")), std::filesystem::remove(file("g.safetensors"));
  std::vector<int64_t> single(30);
  single[4] = 1;
  CHECK(with("c3.npy", tensor(single), &F::labels, "class 1") == "");
  CHECK(!std::filesystem::exists(file("s.npy")));
  CHECK(!std::filesystem::exists(file("g.safetensors")));
}
