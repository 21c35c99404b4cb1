#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/experiment/detect.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/serialize.h>

#include <algorithm>

namespace regrad::rde {

using namespace experiment;

std::shared_ptr<const Corpus> corpus_of(TextData data, const TableSettings& s) {
  auto out = std::make_shared<Corpus>();
  out->data = std::move(data);
  out->vocabulary =
      std::make_shared<const Vocabulary>(Vocabulary::of(out->data.train.texts, {.most = s.words}));
  for (const std::string& t : out->data.train.texts)
    out->train_ids.push_back(out->vocabulary->ids(t));
  const bool neighbours = std::any_of(s.attacks.begin(), s.attacks.end(), [](const auto& a) {
    return find_method(attack_rows(), a).neighbours;
  });
  if (neighbours) {
    const int64_t n = out->vocabulary->size();
    // vectors of known words alone
    out->vectors = word_vectors(out->train_ids, n, {.dimensions = std::min<int64_t>(100, n)},
                                Random(0) / "vectors");
  }
  return out;
}

int64_t training_steps(const TableSettings& s, const Corpus& corpus) {
  const int64_t n = corpus.data.train.size();
  return (n + s.batch - 1) / s.batch * s.epochs;
}

int64_t trial_steps(const TableSettings& s, const Corpus& corpus) {
  return training_steps(s, corpus) +
         static_cast<int64_t>(s.attacks.size()) * attacked_set(s, corpus.data).texts.size();
}

RdeTrial::RdeTrial(const Job& job, const TableSettings& s, std::shared_ptr<const Corpus> corpus)
    : job_(job),
      s_(s),
      corpus_(std::move(corpus)),
      random_(Random(job.seed) / "rde"),
      batches_((corpus_->data.train.size() + s.batch - 1) / s.batch),
      training_(training_steps(s, *corpus_)) {
  const TextOptions o{.words = corpus_->vocabulary->size(),
                      .width = s.width,
                      .classes = static_cast<int64_t>(corpus_->data.train.classes.size()),
                      .dropout = s.dropout,
                      .word_dropout = s.word_dropout};
  classifier_ = {TextNet(job.variant, random_ / "init", o, s.most), corpus_->vocabulary, s.most};
  adam_ = Adam{}.initial(parameters(classifier_.net));
  const AttackedSet attacked = attacked_set(s, corpus_->data);
  for (const std::string& name : s.attacks)
    runs_.emplace_back(find_method(attack_rows(), name),
                       Sources{corpus_->data.synonyms, corpus_->vocabulary, corpus_->vectors},
                       attacked, *corpus_->vocabulary, s);
}

Moment RdeTrial::train(int64_t i) {
  const TextSet& set = corpus_->data.train;
  const int64_t epoch = i / batches_, from = i % batches_ * s_.batch,
                to = std::min(from + s_.batch, set.size());
  const std::vector<int64_t> order =
      randperm(random_ / "order" / epoch, set.size()).to_vector<int64_t>();
  std::vector<std::vector<int64_t>> ids;
  std::vector<int64_t> labels;
  for (int64_t k = from; k < to; ++k) {
    const auto at = static_cast<size_t>(order[static_cast<size_t>(k)]);
    ids.push_back(corpus_->train_ids[at]);
    if (static_cast<int64_t>(ids.back().size()) > s_.most)
      ids.back().resize(static_cast<size_t>(s_.most));
    labels.push_back(set.labels[at]);
  }
  Context ctx{.training = true, .random = random_ / "dropout" / i};
  const Tensor loss = cross_entropy(classifier_.net(padded(ids), ctx), tensor(labels));
  const double value = loss.item();
  if (!std::isfinite(value)) throw NumericError("the training loss is no number");
  const TextNet g = grad(loss, classifier_.net);
  classifier_.net = update(Adam{.lr = s_.lr}, std::move(classifier_.net), adam_, g);
  if ((i + 1) % (batches_ * s_.log_every) != 0) return {};
  return {{"validation accuracy", accuracy(corpus_->data.validation)}, {"training loss", value}};
}

double RdeTrial::accuracy(const TextSet& set) const {
  const Tensor p = classifier_.read(set.texts).probabilities;
  return mean(hits_of(p, tensor(set.labels)));
}

Moment RdeTrial::step(int64_t i) {
  if (i < training_) return train(i);
  const int64_t each = runs_[0].texts(), at = i - training_;
  AttackRun& run = runs_[static_cast<size_t>(at / each)];
  run.attack(at % each, classifier_);
  if ((at + 1) % std::max<int64_t>(1, each / 10) != 0 && at % each + 1 != each) return {};
  return {{std::string("success of ") + run.row().name + ", %", run.success()}};
}

Outcome RdeTrial::finish() { return detect(job_, s_, *corpus_, classifier_, runs_); }

void RdeTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  each(classifier_.net, [&](const std::string& name, Tensor& t, bool) { part("net." + name, t); });
  each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  for (AttackRun& run : runs_) run.state_parts(part);
}

std::vector<NamedTensor> RdeTrial::model() const { return named_tensors(classifier_.net); }

Metadata RdeTrial::about() const {
  return {{"net", job_.variant},
          {"class_names", joined(corpus_->data.train.classes, "\n")},
          {"vocabulary", joined(corpus_->vocabulary->tokens(), "\n")},
          {"width", std::to_string(s_.width)},
          {"most", std::to_string(s_.most)}};
}

}  // namespace regrad::rde
