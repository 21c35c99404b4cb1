#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/rde/experiment/known_texts.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/train_table.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::rde {
namespace {

using namespace experiment;

struct Settings {
  TableSettings table = {};
  std::vector<std::string> without = {};

  static void parts(auto& self, auto&& part) {
    part("without", self.without, "logs of attacks whose texts are left out of training");
  }
};

// What decides nothing before an attack.
const std::vector<std::string>& of_attacks() {
  static const std::vector<std::string> names = {
      "attacks",     "attacked", "wordnet",  "confident", "components", "fit",
      "adversarial", "gamma",    "singular", "splits",    "mlm_epochs"};
  return names;
}

class Training : public RdeTrial {
 public:
  Training(const Job& job, const Settings& s, const std::shared_ptr<const Corpus>& corpus)
      : RdeTrial(job, s.table, corpus), job_(job), corpus_(corpus), without_(joined(s.without)) {}

  Outcome finish() override {
    Outcome out;
    const auto add = [&](const char* metric, const TextSet& set) {
      const Tensor logits = classifier().read(set.texts).logits;
      const std::vector<double> hits = hits_of(logits, tensor(set.labels));
      add_score(job_, metric, mean(hits), out);
      add_items(job_, metric, hits, out);
    };
    add("accuracy", corpus_->data.test);
    add("validation accuracy", corpus_->data.validation);
    out.parameters.emplace_back(job_.method, parameter_count(classifier().net));
    return out;
  }
  Metadata about() const override {
    Metadata out = RdeTrial::about();
    if (!without_.empty()) out["without"] = without_;
    return out;
  }

 private:
  const Job job_;
  const std::shared_ptr<const Corpus> corpus_;
  const std::string without_;
};

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    return {"rde train",
            "Text classifiers, from scratch or pretrained, for the other commands: accuracy.",
            {task_},
            {{"classifier", "cross-entropy by Adam; which nets: --nets, or --net DIR"}},
            on("accuracy", variants().empty() ? "" : variants()[0]),
            Better::higher,
            "classifier"};
  }
  void choose(const std::string&, const std::string& preset) override {
    preset_ = preset_of(task_, preset), preset_.attacks = {};
    s_ = {preset_};
    s_.table.nets.clear();
  }
  int seeds() const override { return 1; }
  std::vector<Field> fields() override {
    std::vector<Field> out = experiment::fields(s_.table);
    std::erase_if(out, [](const Field& f) { return among(f.name, of_attacks()); });
    for (Field& f : experiment::fields(s_)) out.push_back(std::move(f));
    return out;
  }
  void check() const override { check_nets(settled().table); }
  std::string unused(const std::string& key, const std::vector<std::string>&) const override {
    const std::vector<std::string> nets = variants();
    const bool pretrained = among(pretrained_name, nets), scratch = nets.size() > pretrained;
    return reason(key, {{"net fine_tuning.", !pretrained, "none of the nets is pretrained (nets)"},
                        {"width epochs lr dropout word_dropout", !scratch,
                         "the pretrained net has a width and a training of its own (fine_tuning)"},
                        {"text_column label_column", task_ != "table",
                         "the texts of " + task_ + " have columns of their own"}});
  }
  void data(const std::string& folder) override {
    s_ = settled();
    TextData data = load_data(task_, folder, s_.table);
    data.train = without_texts_of(std::move(data.train), s_.without);
    corpus_ = corpus_of(std::move(data), s_.table);
  }
  std::vector<std::string> variants() const override { return settled().table.nets; }
  int64_t steps(const Job& job) const override {
    return corpus_ ? training_steps(s_.table, *corpus_, job.variant) : 0;
  }
  int64_t log_every() const override {
    return corpus_ ? training_steps(s_.table, *corpus_) / s_.table.epochs * s_.table.log_every : 0;
  }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(corpus_ != nullptr, "--task " + task_ + ": no texts were read");
    return std::make_unique<Training>(job, s_, corpus_);
  }
  std::vector<Claim> claims(const experiment::Result&) const override { return {}; }

 private:
  Settings settled() const { return {rde::settled(s_.table, preset_), s_.without}; }

  std::string task_;
  TableSettings preset_ = {};
  Settings s_ = {};
  std::shared_ptr<const Corpus> corpus_ = nullptr;
};

}  // namespace

TaskList train_tasks() {
  TaskList out;
  for (const std::string& task : text_tasks()) out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::rde
