#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/asc/model.h>
#include <regrad/algorithms/asc/scores.h>
#include <regrad/algorithms/asc/trial.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/schedule.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>

namespace regrad::asc {
namespace {

using experiment::Moment;

constexpr int64_t calibration_clips = 256;

Tensor taken(const Tensor& x, const Tensor& at) { return index_select(x, 0, at); }

BcResnetAscOptions options_of(const Settings& s, const Row& row, const scenes::Recordings& data) {
  return {.tau = s.tau,
          .classes = static_cast<int64_t>(data.classes.size()),
          .norm = row.norm,
          .lambda = s.lambda,
          .dropout = s.dropout};
}

// At most so many, spread over all.
Tensor spread(const Tensor& x, int64_t most) {
  const int64_t every = (x.size(0) + most - 1) / most;
  return slice(x, 0, 0, x.size(0), std::max<int64_t>(1, every)).contiguous();
}

// Convolutions of which pruning has left no weight: where one is the only way through, the net no
// longer hears its input.
double cut_away(const std::vector<Tensor>& masks) {
  double n = 0;
  for (const Tensor& m : masks) n += m.dim() == 4 && amax(m).item() == 0;
  return n;
}

std::vector<Tensor> logits_by_device(const BcResnetAsc& net, const scenes::Recordings& data) {
  std::vector<Tensor> out;
  for (const Tensor& x : data.test_x) out.push_back(logits_of(net, x));
  return out;
}

}  // namespace

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"baseline", "batch norm and sub-spectral norm only", FreqNorm::none, false},
      {"baseline-g", "the same, some clips of the source translated to other devices",
       FreqNorm::none, true, false},
      {"resnorm", "residual norm, 0.1 x + IFN(x), on the input and after each stage",
       FreqNorm::resnorm, false},
      {"resnorm-g", "the same, some clips of the source translated to other devices",
       FreqNorm::resnorm, true},
  };
  return all;
}

const Row& row(const std::string& name) {
  for (const Row& r : rows())
    if (name == r.name) return r;
  throw ConfigError("no method is called '" + name + "'");
}

Plan plan(const Settings& s, const std::string& method, int64_t clips) {
  Plan p;
  p.batches = clips / s.batch;
  p.training = p.batches * s.epochs;
  if (row(method).translation) p.translation = s.translation.steps;
  if (s.compress) p.without = p.with = p.batches * s.compression.epochs;
  return p;
}

AscTrial::AscTrial(const experiment::Job& job, const Settings& settings,
                   std::shared_ptr<const scenes::Recordings> data)
    : job_(job),
      row_(row(job.method)),
      s_(settings),
      data_(std::move(data)),
      random_(Random(job.seed) / "asc"),
      plan_(plan(s_, job.method, data_->train_x.size(0))),
      options_(options_of(s_, row_, *data_)),
      net_(random_ / "init", options_) {
  const Sgd sgd{.momentum = s_.momentum};
  sgd_ = sgd.initial(parameters(net_));
  if (row_.translation) {
    translation_ = TranslationNet(random_ / "translation", data_->seen, data_->ear.front.mels,
                                  s_.translation.width);
    if (data_->pair_x.defined())
      translation_ = standardized(std::move(translation_), data_->pair_x);
    adam_ = Adam{}.initial(parameters(translation_));
  }
  if (!s_.compress) return;
  masks_ = one_shot_masks(net_, 0);
  for (size_t k = 0; k < 2; ++k)
    students_[k] = net_, student_sgd_[k] = sgd.initial(parameters(net_));
}

double AscTrial::lr(int64_t i, int64_t of, double peak) const {
  return cosine_with_warmup(peak, of, s_.warmup)(i);
}

