#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/pqk/experiment/trial.h>
#include <regrad/algorithms/pruning/rows.h>
#include <regrad/algorithms/shared/cost.h>

#include <algorithm>
#include <cmath>

namespace regrad::pqk {
namespace {

using namespace experiment;
using pruning::Learner;

NamedNetOptions net_options(const Settings& s, const Images& images) {
  return {.name = s.net,
          .in_channels = images.channels(),
          .size = images.side(),
          .width = images.columns(),
          .classes = static_cast<int64_t>(images.classes().size()),
          .fan = s.init == "fan_out" ? init::Fan::out : init::Fan::in};
}

// A layer's weights by level: how many lie at each of -n .. n, and how many of its first weights,
// in float, lie nearest to each, a level being 1 / n of their largest.
Chart levels_of_layer(const std::string& title, const Tensor& before, const Tensor& after,
                      int bits) {
  const double n = std::ldexp(1.0, bits - 1) - 1;
  Chart c{"Weights by level, " + title, "level", "weights"};
  for (const auto& [name, w, style] : {std::tuple{"before training", before, Series::line},
                                       std::tuple{"deployed", after, Series::points}}) {
    const double step = std::max(amax(abs(w)).item() / n, 1e-30);
    Series s{name, {}, {}, style};
    for (double l = -n; l <= n; ++l) s.x.push_back(l), s.y.push_back(0);
    for (const double v : w.to(DType::f64).to_vector())
      ++s.y[static_cast<size_t>(std::clamp(std::nearbyint(v / step), -n, n) + n)];
    c.series.push_back(std::move(s));
  }
  return c;
}

// Where a teacher is trained first, the student sees the batches of the same epochs after it.
struct Batches : ImageBatches {
  int64_t steps;  // of one training
  Batches(ImageBatches set, int64_t epochs)
      : ImageBatches(std::move(set)), steps(batches() * epochs) {}
  Batch batch(int64_t i) const { return ImageBatches::batch(i % steps); }
};

class PqkLearner {
 public:
  PqkLearner(const Job& job, const Settings& s, const Images& images, int64_t batches)
      : s_(s),
        row_(row(job.method)),
        point_(point(job.variant, s)),
        net_(net_options(s, images)),
        options_(options(row_, s, point_)) {
    const auto learner = [&](const char* stream, pruning::Method how, const Row& of) {
      return Learner(NamedNet(Random(job.seed) / stream, net_), std::move(how),
                     schedule(of, s, point_, batches, job.seed));
    };
    if (row_.teacher == Teacher::given) {
      // as the row `dense` of the same seed
      before_ = std::make_shared<Learner>(learner("init", pruning::dense(), row("dense")));
      options_.given = [of = before_](const Tensor& x) { return of->state.trained.net(x); };
    }
    learner_ = std::make_shared<Learner>(learner("init", method(options_), row_));
    first_ = pruning::weights(learner_->state)[middle()].detach();
  }

  Tensor learn(const Batch& batch, int64_t i) {
    const int64_t whole = learner_->schedule.steps();
    if (before_ && i < whole) return before_->learn(batch.x, batch.y, i, rate(*before_, i));
    const int64_t at = before_ ? i - whole : i;
    done_ = at + 1 == whole;
    return learner_->learn(batch.x, batch.y, at, rate(*learner_, at));
  }

  FewBitNet deployed() const {
    if (options_.quantize && learner_->state.memory[0].to_vector()[2] == 0)  // pq-kd's first half
      return {before_->deployed(), false};
    return pqk::deployed(*learner_, options_);
  }
  Metadata about() const {
    Metadata out = to_metadata(net_);
    if (!options_.quantize) return out;
    out["bits"] = std::to_string(options_.few.bits);
    out["edge_bits"] = std::to_string(options_.few.edge_bits);
    return out;
  }
  static void parts(auto& self, auto&& part) {
    if (self.before_) part("teacher", *self.before_);
    part("learner", *self.learner_);
  }

  void report(const Job& job, const Batches& set, Outcome& out) const {
    const FewBitNet net = deployed();
    const auto score = [&](const char* metric, double value) {
      add_score(job, metric, value, out);
    };
    if (before_) score("teacher accuracy", mean(set.hits(before_->deployed())));
    if (row_.teacher == Teacher::within)
      score("teacher accuracy", mean(set.hits(teacher(learner_->state, options_))));
    const pruning::Tensors w = learner_->effective();
    const double zeros = static_cast<double>(zeros_in(w)), all = static_cast<double>(entries_in(w));
    score("sparsity, %", 100 * zeros / all);
    score("emptied layers",
          static_cast<double>(std::count_if(
              w.begin(), w.end(), [](const Tensor& t) { return zeros_in({t}) == t.numel(); })));
    const int64_t off = off_target(w, learner_->schedule.sparsity, learner_->schedule.masks);
    if (done_ && options_.prune && std::abs(off) > 1)
      throw Error(job.method + " at " + job.variant + ": weights that are zero are off the " +
                  "schedule by " + std::to_string(off));
    const Tensor x = slice(set.batch(0).x, 0, 0, 1);
    score("bytes", static_cast<double>(size_of(net, x).total()));
    score("training cost", training_cost(row_, s_));
    const NamedNet as_float = as_leaves(net.net);
    const Cost cost = cost_of(as_float(x), parameters(as_float));
    score("sparse MACs, % of dense",
          100 * static_cast<double>(cost.sparse_macs) / static_cast<double>(cost.macs));
    out.parameters.emplace_back(job.method, cost.nonzeros);
    if (!options_.quantize || point_.bits > 4) return;
    out.figures.push_back(
        levels_of_layer(job.method + " at " + job.variant, first_, w[middle()], point_.bits));
  }

 private:
  double rate(const Learner& l, int64_t i) const { return lr(l.schedule, s_, i); }
  size_t middle() const { return learner_->state.at.size() / 2; }

  Settings s_;
  Row row_;
  Point point_;
  NamedNetOptions net_;
  Options options_;
  std::shared_ptr<Learner> before_, learner_;
  bool done_ = false;
  Tensor first_;  // a middle layer's weights before training
};

}  // namespace

std::unique_ptr<Trial> trial(const Job& job, const Settings& s,
                             const std::shared_ptr<const Images>& images) {
  Batches set(ImageBatches(images, s, s, Random(job.seed) / "loader"), s.epochs);
  PqkLearner learner(job, s, *images, set.batches());
  return std::make_unique<TrainTrial<PqkLearner, Batches>>(job, std::move(learner), std::move(set),
                                                           s.log_every);
}

}  // namespace regrad::pqk
