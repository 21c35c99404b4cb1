#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/asc/experiment/trial.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/serialize.h>

#include <algorithm>

namespace regrad::asc {
namespace {

using namespace experiment;

constexpr int64_t calibration_clips = 256;

BcResnetAscOptions options_of(const Settings& s, const Method& m, const Recordings& data) {
  return {.tau = m.tau.value_or(s.tau),
          .classes = data.class_count(),
          .norm = m.norm,
          .lambda = m.lambda.value_or(s.lambda),
          .dropout = s.dropout,
          .dtype = data.train_x.dtype()};
}

// Convolutions of which pruning has left no weight: where one is the only way through, the net no
// longer depends on its input.
double cut_away(const std::vector<Tensor>& masks) {
  double n = 0;
  for (const Tensor& m : masks) n += m.dim() == 4 && amax(m).item() == 0;
  return n;
}

}  // namespace

Tensor spread(const Tensor& x, int64_t most) {
  const int64_t every = (x.size(0) + most - 1) / most;
  return slice(x, 0, 0, x.size(0), std::max<int64_t>(1, every)).contiguous();
}

Phases phases(const Settings& s, const std::string& method, int64_t clips) {
  Phases p;
  p.batches = clips / s.batch;
  const Method& m = find_method(methods(), method);
  p.training = p.batches * s.epochs * m.members;
  if (m.translation) p.translation = s.translation.steps;
  if (s.compress) p.without = p.with = p.batches * s.compression.epochs;
  return p;
}

namespace {

Phases phases_of_one(const Settings& s, const Method& m, int64_t clips) {
  Phases p = phases(s, m.name, clips);
  p.training /= m.members;
  return p;
}

}  // namespace

AscTrial::AscTrial(const Job& job, const Settings& settings, std::shared_ptr<const Recordings> data,
                   int member)
    : job_(job),
      method_(find_method(methods(), job.method)),
      s_(settings),
      data_(std::move(data)),
      random_(member == 0 ? Random(job.seed) / "asc"
                          : Random(job.seed) / "asc" / "member" / member),
      batches_(data_, s_),
      phases_(phases_of_one(s_, method_, data_->clips())),
      options_(options_of(s_, method_, *data_)) {
  const Sgd sgd{.momentum = s_.momentum};
  now_.net = BcResnetAsc(random_ / "init", options_);
  if (method_.norm == FreqNorm::global) {  // of the training clips alone
    FreqStatistics seen;
    seen.add(data_->train_x);
    now_.net.norms[0].global = seen.norm(options_.dtype);
  }
  now_.sgd = sgd.initial(parameters(now_.net));
  if (method_.translation) {
    now_.translation = TranslationNet(random_ / "translation", data_->seen, data_->front.mel.mels,
                                      s_.translation.width, data_->train_x.dtype());
    if (data_->pair_x.defined())
      now_.translation = standardized(std::move(now_.translation), data_->pair_x);
    now_.adam = Adam{}.initial(parameters(now_.translation));
  }
  if (!s_.compress) return;
  now_.masks = one_shot_masks(now_.net, 0);
  for (size_t k = 0; k < 2; ++k) now_.students[k] = now_.net, now_.student_sgd[k] = now_.sgd;
}

SceneBatch AscTrial::batch(int64_t i, const Random& r) const {
  const ProfileScope scope("data");
  return batches_.at(i, r, method_.translation ? &now_.translation : nullptr);
}

bool AscTrial::logged() const { return (step_ + 1) % (phases_.batches * s_.log_every) == 0; }

Moment AscTrial::step(int64_t i) {
  step_ = i;
  if (i < phases_.translation) return translate(i);
  i -= phases_.translation;
  if (i < phases_.training) return train(i);
  i -= phases_.training;
  if (i < phases_.without) return squeeze(i, false);
  return squeeze(i - phases_.without, true);
}

Moment AscTrial::translate(int64_t i) {
  const Random r = random_ / "pairs" / i;
  const Settings::Translation& s = s_.translation;
  const int64_t pairs = data_->pair_of.size(0), frames = data_->train_x.size(3),
                crop = s.crop > 0 ? std::min<int64_t>(s.crop, frames) : frames;
  const Tensor at = randint(r / "pair", 0, pairs, {s.batch}),
               clips = index_select(data_->pair_of, 0, at);
  const int64_t begin = (r / "crop").integer(0, frames - crop + 1);
  const auto cut = [&](const Tensor& x) { return slice(x, 3, begin, begin + crop).contiguous(); };
  const Tensor from = cut(index_select(data_->pair_x, 0, at)),
               to = cut(index_select(data_->train_x, 0, clips));
  const double rate =
      CosineAnnealingLr{.lr = s.lr, .t_max = std::max<int64_t>(1, phases_.translation)}(i);
  const Tensor loss = learn_translation(now_.translation, now_.adam, rate, from, to,
                                        index_select(data_->train_device, 0, clips));
  if (i % 20 != 0 && !logged()) return {};
  return {{"L1 of the translation", loss.item()}, {"L1 without it", l1_loss(from, to).item()}};
}

// On the validation clips: the test part is read once, in finish().
Moment AscTrial::curve(const std::string& of, const BcResnetAsc& net, const Tensor& loss) const {
  Moment m;
  if (const auto v = validation_accuracy(net, *data_))
    m.emplace_back(of + "validation accuracy", *v);
  m.emplace_back(of + "training loss", loss.item());
  return m;
}

Moment AscTrial::train(int64_t i) {
  const SceneBatch b = batch(i, random_ / "training");
  Context ctx{.training = true, .random = random_ / "pass" / i};
  const Tensor loss = soft_cross_entropy(now_.net(b.x, ctx), b.y);
  const BcResnetAsc g = grad(loss, now_.net);
  now_.net =
      update(sgd_at(s_, i, phases_.training, s_.lr), commit(std::move(now_.net), ctx), now_.sgd, g);
  if (!logged()) return {};
  return curve("", now_.net, loss);
}

Moment AscTrial::squeeze(int64_t i, bool distilled) {
  const Settings::Compression& s = s_.compression;
  BcResnetAsc& student = now_.students[distilled];
  if (i == 0) {
    now_.masks = one_shot_masks(now_.net, s.ratio);
    student = pruned(now_.net, now_.masks);
  }
  const SceneBatch b = batch(i, random_ / "fine-tuning");
  const Tensor teacher = distilled ? logits_of(now_.net, b.x, s_.batch) : Tensor();
  const FineTuning how{.distillation = {s.share, s.temperature}, .quantized = s.quantized};
  const Tensor loss =
      fine_tune(student, now_.student_sgd[distilled], sgd_at(s_, i, phases_.with, s.lr), now_.masks,
                b.x, b.y, distilled ? &teacher : nullptr, how, random_ / "fine pass" / i);
  if (!logged()) return {};
  return curve(distilled ? "fine-tuning with KD: " : "fine-tuning without KD: ",
               as_tuned(student, now_.masks, s.quantized), loss);
}

Outcome AscTrial::finish() {
  Outcome out;
  const std::vector<Tensor> logits = logits_by_device(now_.net, *data_);
  add_scores(job_, logits, *data_, out);
  if (const auto v = validation_accuracy(now_.net, *data_)) add_score(job_, "validation", *v, out);
  if (s_.compress) {
    finish_compression(hits_of(logits, *data_), out);
  } else {
    out.parameters.emplace_back(job_.method, parameter_count(now_.net));
  }
  return out;
}

Deployed AscTrial::to_deploy() const {
  return deployed(now_.students[1], now_.masks, spread(data_->train_x, calibration_clips));
}

void AscTrial::finish_compression(const Hits& before, Outcome& out) const {
  const Recordings& d = *data_;
  const auto all = [&](const char* metric, const Hits& h) {
    add(job_, metric, h, 0, h.size(), d, out);
  };
  const auto tuned = [&](size_t distilled) {
    return as_tuned(now_.students[distilled], now_.masks, s_.compression.quantized);
  };
  all("before compression", before);
  all("after pruning", experiment::hits_of(pruned(now_.net, now_.masks), d));
  all("after fine-tuning without KD", experiment::hits_of(tuned(0), d));
  all("after fine-tuning with KD", experiment::hits_of(tuned(1), d));
  const Deployed deployed = to_deploy();
  const BcResnetAsc& small = deployed.net;
  const std::vector<Tensor> by_small = logits_by_device(small, d);
  all("with 8-bit weights", hits_of(by_small, d));
  all("log loss with 8-bit weights", log_losses(by_small, d));
  if (const auto v = validation_accuracy(small, d))
    add_score(job_, "validation with 8-bit weights", *v, out);
  const Int8Report int8 = evaluate_int8(small, spread(d.train_x, calibration_clips), d.test_x);
  const Hits last = hits_of(int8.logits, d);
  all("int8", last);
  add(job_, "int8, unseen", last, static_cast<size_t>(d.seen), last.size(), d, out);
  const ChallengeSize size = deployed_size(small);
  add_score(job_, "bytes", static_cast<double>(size.weights + size.rest), out);
  add_score(job_, "norms in single precision", static_cast<double>(deployed.wide), out);
  add_score(job_, "largest int8 difference of a logit", int8.largest_difference, out);
  add_score(job_, "convolutions cut away whole", cut_away(now_.masks), out);
  out.parameters.emplace_back(job_.method, size.weights + challenge_size(small).rest / 2);
}

void AscTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  each(now_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
}

std::vector<NamedTensor> AscTrial::model() const {
  return named_tensors(s_.compress ? to_deploy().net : now_.net);
}

Metadata AscTrial::about() const { return to_metadata(options_, data_->front, data_->classes); }

}  // namespace regrad::asc
