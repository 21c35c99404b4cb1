#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/ppp/experiment/measure.h>
#include <regrad/algorithms/ppp/experiment/trial.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>

namespace regrad::ppp {

using namespace experiment;

namespace {

int64_t persons_of_batch(const Settings& s, int64_t seen) {
  return std::min<int64_t>(s.persons, seen);
}

std::vector<int64_t> all_but(int64_t seen, int64_t left_out) {
  std::vector<int64_t> out;
  for (int64_t u = 0; u < seen; ++u)
    if (u != left_out) out.push_back(u);
  return out;
}

int64_t epoch_of(const Settings& s, const Persons& data) {
  int64_t examples = 0;
  for (int64_t u = 0; u < data.seen(); ++u)
    examples += static_cast<int64_t>(data.people[static_cast<size_t>(u)].train.size());
  return std::max<int64_t>(1, examples / (persons_of_batch(s, data.seen()) * s.samples));
}

}  // namespace

int64_t steps_of_net(const Settings& s, const Persons& data) {
  return epoch_of(s, data) * s.epochs;
}
int64_t nets_of(const std::string& method, const Settings& s, const Persons& data) {
  return 1 + (s.leave_out && is_whole(method) ? data.seen() : 0);
}

PersonBatch draw_batch(const Persons& data, const std::vector<int64_t>& people, int64_t persons,
                       int64_t samples, const Random& r) {
  const std::vector<int64_t> order =
      randperm(r / "persons", static_cast<int64_t>(people.size())).to_vector<int64_t>();
  std::vector<int64_t> at;
  for (int64_t p = 0; p < persons; ++p) {
    const int64_t u = people[static_cast<size_t>(order[static_cast<size_t>(p)])];
    const std::vector<int64_t>& own = data.people[static_cast<size_t>(u)].train;
    const std::vector<int64_t> which =
        randperm(r / "examples" / u, static_cast<int64_t>(own.size())).to_vector<int64_t>();
    for (int64_t k = 0; k < samples; ++k)
      at.push_back(own[static_cast<size_t>(which[static_cast<size_t>(k) % which.size()])]);
  }
  return {data.examples(at), data.labels(at), persons};
}

std::vector<int64_t> enrolled(const Persons& data, int64_t u, int64_t k, uint64_t seed) {
  const std::vector<int64_t>& pool = data.people[static_cast<size_t>(u)].pool;
  std::vector<int64_t> out;
  for (const int64_t i :
       randperm(Random(seed) / "ppp" / "enrol" / u, static_cast<int64_t>(pool.size()))
           .to_vector<int64_t>())
    if (static_cast<int64_t>(out.size()) < k) out.push_back(pool[static_cast<size_t>(i)]);
  return out;
}

Sgd sgd_at(const Settings& s, int64_t i, int64_t steps) {
  double lr = s.lr;
  for (const double m : s.milestones)
    lr *= i >= std::llround(m * static_cast<double>(steps)) ? s.gamma : 1;
  return {.lr = lr, .momentum = s.momentum, .weight_decay = s.weight_decay};
}

GatedOptions net_of(const Settings& s, const Persons& data) {
  return {.depth = s.depth,
          .in_channels = data.info.channels,
          .width = s.width,
          .classes = static_cast<int64_t>(data.info.classes.size()),
          .gate = gate_kind(s.gate),
          .dtype = data.x.dtype()};
}

Options options_of(const Method& m, const Settings& s) {
  return {.target = s.target,
          .rate = s.rate,
          .prototype = m.prototype.value_or(s.prototype),
          .shared = m.shared.value_or(s.shared)};
}

PppTrial::PppTrial(const Job& job, const Settings& s, std::shared_ptr<const Persons> data)
    : job_(job),
      s_(s),
      data_(std::move(data)),
      method_(find_method(methods(), job.method)),
      random_(Random(job.seed) / "ppp"),
      steps_(steps_of_net(s, *data_)) {
  for (int64_t f = 0; f < nets_of(job.method, s, *data_); ++f)
    folds_.push_back(fold(all_but(data_->seen(), f - 1), random_ / "net" / f));
}

Fold PppTrial::fold(std::vector<int64_t> people, const Random& r) const {
  Fold out{std::move(people)};
  GatedOptions o = net_of(s_, *data_);
  out.gated.push_back(
      Learner(GatedNet(r / "init", o), options_of(method_, s_), r / "gates", s_.momentum));
  if (!is_whole(job_.method)) return out;
  o.gate = GateKind::none;
  out.full = GatedNet(r / "init", o);
  out.full_sgd = Sgd{.momentum = s_.momentum}.initial(parameters(out.full));
  return out;
}

Moment PppTrial::step(int64_t i) {
  const int64_t f = i / steps_, j = i % steps_;
  Fold& fold = folds_[static_cast<size_t>(f)];
  const auto drawn = [&] {
    const ProfileScope scope("data");
    return draw_batch(*data_, fold.people,
                      persons_of_batch(s_, static_cast<int64_t>(fold.people.size())), s_.samples,
                      random_ / "net" / f / "batch" / j);
  };
  const PersonBatch batch = drawn();
  const Sgd by = sgd_at(s_, j, steps_);
  const Loss loss = fold.gated[0].learn(batch, j, by);
  if (is_whole(job_.method)) {
    Context ctx{.training = true};
    const Tensor plain = cross_entropy(fold.full.forward(batch.x, ctx), batch.y);
    const GatedNet g = grad(plain, fold.full);
    fold.full = update(by, commit(std::move(fold.full), ctx), fold.full_sgd, g);
  }
  const int64_t every = epoch_of(s_, *data_) * s_.log_every;
  return f == 0 && (j + 1) % every == 0 ? curve(loss) : Moment{};
}

Moment PppTrial::curve(const Loss& loss) const {
  Moment out;
  std::vector<int64_t> at;
  for (int64_t u = 0; u < data_->seen(); ++u) {
    const std::vector<int64_t>& own = data_->people[static_cast<size_t>(u)].validation;
    at.insert(at.end(), own.begin(), own.end());
  }
  if (!at.empty())
    out.emplace_back("validation accuracy, gates by example",
                     mean(hits_of(folds_[0].net(), data_->examples(at), data_->labels(at))));
  out.emplace_back("training loss", loss.total.item());
  out.emplace_back("open gates, %", 100 * loss.open);
  if (loss.prototype.defined()) out.emplace_back("prototypes' loss", loss.prototype.item());
  return out;
}

Outcome PppTrial::finish() {
  Rows rows(job_, s_, *data_, steps_);
  rows.measure(folds_[0]);
  for (size_t f = 1; f < folds_.size(); ++f)
    rows.measure_left_out(folds_[f], static_cast<int64_t>(f) - 1);
  return rows.outcome();
}

void PppTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  for (size_t f = 0; f < folds_.size(); ++f)
    each(folds_[f], [&](const std::string& name, Tensor& t, bool) {
      part("net." + std::to_string(f) + "." + name, t);
    });
}

std::vector<NamedTensor> PppTrial::model() const { return named_tensors(folds_[0].net()); }
std::vector<NamedTensor> PppTrial::model_of(const std::string& method) const {
  if (method == "full" && is_whole(job_.method)) return named_tensors(folds_[0].full);
  return {};
}
Metadata PppTrial::about() const {
  Metadata out = to_metadata(net_of(s_, *data_), data_->info);
  out.insert(data_->inputs.begin(), data_->inputs.end());
  return out;
}

}  // namespace regrad::ppp
