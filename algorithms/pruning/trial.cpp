#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/pruning/trial.h>
#include <regrad/algorithms/shared/cost.h>
#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

using experiment::accuracy;
using experiment::Chart;
using experiment::first_of;
using experiment::Gallery;
using experiment::Job;
using experiment::Picture;

// 0.9 of "90%" (tables.cpp)
double sparsity_of(const std::string& variant) {
  return number_of(std::string_view(variant).substr(0, variant.find('%'))).value() / 100;
}

NamedNetOptions options_of(const Settings& s, const Images& images) {
  const Shape& sizes = images.train.images.shape();
  return {.name = s.net,
          .in_channels = sizes[1],
          .size = sizes[2],
          .classes = static_cast<int64_t>(images.train.classes.size())};
}

NamedNet initial(const NamedNetOptions& o, uint64_t seed) {
  return NamedNet(Random(seed) / "init", o);
}

Loader loader_of(const Settings& s, const Images& images, uint64_t seed) {
  LoaderOptions o;
  o.batch = s.batch, o.drop_last = true;
  o.augment = {.padding = s.padding, .flip = s.flip};
  o.mean = images.mean, o.deviation = images.deviation;
  o.ahead = 0;
  return Loader(first_of(images.train, s.train), Random(seed) / "loader", o);
}

// The first convolution's filters, each stretched between its own extremes and drawn eight times as
// large.
Gallery first_filters(const std::string& title, const Tensor& weight) {
  constexpr int64_t most = 16, zoom = 8;
  Gallery g{title};
  for (int64_t f = 0; f < std::min(most, weight.size(0)) && weight.dim() == 4; ++f) {
    const std::vector<double> v = weight[f][0].to_vector();
    const int64_t h = weight.size(2), w = weight.size(3);
    const auto [low, high] = std::minmax_element(v.begin(), v.end());
    const double from = *low, range = std::max(*high - *low, 1e-12);
    Picture p{static_cast<int>(w * zoom), static_cast<int>(h * zoom), 1, "",
              "filter " + std::to_string(f + 1)};
    for (int64_t y = 0; y < h * zoom; ++y)
      for (int64_t x = 0; x < w * zoom; ++x)
        p.pixels += static_cast<char>(static_cast<unsigned char>(
            (v[static_cast<size_t>(y / zoom * w + x / zoom)] - from) / range * 255));
    g.pictures.push_back(std::move(p));
  }
  return g;
}

}  // namespace

std::string percent(double share) {
  std::string text = fixed(std::round(share * 1e6) / 1e4, 6);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + "%";
}

PruningTrial::PruningTrial(const Job& job, const Settings& settings,
                           std::shared_ptr<const Images> images)
    : job_(job),
      method_(method(job.method)),
      s_(settings),
      images_(std::move(images)),
      sparsity_(sparsity_of(job.variant)),
      net_(options_of(s_, *images_)),
      loader_(loader_of(s_, *images_, job.seed)),
      learner_(initial(net_, job.seed), method_, s_, sparsity_, loader_.batches(), job.seed),
      curve_(zeros({static_cast<int64_t>(s_.epochs) * method_.times}, DType::f64)) {}

experiment::Moment PruningTrial::step(int64_t i) {
  const int64_t epoch = learner_.epoch(i), position = i % loader_.batches();
  const Batch batch = loader_.at(epoch, position);
  const Tensor loss = learner_.learn(batch.x, batch.y, i);
  ended_ = i + 1 == learner_.steps();
  if (position + 1 != loader_.batches()) return {};
  const std::vector<Tensor> effective = learner_.effective();
  const double now = accuracy(learner_.deployed(), *images_, first_of(images_->test, s_.curve)),
               n = static_cast<double>(entries_in(effective));
  std::vector<double> curve = curve_.to_vector();
  curve[static_cast<size_t>(epoch)] = now;
  curve_ = tensor(curve, curve_.shape(), DType::f64);
  const double revived = learner_.revived();
  learner_.forget_revived();
  return {{"test accuracy", now},
          {"training loss", loss.item()},
          {"sparsity, %", 100 * static_cast<double>(zeros_in(effective)) / n},
          {"weights that came back, % of all", 100 * revived / n},
          {"sd of the pruned weights' gradients", learner_.pruned_gradient_sd()}};
}