// Clips in a random order, translated, rolled, masked and mixed.
AscTrial::Batch AscTrial::batch(int64_t i, const Random& r) const {
  const int64_t epoch = i / plan_.batches, at = i % plan_.batches;
  const Tensor order = randperm(r / "order" / epoch, data_->train_x.size(0));
  const Tensor index = slice(order, 0, at * s_.batch, (at + 1) * s_.batch).contiguous();
  Batch b{taken(data_->train_x, index),
          one_hot(taken(data_->train_y, index), options_.classes).to(DType::f32)};
  if (row_.translation)
    b.x = translated(translation_, b.x, taken(data_->train_device, index), s_.translation.rate,
                     r / "translated" / i);
  const LogMel& front = data_->ear.front;
  const int64_t turn =
      std::llround(s_.roll * static_cast<double>(front.rate) / static_cast<double>(front.hop));
  if (turn > 0) b.x = time_roll(b.x, turn, r / "roll" / i);
  if (s_.mask_mels > 0 || s_.mask_frames > 0)
    b.x = spec_augment(b.x, {.frequency_max = s_.mask_mels, .time_max = s_.mask_frames},
                       r / "mask" / i);
  if (s_.mixup > 0) {
    Mixed m = mixup(b.x, b.y, s_.mixup, r / "mixup" / i);
    b = {std::move(m.x), std::move(m.y)};
  }
  return b;
}

bool AscTrial::logged() const { return (now_ + 1) % (plan_.batches * s_.log_every) == 0; }

Moment AscTrial::step(int64_t i) {
  now_ = i;
  if (i < plan_.translation) return translate(i);
  i -= plan_.translation;
  if (i < plan_.training) return train(i);
  i -= plan_.training;
  if (i < plan_.without) return squeeze(i, false);
  return squeeze(i - plan_.without, true);
}

Moment AscTrial::translate(int64_t i) {
  const Random r = random_ / "pairs" / i;
  const int64_t pairs = data_->pair_of.size(0), frames = data_->train_x.size(3);
  const Tensor at = randint(r / "pair", 0, pairs, {s_.translation.batch});
  const Tensor clips = taken(data_->pair_of, at);
  Tensor from = taken(data_->pair_x, at), to = taken(data_->train_x, clips);
  const int64_t crop =
      s_.translation.crop > 0 ? std::min<int64_t>(s_.translation.crop, frames) : frames;
  const int64_t begin = (r / "crop").integer(0, frames - crop + 1);
  from = slice(from, 3, begin, begin + crop).contiguous(),
  to = slice(to, 3, begin, begin + crop).contiguous();
  const double rate = CosineAnnealingLr{.lr = s_.translation.lr,
                                        .t_max = std::max<int64_t>(1, plan_.translation)}(i);
  const Tensor loss =
      learn_translation(translation_, adam_, rate, from, to, taken(data_->train_device, clips));
  if (i % 20 != 0 && !logged()) return {};
  return {{"L1 of the translation", loss.item()}, {"L1 without it", l1_loss(from, to).item()}};
}

Moment AscTrial::train(int64_t i) {
  const Batch b = batch(i, random_ / "training");
  Context ctx{.training = true, .random = random_ / "pass" / i};
  const Tensor loss = soft_cross_entropy(net_(b.x, ctx), b.y);
  const BcResnetAsc g = grad(loss, net_);
  const Sgd sgd{
      .lr = lr(i, plan_.training, s_.lr), .momentum = s_.momentum, .weight_decay = s_.weight_decay};
  net_ = update(sgd, commit(std::move(net_), ctx), sgd_, g);
  if (!logged()) return {};
  const Hits hits = hits_of(logits_by_device(net_, *data_), *data_);
  return {{"accuracy", mean_of(hits)},
          {"accuracy on unseen devices", mean_of_unseen(hits, *data_)},
          {"training loss", loss.item()}};
}

