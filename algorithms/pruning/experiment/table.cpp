#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

using experiment::Job;
using experiment::need;
using experiment::on;

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

void above(experiment::Claims& c, const std::string& a, const std::string& b,
           const std::string& variant) {
  const std::string metric = on("accuracy", variant);
  c.above(a + " above " + b + " at " + variant, c.seeds(a, metric), c.seeds(b, metric));
}
void swings_less(experiment::Claims& c, const std::string& a, const std::string& b,
                 const std::string& variant) {
  const std::string metric = on("swing", variant);
  c.below("swing of " + a + " below swing of " + b + " at " + variant, c.seeds(a, metric),
          c.seeds(b, metric));
}

experiment::TaskList tasks(const Paper& paper) {
  experiment::TaskList out;
  for (const std::string& task : experiment::image_tasks())
    out.add(task, std::make_unique<Table>(paper, task));
  return out;
}

experiment::Card Table::card() const {
  const std::string first = settings_.sparsities.empty() ? "90%" : percent(settings_.sparsities[0]);
  return {paper_.name,
          paper_.about,
          {task_},
          experiment::method_cards(rows()),
          on("accuracy", first),
          experiment::Better::higher,
          "dpf"};
}

void Table::choose(const std::string&, const std::string& preset) {
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

int64_t Table::examples() const {
  return std::min<int64_t>(settings_.train, images_ ? images_->train.size() : settings_.train);
}

void Table::check() const {
  const Settings& s = settings_;
  const std::vector<std::string>& nets = net_names();
  // says which there are
  if (std::find(nets.begin(), nets.end(), s.net) == nets.end())
    NamedNet(Random(0), {.name = s.net});
  experiment::check_batch(s, examples(), "images");
  need(!s.sparsities.empty(), "sparsities: at least one");
  need(s.exploit >= s.target,
       "exploit: masks would be frozen before the final sparsity is reached (target)");
  need(std::llround(s.target * s.epochs) < s.epochs,
       "target: in " + std::to_string(s.epochs) +
           " epochs the final sparsity would never be reached; more epochs, or a smaller share");
  need(s.schedule_unit == "epoch" || s.schedule_unit == "step",
       "schedule-unit: '" + s.schedule_unit + "' is not one of epoch, step");
  need(s.mask_rule == "exact" || s.mask_rule == "official",
       "mask-rule: '" + s.mask_rule + "' is not one of exact, official");
}

std::vector<experiment::Need> Table::needs(const Job& job) const {
  return {{sizeof(double) * static_cast<double>(settings_.epochs) * row(job.method).times,
           "the accuracy after each epoch"}};
}

void Table::data(const std::string& folder) {
  images_ = std::make_shared<const experiment::Images>(
      experiment::load_images(task_, folder, settings_.size));
}

std::vector<std::string> Table::variants() const {
  std::vector<std::string> out;
  for (double p : settings_.sparsities) out.push_back(percent(p));
  return out;
}

int64_t Table::steps(const Job& job) const {
  return batches() * settings_.epochs * row(job.method).times;
}

std::unique_ptr<experiment::Trial> Table::trial(const Job& job) const {
  if (!images_) throw ConfigError("--task " + task_ + ": no images were read");
  experiment::ImageBatches set(images_, settings_, settings_, Random(job.seed) / "loader");
  Pruned learner(job, settings_, *images_, set.batches());
  return std::make_unique<experiment::TrainTrial<Pruned, experiment::ImageBatches>>(
      job, std::move(learner), std::move(set), settings_.log_every);
}

std::vector<experiment::Claim> Table::claims(const experiment::Result& result) const {
  experiment::Claims c(result);
  for (const std::string& variant : variants())
    for (Asks ask : paper_.claims) ask(c, variant);
  return c.list;
}

}  // namespace regrad::pruning
