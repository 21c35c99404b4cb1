#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/algorithms/shared/cost.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

using namespace experiment;

// 0.9 of "90%"
double sparsity_of(const std::string& variant) {
  return number_of(std::string_view(variant).substr(0, variant.find('%'))).value() / 100;
}

// The first convolution's filters, each stretched between its own extremes and drawn eight times as
// large.
Gallery first_filters(const std::string& title, const Tensor& weight) {
  constexpr int64_t most = 16, zoom = 8;
  Gallery g{title};
  for (int64_t f = 0; f < std::min(most, weight.size(0)); ++f) {
    const Tensor x = weight[f][0].to(DType::f64), low = amin(x);
    const Tensor grey = (x - low) / std::max((amax(x) - low).item(), 1e-12) * 255;
    const int64_t h = x.size(0), w = x.size(1);
    Picture p{static_cast<int>(w * zoom), static_cast<int>(h * zoom), 1, "",
              "filter " + std::to_string(f + 1)};
    for (double v : grey.reshape({h, 1, w, 1}).expand({h, zoom, w, zoom}).to_vector())
      p.pixels += static_cast<char>(static_cast<unsigned char>(v));
    g.pictures.push_back(std::move(p));
  }
  return g;
}

double share_of_zeros(const Tensors& w) {
  return 100 * static_cast<double>(zeros_in(w)) / static_cast<double>(entries_in(w));
}

// Zero weights and empty filters by layer, of one method; the report makes one chart of all.
std::vector<Chart> by_layer(const std::string& method, const Tensors& effective) {
  std::vector<Chart> out = {{"Zero weights by layer", "layer", "% of the weights"},
                            {"Empty filters by layer", "layer", "% of the filters"}};
  for (Chart& c : out) c.series = {{method, {}, {}, Series::points}};
  for (size_t l = 0; l < effective.size(); ++l) {
    const Tensor& w = effective[l];
    const double shares[] = {share_of_zeros({w}), 100 * static_cast<double>(empty_filters(w)) /
                                                      static_cast<double>(w.size(0))};
    for (size_t i = 0; i < 2; ++i) {
      out[i].x_names.push_back(std::to_string(l + 1));
      out[i].series[0].x.push_back(static_cast<double>(l));
      out[i].series[0].y.push_back(shares[i]);
    }
  }
  return out;
}

// The sd of the change from one point of a curve to the next, after the first quarter of them; NaN
// where there are fewer than two changes.
double swing(const std::vector<double>& curve) {
  std::vector<double> change;
  for (size_t e = std::max<size_t>(1, curve.size() / 4); e < curve.size(); ++e)
    change.push_back(curve[e] - curve[e - 1]);
  return sample_sd(change);
}

// What an outcome has at one variant, at another one too.
void repeat_at(const std::string& variant, const std::string& from, Outcome& out, size_t scores,
               size_t items) {
  const auto moved = [&](auto of) {
    of.metric = on(of.metric.substr(0, of.metric.size() - on("", from).size()), variant);
    return of;
  };
  for (size_t i = 0; i < scores; ++i) out.scores.push_back(moved(out.scores[i]));
  for (size_t i = 0; i < items; ++i) out.items.push_back(moved(out.items[i]));
}

class Pruned {
 public:
  Pruned(const Job& job, const Settings& s, const Images& images, int64_t batches,
         const std::vector<std::string>& scored_at)
      : s_(s),
        scored_at_(scored_at),
        net_{.name = s.net,
             .in_channels = images.channels(),
             .size = images.side(),
             .width = images.columns(),
             .classes = static_cast<int64_t>(images.classes().size()),
             .fan = s.init == "fan_out" ? init::Fan::out : init::Fan::in},
        learner_(NamedNet(Random(job.seed) / "init", net_), row(job.method, s).method,
                 schedule(row(job.method, s), s, sparsity_of(job.variant), batches, job.seed)),
        before_(weights(learner_.state)[0].detach()),
        curve_(zeros({learner_.schedule.epochs / s.log_every}, DType::f64)) {}

