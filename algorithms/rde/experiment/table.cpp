#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/rde/experiment/detect.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::rde {
namespace {

using namespace experiment;

template <class Known>
void check_each(const std::string& key, const std::vector<std::string>& given, Known&& check) {
  need(!given.empty(), key + ": at least one");
  for (const std::string& one : given) {
    check(one);
    need(std::count(given.begin(), given.end(), one) == 1, key + ": " + one + " is there twice");
  }
}

}  // namespace

// paper: the authors' code as far as it does not need a pretrained net (text-and-ssl.md 1.2, 1.5):
// 8,000 training rows, P = 100, gamma = 1 / d, tokens and N_max by data set; the nets are ours.
// tf-adj-lite turns too few texts for mixtures (README.md).
TableSettings preset_of(const std::string& task, const std::string& preset) {
  TableSettings s;
  s.adversarial = task == "sst2" || task == "reviews" || task == "table" ? 1000 : 2000;
  if (task == "ag_news") s.most = 128, s.mlm_epochs = 4;
  if (task == "imdb" || task == "yelp") s.most = 256, s.batch = 32, s.mlm_epochs = 1;
  if (task == "reviews")
    s.train = 1000, s.validation = 300, s.test = s.attacked = 800, s.epochs = 12;
  if (preset == "tiny") {
    s.nets = {"cnn"}, s.attacks = {"pwws"}, s.components = 20;
    if (task != "reviews") s.train = 2000, s.validation = 300, s.test = s.attacked = 300;
  }
  if (preset == "small") s.fit = 4000;
  if (preset == "long") s.attacked = 100000, s.attacks = {"pwws", "tf-lite", "bae-lite"};
  if (preset == "long" || preset == "paper") s.splits = 3;
  if (preset == "paper") {
    s.attacked = 100000, s.components = 100, s.attacks = {"pwws", "tf-lite", "bae-lite"};
    if (task == "ag_news") s.most = 256;
    if (task == "imdb") s.most = 512;
  }
  return s;
}

TableSettings settled(TableSettings s, const TableSettings& preset) {
  const bool pretrained = !s.net.empty();
  if (s.nets.empty()) s.nets = pretrained ? std::vector<std::string>{pretrained_name} : preset.nets;
  if (!s.attacks.empty()) return s;
  for (const std::string& attack : preset.attacks)
    if (!pretrained || attack == "pwws" || attack == "tf-lite") s.attacks.push_back(attack);
  return s;
}

void check_nets(const TableSettings& s) {
  check_each("nets", s.nets, [&](const std::string& net) {
    std::vector<std::string> names = net_names();
    names.push_back(pretrained_name);
    need(among(net, names), "nets: '" + net + "' is none" + did_you_mean(net, names, "", ""));
    need(net != pretrained_name || !s.net.empty(),
         "nets: pretrained is read from a folder: give --net DIR");
  });
}

namespace {

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    const TableSettings s = settled();
    return {"rde",
            "RDE, attacked texts found by robust density estimation (Yoo et al. 2022): AUC.",
            {task_},
            method_cards(detector_rows()),
            on("AUC, " + (s.attacks.empty() ? "" : s.attacks[0]), s.nets.empty() ? "" : s.nets[0]),
            Better::higher,
            "max-softmax",
            {},
            {"rde"}};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_ = preset_of(task_, preset);
    s_.nets.clear(), s_.attacks.clear();
  }
  int seeds() const override { return s_.net.empty() ? 3 : 1; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override {
    const TableSettings s = settled();
    check_nets(s);
    check_each("attacks", s.attacks,
               [](const std::string& attack) { find_method(attack_rows(), attack); });
    need(s_.most >= 2, "most: at least 2 tokens");
    need(among(s_.singular, {"pinv", "refuse"}),
         "singular: '" + s_.singular + "' is none; pinv or refuse");
    if (!corpus_) return;
    need(s_.components < std::min<int64_t>(s_.fit, corpus_->data.train.size()),
         "components: " + std::to_string(s_.components) + " of fewer training texts");
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    const bool no_rde =
        !any_of(methods, [](const std::string& m) { return m.rfind("rde", 0) == 0; });
    const std::vector<std::string> nets = settled().nets;
    const bool pretrained = among(pretrained_name, nets), scratch = nets.size() > pretrained;
    return reason(key, {{"net fine_tuning.", !pretrained, "none of the nets is pretrained (nets)"},
                        {"width epochs lr dropout word_dropout", !scratch,
                         "the pretrained net has a width and a training of its own (fine_tuning)"},
                        {"text_column label_column", task_ != "table",
                         "the texts of " + task_ + " have columns of their own"},
                        {"wordnet", task_ == "reviews", "reviews have synonyms of their own"},
                        {"mlm_epochs", !any_from(settled(), Substitutes::in_context),
                         "no attack asks for a masked language model"},
                        {"components fit gamma singular", no_rde, "no row of the table is RDE's"}});
  }
  void data(const std::string& folder) override {
    s_ = settled();
    corpus_ = corpus_of(load_data(task_, folder, s_), s_);
    check();
  }
  std::vector<std::string> variants() const override { return settled().nets; }
  int64_t steps(const Job& job) const override {
    return corpus_ ? trial_steps(settled(), *corpus_, job.variant) : 0;
  }
  std::vector<Phase> phases(const Job& job) const override {
    if (!corpus_) return {{0}};
    const TableSettings s = settled();
    std::vector<Phase> out = {{training_steps(s, *corpus_, job.variant)}};
    const Phase attack{attacked_set(s, corpus_->data).texts.size(), true};
    out.insert(out.end(), s.attacks.size(), attack);
    return out;
  }
  int64_t log_every() const override {
    return corpus_ ? training_steps(s_, *corpus_) / s_.epochs * s_.log_every : 0;
  }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(corpus_ != nullptr, "--task " + task_ + ": no texts were read");
    return std::make_unique<RdeTrial>(job, settled(), corpus_);
  }
  std::vector<Claim> claims(const experiment::Result& result) const override {
    const TableSettings s = settled();
    return directions(result, s.nets, s.attacks);
  }

 private:
  TableSettings settled() const { return rde::settled(s_, preset_); }

  std::string task_;
  TableSettings preset_ = {}, s_ = {};
  std::shared_ptr<const Corpus> corpus_ = nullptr;
};

}  // namespace

TaskList rde_tasks() {
  TaskList out;
  for (const std::string& task : text_tasks()) out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::rde
