#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/experiment/detect.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/clip.h>
#include <regrad/layers/schedule.h>
#include <regrad/layers/serialize.h>

#include <algorithm>

namespace regrad::rde {

using namespace experiment;

namespace {

// With its initial values.
Classifier classifier_of(const std::string& net, const Random& r, const Corpus& corpus,
                         const TableSettings& s) {
  const auto classes = static_cast<int64_t>(corpus.data.train.classes.size());
  if (net == pretrained_name) {
    need(corpus.pretrained != nullptr, "nets: pretrained asks for a folder (net)");
    Bert bert = corpus.pretrained->net;
    bert.redraw(r);
    return {TextNet(std::move(bert)), corpus.vocabulary, s.most, corpus.pretrained->tokenizer};
  }
  const TextOptions o{.words = corpus.vocabulary->size(),
                      .width = s.width,
                      .classes = classes,
                      .dropout = s.dropout,
                      .word_dropout = s.word_dropout};
  return {TextNet(net, r, o, s.most), corpus.vocabulary, s.most};
}

}  // namespace

std::shared_ptr<const Corpus> corpus_of(TextData data, const TableSettings& s) {
  auto out = std::make_shared<Corpus>();
  out->data = std::move(data);
  out->vocabulary =
      std::make_shared<const Vocabulary>(Vocabulary::of(out->data.train.texts, {.most = s.words}));
  for (const std::string& t : out->data.train.texts)
    out->train_ids.push_back(out->vocabulary->ids(t));
  const int64_t n = out->vocabulary->size();
  if (any_from(s, Substitutes::neighbours)) {
    // vectors of known words alone
    out->vectors = word_vectors(out->train_ids, n, {.dimensions = std::min<int64_t>(100, n)},
                                Random(0) / "vectors");
  }
  if (among(pretrained_name, s.nets)) {
    const auto classes = static_cast<int64_t>(out->data.train.classes.size());
    out->pretrained = std::make_shared<const Pretrained>(load_pretrained(s.net, classes));
    const int64_t room = most_tokens(out->pretrained->net.config);
    need(s.most <= room, "most: " + std::to_string(s.most) + " tokens; the net of " + s.net +
                             " has positions for " + std::to_string(room));
  }
  if (any_from(s, Substitutes::in_context))
    out->masked_lm = std::make_shared<const MaskedLm>(trained_masked_lm(
        out->train_ids, n, {.most = s.most}, {.epochs = s.mlm_epochs}, Random(0) / "masked lm"));
  return out;
}

int64_t training_steps(const TableSettings& s, const Corpus& corpus, const std::string& net) {
  const int64_t n = corpus.data.train.size();
  return (n + s.batch - 1) / s.batch * (net == pretrained_name ? s.fine_tuning.epochs : s.epochs);
}

int64_t trial_steps(const TableSettings& s, const Corpus& corpus, const std::string& net) {
  return training_steps(s, corpus, net) +
         static_cast<int64_t>(s.attacks.size()) * attacked_set(s, corpus.data).texts.size();
}

RdeTrial::RdeTrial(const Job& job, const TableSettings& s, std::shared_ptr<const Corpus> corpus)
    : job_(job),
      s_(s),
      corpus_(std::move(corpus)),
      random_(Random(job.seed) / "rde"),
      batches_((corpus_->data.train.size() + s.batch - 1) / s.batch),
      training_(training_steps(s, *corpus_, job.variant)),
      pretrained_(job.variant == pretrained_name),
      classifier_(classifier_of(job.variant, random_ / "init", *corpus_, s)) {
  adam_ = Adam{}.initial(parameters(classifier_.net));
  const AttackedSet attacked = attacked_set(s, corpus_->data);
  for (const std::string& name : s.attacks)
    runs_.emplace_back(
        find_method(attack_rows(), name),
        Sources{corpus_->data.synonyms, corpus_->vocabulary, corpus_->vectors, corpus_->masked_lm},
        attacked, classifier_, s);
}

Adam RdeTrial::optimizer(int64_t i) const {
  if (!pretrained_) return {.lr = s_.lr};
  const FineTuning& f = s_.fine_tuning;
  return {.lr = linear_with_warmup(f.lr, training_, f.warmup)(i),
          .weight_decay = f.weight_decay,
          .decoupled_weight_decay = true,
          .factors = {.weight_decay = factors(classifier_.net, matrices)}};
}

Moment RdeTrial::train(int64_t i) {
  const TextSet& set = corpus_->data.train;
  const int64_t epoch = i / batches_, from = i % batches_ * s_.batch,
                to = std::min(from + s_.batch, set.size());
  const std::vector<int64_t> order =
      randperm(random_ / "order" / epoch, set.size()).to_vector<int64_t>();
  std::vector<std::vector<int64_t>> ids;
  std::vector<int64_t> labels;
  std::optional<ProfileScope> data(std::in_place, "data");
  for (int64_t k = from; k < to; ++k) {
    const auto at = static_cast<size_t>(order[static_cast<size_t>(k)]);
    ids.push_back(classifier_.ids(set.texts[at]));
    labels.push_back(set.labels[at]);
  }
  Context ctx{.training = true, .random = random_ / "dropout" / i};
  data.reset();
  const Tensor loss =
      cross_entropy(classifier_.net(padded(ids, classifier_.net.pad()), ctx), tensor(labels));
  const double value = loss.item();
  if (!std::isfinite(value)) throw NumericError("the training loss is no number");
  TextNet g = grad(loss, classifier_.net);
  if (pretrained_ && s_.fine_tuning.clip > 0) g = clip_grad_norm(g, s_.fine_tuning.clip).first;
  const Adam adam = optimizer(i);
  classifier_.net = update(adam, std::move(classifier_.net), adam_, g);
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

// Nothing can be drawn from texts of which too few were attacked with success.
void RdeTrial::rehearse() {
  for (AttackRun& run : runs_) run.pretend();
  finish();
}

void RdeTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  each(classifier_.net, [&](const std::string& name, Tensor& t, bool) { part("net." + name, t); });
  each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  for (AttackRun& run : runs_) run.state_parts(part);
}

std::vector<NamedTensor> RdeTrial::model() const { return named_tensors(classifier_.net); }

Metadata RdeTrial::about() const {
  Metadata out = {{"net", job_.variant},
                  {"class_names", joined(corpus_->data.train.classes, "\n")},
                  {"vocabulary", joined(corpus_->vocabulary->tokens(), "\n")},
                  {"most", std::to_string(s_.most)}};
  if (!pretrained_) out["width"] = std::to_string(s_.width);
  if (pretrained_)
    for (const auto& [name, bytes] : corpus_->pretrained->files) out[name] = bytes;
  return out;
}

}  // namespace regrad::rde