  Tensor learn(const Batch& batch, int64_t i) {
    done_ = i + 1;
    return learner_.learn(batch.x, batch.y, i, lr(learner_.schedule, s_, i));
  }

  NamedNet deployed() const { return learner_.deployed(); }
  Metadata about() const { return to_metadata(net_); }
  static void parts(auto& self, auto&& part) {
    part("learner", self.learner_);
    part("curve", self.curve_);
  }

  // After a point of the learning curve.
  void logged(Moment& m) {
    const Schedule& t = learner_.schedule;
    std::vector<double> curve = curve_.to_vector();
    curve[static_cast<size_t>(done_ / (t.batches * s_.log_every) - 1)] = m[0].second;
    curve_ = tensor(curve, curve_.shape(), DType::f64);
    const Tensors effective = learner_.effective();
    State& s = learner_.state;
    m.emplace_back("sparsity, %", share_of_zeros(effective));
    m.emplace_back("weights that came back, % of all",
                   100 * s.revived.item() / static_cast<double>(entries_in(effective)));
    m.emplace_back("sd of the pruned weights' gradients", s.spread.item());
    s.revived = zeros_like(s.revived);
  }

  void report(const Job& job, const ImageBatches& set, Outcome& out) const {
    const Schedule& t = learner_.schedule;
    const Tensors effective = learner_.effective();
    const int64_t off = off_target(effective, t.sparsity, t.masks);
    if (done_ == t.steps() && learner_.method.due && std::abs(off) > 1)
      throw Error(job_name(job) + ": " + (t.masks.filters ? "filters" : "weights") +
                  " that are zero are off the schedule by " + std::to_string(off));
    int64_t empty = 0, emptied = 0;
    for (const Tensor& w : effective) {
      const int64_t of = empty_filters(w);
      empty += of, emptied += of == w.size(0);
    }
    const NamedNet net = as_leaves(deployed());
    const Cost cost = cost_of(net(slice(set.batch(0).x, 0, 0, 1)), parameters(net));
    const auto score = [&](const char* metric, double value) {
      add_score(job, metric, value, out);
    };
    if (const double s = swing(curve_.to_vector()); !std::isnan(s)) score("swing", s);
    score("sparsity, %", share_of_zeros(effective));
    score("empty filters", static_cast<double>(empty));
    score("emptied layers", static_cast<double>(emptied));
    score("sparse MACs, % of dense",
          100 * static_cast<double>(cost.sparse_macs) / static_cast<double>(cost.macs));
    score("bytes", static_cast<double>(cost.bytes));
    out.parameters.emplace_back(job.method, cost.nonzeros);
    const std::string title = job.method + " at " + job.variant;
    out.figures = by_layer(job.method, effective);
    const size_t scores = out.scores.size(), items = out.items.size();
    for (const std::string& variant : scored_at_)
      if (variant != job.variant) repeat_at(variant, job.variant, out, scores, items);
    if (before_.dim() != 4) return;
    out.galleries = {first_filters(title + ", the first layer's filters before training", before_),
                     first_filters(title + ", the same in the deployed net", effective[0])};
  }

 private:
  Settings s_;
  std::vector<std::string> scored_at_;
  NamedNetOptions net_;
  Learner learner_;
  Tensor before_;     // the first layer's weights before training
  Tensor curve_;      // f64: test accuracy at each point
  int64_t done_ = 0;  // steps, of those since this object was made
};

}  // namespace

std::unique_ptr<Trial> trial(const Job& job, const Settings& s,
                             const std::shared_ptr<const Images>& images,
                             const std::vector<std::string>& scored_at) {
  ImageBatches set(images, s, s, Random(job.seed) / "loader");
  Pruned learner(job, s, *images, set.batches(), scored_at);
  return std::make_unique<TrainTrial<Pruned, ImageBatches>>(job, std::move(learner), std::move(set),
                                                            s.log_every);
}

}  // namespace regrad::pruning