// The sd of the change from one epoch to the next, after the first quarter of the epochs.
double PruningTrial::swing() const {
  const std::vector<double> a = curve_.to_vector();
  std::vector<double> change;
  for (size_t e = std::max<size_t>(1, a.size() / 4); e < a.size(); ++e)
    change.push_back(a[e] - a[e - 1]);
  return change.size() < 2 ? 0 : experiment::sample_sd(change);
}

void PruningTrial::check_sparsity(const std::vector<Tensor>& effective) const {
  if (method_.kind == Kind::dense || method_.kind == Kind::str || method_.filters ||
      method_.per_layer)
    return;
  const int64_t due = pruned_count(entries_in(effective), sparsity_), found = zeros_in(effective);
  if (std::abs(found - due) > 1)
    throw Error(experiment::job_name(job_) + ": " + std::to_string(found) +
                " weights are zero where the schedule asks for " + std::to_string(due));
}

void PruningTrial::figures(const std::vector<Tensor>& effective, experiment::Outcome& out) const {
  const std::string title = job_.method + " at " + job_.variant;
  Chart layers{"Sparsity by layer, " + title, "layer", "% of the weights, % of the filters"};
  experiment::Series weights{"zero weights", {}, {}}, filters{"empty filters", {}, {}};
  for (size_t l = 0; l < effective.size(); ++l) {
    const Tensor& w = effective[l];
    weights.x.push_back(static_cast<double>(l + 1)),
        filters.x.push_back(static_cast<double>(l + 1));
    weights.y.push_back(100 * static_cast<double>(zeros_in({w})) / static_cast<double>(w.numel()));
    filters.y.push_back(100 * static_cast<double>(empty_filters(w)) /
                        static_cast<double>(w.size(0)));
  }
  layers.series = {std::move(weights), std::move(filters)};
  out.figures.push_back(std::move(layers));
  const std::vector<Tensor> before =
      picked(parameters(initial(net_, job_.seed)), learner_.prunable_at());
  if (before[0].dim() != 4) return;
  out.galleries.push_back(
      first_filters(title + ", the first layer's filters before training", before[0]));
  out.galleries.push_back(first_filters(title + ", the same in the deployed net", effective[0]));
}

experiment::Outcome PruningTrial::finish() {
  const NamedNet net = learner_.deployed();
  const std::vector<Tensor> effective = learner_.effective();
  if (ended_) check_sparsity(effective);
  int64_t empty = 0, emptied = 0;
  for (const Tensor& w : effective) {
    const int64_t of = empty_filters(w);
    empty += of, emptied += of == w.size(0);
  }
  const NamedNet leaves = as_leaves(net);
  const Batch one = loader_.at(0, 0);
  const Cost cost = cost_of(leaves(slice(one.x, 0, 0, 1)), parameters(net));
  experiment::Outcome out;
  const auto score = [&](const std::string& metric, double value) {
    out.scores.push_back({job_.method, metric + "@" + job_.variant, value});
  };
  score("accuracy", accuracy(net, *images_, first_of(images_->test, s_.test)));
  score("swing", swing());
  score("sparsity, %", 100 * static_cast<double>(zeros_in(effective)) /
                           static_cast<double>(entries_in(effective)));
  score("empty filters", static_cast<double>(empty));
  score("emptied layers", static_cast<double>(emptied));
  score("sparse MACs, % of dense",
        100 * static_cast<double>(cost.sparse_macs) / static_cast<double>(cost.macs));
  score("bytes", static_cast<double>(cost.bytes));
  out.parameters.emplace_back(job_.method, cost.nonzeros);
  figures(effective, out);
  return out;
}

void PruningTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  learner_.state(part);
  part("curve", curve_);
}

std::vector<NamedTensor> PruningTrial::model() const { return named_tensors(learner_.deployed()); }

Metadata PruningTrial::about() const {
  Metadata out = to_metadata(net_);
  std::string classes, mean, deviation;
  for (const std::string& c : images_->train.classes) classes += (classes.empty() ? "" : "\n") + c;
  for (double m : images_->mean) mean += (mean.empty() ? "" : ",") + fixed(m, 6);
  for (double d : images_->deviation) deviation += (deviation.empty() ? "" : ",") + fixed(d, 6);
  // x = (pixel / 255 - mean) / deviation
  out["class_names"] = classes, out["mean"] = mean, out["deviation"] = deviation;
  return out;
}

}  // namespace regrad::pruning
