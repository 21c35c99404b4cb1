#include <regrad/algorithms/pruning/methods.h>
#include <regrad/algorithms/pruning/tables.h>
#include <regrad/algorithms/pruning/trial.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

using experiment::Claim;
using experiment::Direction;
using experiment::Result;

// "a above b at 90%" for a metric of which more is better, "a below b" for one of which less is.
void ask(const Result& r, const std::string& a, const std::string& b, const std::string& metric,
         const std::string& variant, Direction claimed, std::vector<Claim>& out) {
  if (!has(r, a) || !has(r, b)) return;
  const std::string of = metric == "accuracy" ? "" : metric + " of ";
  out.push_back(experiment::claim(
      of + a + (claimed == Direction::above ? " above " : " below ") + of + b + " at " + variant,
      experiment::values(r, a, metric + "@" + variant),
      experiment::values(r, b, metric + "@" + variant), claimed));
}

// MAP's abstract: sparse models near dense accuracy, and above earlier pruning methods. "Near" is
// ours: within one point.
void map_claims(const Result& r, const std::string& variant, std::vector<Claim>& out) {
  for (const char* own : {"map", "map-layer"}) {
    for (const char* other : {"one-shot", "gmp", "dpf"})
      ask(r, own, other, "accuracy", variant, Direction::above, out);
    if (!has(r, own) || !has(r, "dense")) continue;
    out.push_back(
        experiment::claim_within(std::string(own) + " within 1 point of dense at " + variant,
                                 experiment::values(r, own, "accuracy@" + variant),
                                 experiment::values(r, "dense", "accuracy@" + variant), 1));
  }
}

// DCIL's abstract: refined gradients are better than the straight-through estimator's, and training
// is more stable.
void dcil_claims(const Result& r, const std::string& variant, std::vector<Claim>& out) {
  for (const char* other : {"ste", "dpf", "dpf-x2"})
    ask(r, "dcil", other, "accuracy", variant, Direction::above, out);
  for (const char* other : {"ste", "dpf"})
    ask(r, "dcil", other, "swing", variant, Direction::below, out);
  ask(r, "dcil-filters", "dpf-filters", "accuracy", variant, Direction::above, out);
}

Settings tiny_settings() {
  Settings s;
  s.net = "tiny", s.train = 2000, s.test = 1000, s.curve = 1000, s.epochs = 10, s.batch = 50,
  s.sparsities = {0.9};
  return s;
}

// Protocol of DCIL's code for ResNet-32 (pruning.md section 3.2).
Settings paper_settings() {
  Settings s;
  s.net = "resnet32", s.train = 50000, s.curve = 10000, s.epochs = 300, s.sparsities = {0.9, 0.95};
  s.lr = 0.2, s.weight_decay = 1e-4, s.warmup = 5.0 / 300, s.padding = 4, s.flip = true;
  s.mask_rule = "official", s.target = 0.75, s.distill = 70.0 / 300, s.exploit = 250.0 / 300;
  return s;
}

}  // namespace

experiment::Card PruningExperiment::card() const {
  const std::string first = settings_.sparsities.empty() ? "90%" : percent(settings_.sparsities[0]);
  const char* about = paper_ == Paper::map
                          ? "MAP, magnitude attention-based dynamic pruning (Back et al. 2023), "
                            "beside DCIL and other pruning: test accuracy in %."
                          : "DCIL, refined gradients for pruned weights (Kim et al. 2021), beside "
                            "MAP and other pruning: test accuracy in %.";
  return {paper_ == Paper::map ? "map" : "dcil",
          about,
          {task_},
          method_cards(),
          "accuracy@" + first,
          experiment::Better::higher,
          "dpf"};
}

