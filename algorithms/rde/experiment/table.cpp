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
TableSettings preset_of(const std::string& task, const std::string& preset) {
  TableSettings s;
  s.adversarial = task == "sst2" || task == "reviews" || task == "table" ? 1000 : 2000;
  if (task == "ag_news") s.most = 128;
  if (task == "imdb" || task == "yelp") s.most = 256, s.batch = 32;
  if (task == "reviews")
    s.train = 1000, s.validation = 300, s.test = s.attacked = 800, s.epochs = 12;
  if (preset == "tiny") {
    s.nets = {"cnn"}, s.attacks = {"pwws"}, s.components = 20;
    if (task != "reviews") s.train = 2000, s.validation = 300, s.test = s.attacked = 300;
  }
  if (preset == "small") s.fit = 4000;
  if (preset == "long") s.attacked = 100000, s.attacks = {"pwws", "tf-lite", "tf-adj-lite"};
  if (preset == "paper") {
    s.splits = 3, s.attacked = 100000, s.components = 100,
    s.attacks = {"pwws", "tf-lite", "tf-adj-lite"};
    if (task == "ag_news") s.most = 256;
    if (task == "imdb") s.most = 512;
  }
  return s;
}

void check_nets(const std::vector<std::string>& nets) {
  check_each("nets", nets, [](const std::string& net) {
    need(among(net, net_names()),
         "nets: '" + net + "' is none" + did_you_mean(net, net_names(), "", ""));
  });
}

namespace {

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    return {
        "rde",
        "RDE, attacked texts found by robust density estimation (Yoo et al. 2022): AUC.",
        {task_},
        method_cards(detector_rows()),
        on("AUC, " + (s_.attacks.empty() ? "" : s_.attacks[0]), s_.nets.empty() ? "" : s_.nets[0]),
        Better::higher,
        "max-softmax"};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
  }
  int seeds() const override { return 3; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override {
    check_nets(s_.nets);
    check_each("attacks", s_.attacks,
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
    return reason(key, {{"text_column label_column", task_ != "table",
                         "the texts of " + task_ + " have columns of their own"},
                        {"wordnet", task_ == "reviews", "reviews have synonyms of their own"},
                        {"components fit gamma singular", no_rde, "no row of the table is RDE's"}});
  }
  void data(const std::string& folder) override {
    corpus_ = corpus_of(load_data(task_, folder, s_), s_);
    check();
  }
  std::vector<std::string> variants() const override { return s_.nets; }
  int64_t steps(const Job&) const override { return corpus_ ? trial_steps(s_, *corpus_) : 0; }
  int64_t log_every() const override {
    return corpus_ ? training_steps(s_, *corpus_) / s_.epochs * s_.log_every : 0;
  }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(corpus_ != nullptr, "--task " + task_ + ": no texts were read");
    return std::make_unique<RdeTrial>(job, s_, corpus_);
  }
  std::vector<Claim> claims(const experiment::Result& result) const override {
    return directions(result, s_.nets, s_.attacks);
  }

 private:
  std::string task_;
  TableSettings s_ = {};
  std::shared_ptr<const Corpus> corpus_ = nullptr;
};

}  // namespace

TaskList rde_tasks() {
  TaskList out;
  for (const std::string& task : text_tasks()) out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::rde