Moment AscTrial::squeeze(int64_t i, bool distilled) {
  if (i == 0) {
    masks_ = one_shot_masks(net_, s_.compression.ratio);
    students_[distilled] = pruned(net_, masks_);
  }
  const Batch b = batch(i, random_ / "fine-tuning");
  const Sgd sgd{.lr = lr(i, plan_.with, s_.compression.lr),
                .momentum = s_.momentum,
                .weight_decay = s_.weight_decay};
  const Tensor teacher = distilled ? logits_of(net_, b.x, s_.batch) : Tensor();
  const FineTuning how{.distillation = {s_.compression.share, s_.compression.temperature},
                       .quantized = s_.compression.quantized};
  const Tensor loss =
      fine_tune(students_[distilled], student_sgd_[distilled], sgd, masks_, b.x, b.y,
                distilled ? &teacher : nullptr, how, random_ / "fine pass" / i);
  if (!logged()) return {};
  const Hits hits = hits_of(
      logits_by_device(as_tuned(students_[distilled], masks_, s_.compression.quantized), *data_),
      *data_);
  const std::string of = distilled ? "fine-tuning with KD: " : "fine-tuning without KD: ";
  return {{of + "accuracy", mean_of(hits)}, {of + "training loss", loss.item()}};
}

experiment::Outcome AscTrial::finish() {
  experiment::Outcome out;
  const scenes::Recordings& d = *data_;
  const std::vector<Tensor> logits = logits_by_device(net_, d);
  const Hits hits = hits_of(logits, d);
  add_by_device(job_.method, hits, d, out);
  add_figures(job_.method, logits, hits, d, out);
  if (!s_.compress) {
    out.parameters.emplace_back(job_.method, parameter_count(net_));
    return out;
  }
  const auto all = [&](const std::string& metric, const Hits& h) {
    add(job_.method, metric, h, 0, h.size(), d, out);
  };
  const auto of_net = [&](const BcResnetAsc& net) { return hits_of(logits_by_device(net, d), d); };
  all("before compression", hits);
  all("after pruning", of_net(pruned(net_, masks_)));
  all("after fine-tuning without KD",
      of_net(as_tuned(students_[0], masks_, s_.compression.quantized)));
  all("after fine-tuning with KD",
      of_net(as_tuned(students_[1], masks_, s_.compression.quantized)));
  const BcResnetAsc small = deployed(students_[1], masks_);
  all("with 8-bit weights", of_net(small));
  const Int8Report int8 = evaluate_int8(small, spread(d.train_x, calibration_clips), d.test_x);
  const Hits last = hits_of(int8.logits, d);
  all("int8", last);
  add(job_.method, "int8, unseen", last, static_cast<size_t>(d.seen), last.size(), d, out);
  out.scores.push_back({job_.method, "bytes", static_cast<double>(challenge_bytes(small))});
  out.scores.push_back(
      {job_.method, "largest int8 difference of a logit", int8.largest_difference});
  out.scores.push_back({job_.method, "convolutions cut away whole", cut_away(masks_)});
  const ChallengeSize size = challenge_size(small);
  out.parameters.emplace_back(job_.method, size.weights + size.rest / 2);
  return out;
}

void AscTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  const auto all = [&](const std::string& prefix, auto& of) {
    each(of, [&](const std::string& name, Tensor& t, bool) { part(prefix + name, t); });
  };
  all("net.", net_);
  all("sgd.", sgd_);
  if (row_.translation) {
    all("translation.", translation_);
    all("adam.", adam_);
  }
  if (!s_.compress) return;
  all("masks.", masks_);
  for (size_t k = 0; k < 2; ++k) {
    all(k ? "with." : "without.", students_[k]);
    all(k ? "with_sgd." : "without_sgd.", student_sgd_[k]);
  }
}

std::vector<NamedTensor> AscTrial::model() const {
  return named_tensors(s_.compress ? deployed(students_[1], masks_) : net_);
}

Metadata AscTrial::about() const { return to_metadata(options_, data_->ear, data_->classes); }

}  // namespace regrad::asc