void PruningExperiment::choose(const std::string&, const std::string& preset) {
  seeds_ = 3;
  settings_ = {};
  if (preset == "paper") {
    settings_ = paper_settings();
  } else if (preset == "tiny" || task_ == "glyphs") {
    settings_ = tiny_settings();
    if (task_ != "glyphs") settings_.net = "r8", settings_.epochs = 4, settings_.train = 1000;
    if (preset != "tiny") settings_.epochs = 40, settings_.sparsities = {0.8, 0.9, 0.95};
  } else if (task_ == "cifar10") {  // one seed: indicative
    settings_.net = "resnet20", settings_.train = 6000, settings_.test = 2000,
    settings_.epochs = 15, settings_.sparsities = {0.95};
    settings_.padding = 4, settings_.flip = true;
    if (preset == "long") seeds_ = 1;
  } else if (preset == "long") {
    settings_.train = 10000, settings_.epochs = 30, settings_.sparsities = {0.9, 0.95, 0.98},
    seeds_ = 5;
  }
}

void PruningExperiment::check() const {
  const Settings& s = settings_;
  const std::vector<std::string>& nets = net_names();
  // says which there are
  if (std::find(nets.begin(), nets.end(), s.net) == nets.end())
    NamedNet(Random(0), {.name = s.net});
  if (s.batch > s.train)
    throw ConfigError("batch: " + std::to_string(s.batch) + " images a step of " +
                      std::to_string(s.train) + " training images");
  if (images_ && s.batch > images_->train.size())
    throw ConfigError("batch: " + std::to_string(s.batch) + " images a step of " +
                      std::to_string(images_->train.size()) + " training images");
  if (s.sparsities.empty()) throw ConfigError("sparsities: at least one");
  if (s.exploit < s.target)
    throw ConfigError(
        "exploit: masks would be frozen before the final sparsity is reached (target)");
  if (std::llround(s.target * s.epochs) >= s.epochs)
    throw ConfigError(
        "target: in " + std::to_string(s.epochs) +
        " epochs the final sparsity would never be reached; more epochs, or a smaller share");
  if (s.schedule_unit != "epoch" && s.schedule_unit != "step")
    throw ConfigError("schedule-unit: '" + s.schedule_unit + "' is not one of epoch, step");
  if (s.mask_rule != "exact" && s.mask_rule != "official")
    throw ConfigError("mask-rule: '" + s.mask_rule + "' is not one of exact, official");
}

std::vector<experiment::Need> PruningExperiment::needs(const experiment::Job& job) const {
  return {{sizeof(double) * static_cast<double>(settings_.epochs) * method(job.method).times,
           "the accuracy after each epoch"}};
}

void PruningExperiment::data(const std::string& folder) {
  images_ = std::make_shared<const Images>(experiment::load_images(task_, folder, settings_.size));
}

std::vector<std::string> PruningExperiment::variants() const {
  std::vector<std::string> out;
  for (double p : settings_.sparsities) out.push_back(percent(p));
  return out;
}

int64_t PruningExperiment::log_every() const {
  return std::max<int64_t>(
      1, std::min<int64_t>(settings_.train, images_ ? images_->train.size() : settings_.train) /
             settings_.batch);
}

int64_t PruningExperiment::steps(const experiment::Job& job) const {
  return log_every() * settings_.epochs * method(job.method).times;
}

std::unique_ptr<experiment::Trial> PruningExperiment::trial(const experiment::Job& job) const {
  if (!images_) throw ConfigError("--task " + task_ + ": no images were read");
  return std::make_unique<PruningTrial>(job, settings_, images_);
}

std::vector<Claim> PruningExperiment::claims(const Result& result) const {
  std::vector<Claim> out;
  for (const std::string& variant : variants()) {
    if (paper_ == Paper::map) map_claims(result, variant, out);
    dcil_claims(result, variant, out);
    if (paper_ == Paper::dcil) map_claims(result, variant, out);
  }
  return out;
}

experiment::TaskList pruning_tasks(Paper paper) {
  experiment::TaskList tasks;
  for (const std::string& task : experiment::image_tasks())
    tasks.add(task, std::make_unique<PruningExperiment>(paper, task));
  return tasks;
}

}  // namespace regrad::pruning
