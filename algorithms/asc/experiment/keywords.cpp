#include <regrad/algorithms/asc/experiment/keywords.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/nets/bcresnet.h>

namespace regrad::asc {
namespace {

using namespace experiment;

struct KeywordBatch {
  Tensor x, y;
};

class KeywordSet {
 public:
  KeywordSet(std::shared_ptr<const Keywords> data, const KeywordSettings& s, int mask_mels,
             const Random& r)
      : data_(std::move(data)), s_(s), mask_mels_(mask_mels), random_(r) {}

  int64_t batches() const { return data_->train.x.size(0) / s_.batch; }
  KeywordBatch batch(int64_t i) const {
    const Tensor order = randperm(random_ / "order" / (i / batches()), data_->train.x.size(0));
    const int64_t from = i % batches() * s_.batch;
    const Tensor at = slice(order, 0, from, from + s_.batch).contiguous();
    KeywordBatch b{index_select(data_->train.x, 0, at), index_select(data_->train.y, 0, at)};
    if (s_.mask)
      b.x = spec_augment(b.x, {.frequency_max = mask_mels_, .time_max = 20}, random_ / "mask" / i);
    return b;
  }
  template <class Net>
  Moment curve(const Net& net) const {
    return {{"validation accuracy", mean(hits_of(net, data_->validation.x, data_->validation.y))}};
  }
  template <class Net>
  void score(const Job& job, const Net& net, Outcome& out) const {
    const std::vector<double> hits = hits_of(net, data_->test.x, data_->test.y);
    add_score(job, "accuracy", mean(hits), out);
    add_items(job, "accuracy", hits, out, data_->test_group);
    add_score(job, "validation", mean(hits_of(net, data_->validation.x, data_->validation.y)), out);
  }

 private:
  std::shared_ptr<const Keywords> data_;
  KeywordSettings s_;
  int mask_mels_;
  Random random_;
};

struct KeywordLearner {
  KeywordSettings s;
  Random random;
  int64_t steps;
  Metadata facts;  // of the model's file
  BcResnet net;
  Sgd::State sgd = Sgd{.momentum = s.momentum}.initial(parameters(net));

  Tensor learn(const KeywordBatch& b, int64_t i) {
    Context ctx{.training = true, .random = random / "pass" / i};
    const Tensor loss = cross_entropy(net(b.x, ctx), b.y);
    const BcResnet g = grad(loss, net);
    net = update(sgd_at(s, i, steps, s.lr), commit(std::move(net), ctx), sgd, g);
    return loss.detach();
  }
  const BcResnet& deployed() const { return net; }
  Metadata about() const { return facts; }
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
  }
};

class KeywordTable : public Experiment {
 public:
  Card card() const override {
    return {
        "asc",
        "Spoken words: BC-ResNet (Kim et al. 2021) at its published widths: test accuracy in %.",
        {"keywords"},
        method_cards(keyword_methods()),
        "accuracy",
        Better::higher,
        "bcresnet-1",
        {},
        {"bcresnet-8", "bcresnet-6", "bcresnet-3", "bcresnet-2"}};
  }
  void choose(const std::string&, const std::string& preset) override {
    settings_ = {};
    if (preset != "paper") settings_.batch = 50, settings_.epochs = 40;
    if (preset == "tiny") settings_.batch = 20, settings_.epochs = 4, settings_.log_every = 1;
    if (preset == "long") settings_.epochs = 80;
    if (preset == "paper") settings_.epochs = 200, settings_.corpus = "commands";
    seeds_ = preset == "long" || preset == "paper" ? 5 : 3;
  }
  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(settings_); }
  void check() const override {
    need(settings_.corpus == "digits" || settings_.corpus == "commands",
         "corpus: digits or commands, not '" + settings_.corpus + "'");
    if (data_) check_batch(settings_, data_->train.x.size(0), "clips");
  }
  void data(const std::string& folder) override {
    data_ = std::make_shared<const Keywords>(load_keywords(settings_.corpus, folder));
  }
  int64_t steps(const Job&) const override { return epoch() * settings_.epochs; }
  int64_t log_every() const override { return epoch() * settings_.log_every; }
  int64_t epoch(const Job&) const override { return epoch(); }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(data_ != nullptr, "--task keywords: no clips were read");
    return keyword_trial(job, settings_, data_);
  }
  std::vector<Claim> claims(const Result& result) const override {
    Claims c(result);
    const auto of = [&](const char* method) { return c.items(method, "accuracy"); };
    c.above("bcresnet-1 above the same with batch norm for sub-spectral norm", of("bcresnet-1"),
            of("bcresnet-1-bn"));
    c.above("bcresnet-2 above bcresnet-1", of("bcresnet-2"), of("bcresnet-1"));
    return c.list;
  }

 private:
  int64_t epoch() const { return data_ ? data_->train.x.size(0) / settings_.batch : 0; }

  KeywordSettings settings_ = {};
  int seeds_ = 3;
  std::shared_ptr<const Keywords> data_ = nullptr;
};

}  // namespace

const std::vector<KeywordMethod>& keyword_methods() {
  static const std::vector<KeywordMethod> rows = {
      {"bcresnet-1", "8 channels in the first stage, sub-spectral norm of five bands", 1, 0},
      {"bcresnet-1-bn", "the same with batch norm instead of sub-spectral norm", 1, 0, 1},
      {"bcresnet-1.5", "12 channels", 1.5, 1, 5, false},
      {"bcresnet-2", "16 channels", 2, 3},
      {"bcresnet-3", "24 channels", 3, 5, 5, false},
      {"bcresnet-6", "48 channels", 6, 7, 5, false},
      {"bcresnet-8", "64 channels", 8, 7, 5, false},
  };
  return rows;
}

std::unique_ptr<Trial> keyword_trial(const Job& job, const KeywordSettings& s,
                                     std::shared_ptr<const Keywords> data) {
  const KeywordMethod& m = find_method(keyword_methods(), job.method);
  const Random r = Random(job.seed) / "keywords";
  const auto classes = static_cast<int64_t>(data->classes.size());
  Metadata facts =
      to_metadata({.tau = m.tau, .bands = m.bands}, keyword_front(), data->classes, keyword_net);
  KeywordSet set(std::move(data), s, m.mask_mels, r);
  KeywordLearner learner{s, r, set.batches() * s.epochs, std::move(facts),
                         BcResnet(r / "init", {.tau = m.tau,
                                               .classes = classes,
                                               .bands = m.bands,
                                               .dropout = s.dropout,
                                               .dtype = set.batch(0).x.dtype()})};
  return std::make_unique<TrainTrial<KeywordLearner, KeywordSet>>(job, std::move(learner),
                                                                  std::move(set), s.log_every);
}

std::unique_ptr<Experiment> keyword_table() { return std::make_unique<KeywordTable>(); }

}  // namespace regrad::asc
