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

// "paper": the protocol of DCIL's code for ResNet-32 (pruning.md section 3.2).
Settings preset_of(const std::string& task, const std::string& preset) {
  Settings s;
  if (preset == "paper") {
    s.net = "resnet32", s.train = 50000, s.curve = 10000, s.epochs = 300;
    s.sparsities = {0.9, 0.95}, s.lr = 0.2, s.weight_decay = 1e-4, s.warmup = 5.0 / 300;
    s.padding = 4, s.flip = true, s.mask_rule = "official";
    s.target = 0.75, s.distill = 70.0 / 300, s.exploit = 250.0 / 300;
  } else if (preset == "tiny" || task == "glyphs") {
    s.net = "tiny", s.train = 2000, s.test = s.curve = 1000, s.epochs = 10, s.batch = 50;
    s.sparsities = {0.9};
    if (task != "glyphs") s.net = "r8", s.epochs = 4, s.train = 1000;
    if (preset != "tiny") s.epochs = 40, s.sparsities = {0.8, 0.9, 0.95};
  } else if (task == "cifar10") {
    s.net = "resnet20", s.train = 6000, s.test = 2000, s.epochs = 15, s.sparsities = {0.95};
    s.padding = 4, s.flip = true;
  } else if (preset == "long") {
    s.train = 10000, s.epochs = 30, s.sparsities = {0.9, 0.95, 0.98};
  }
  return s;
}

// `examples`: of the training set.
void check(const Settings& s, int64_t examples) {
  const std::vector<std::string>& nets = net_names();
  // its message lists those that there are
  if (std::find(nets.begin(), nets.end(), s.net) == nets.end())
    NamedNet(Random(0), {.name = s.net});
  experiment::check_batch(s, examples, "images");
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

// The rows on images of one task.
class Table : public experiment::Experiment {
 public:
  Table(Paper paper, std::string task) : paper_(std::move(paper)), task_(std::move(task)) {}

  experiment::Card card() const override {
    const std::string first = s_.sparsities.empty() ? "90%" : percent(s_.sparsities[0]);
    return {paper_.name,
            paper_.about,
            {task_},
            experiment::method_cards(rows(s_)),
            on("accuracy", first),
            experiment::Better::higher,
            "dpf"};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
    seeds_ = preset != "long" || task_ == "glyphs" ? 3 : task_ == "cifar10" ? 1 : 5;
  }
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(s_); }
  void check() const override { pruning::check(s_, examples()); }
  std::vector<experiment::Need> needs(const Job& job) const override {
    return {{sizeof(double) * static_cast<double>(s_.epochs) * row(job.method, s_).times,
             "the accuracy after each epoch"}};
  }
  void data(const std::string& folder) override {
    images_ =
        std::make_shared<const experiment::Images>(experiment::load_images(task_, folder, s_.size));
  }
  std::vector<std::string> variants() const override {  // "90%", ..
    std::vector<std::string> out;
    for (double p : s_.sparsities) out.push_back(percent(p));
    return out;
  }
  int64_t steps(const Job& job) const override {
    return batches() * s_.epochs * row(job.method, s_).times;
  }
  int64_t log_every() const override { return batches() * s_.log_every; }
  std::unique_ptr<experiment::Trial> trial(const Job& job) const override {
    if (!images_) throw ConfigError("--task " + task_ + ": no images were read");
    experiment::ImageBatches set(images_, s_, s_, Random(job.seed) / "loader");
    Pruned learner(job, s_, *images_, set.batches());
    return std::make_unique<experiment::TrainTrial<Pruned, experiment::ImageBatches>>(
        job, std::move(learner), std::move(set), s_.log_every);
  }
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override {
    experiment::Claims c(result);
    for (const std::string& variant : variants())
      for (Asks ask : paper_.claims) ask(c, variant);
    return c.list;
  }

 private:
  // Of the training set, as far as it is known.
  int64_t examples() const {
    return std::min<int64_t>(s_.train, images_ ? images_->train.size() : s_.train);
  }
  int64_t batches() const { return std::max<int64_t>(1, examples() / s_.batch); }

  Paper paper_;
  std::string task_;
  Settings s_ = {};
  int seeds_ = 3;
  std::shared_ptr<const experiment::Images> images_ = nullptr;  // after data()
};

}  // namespace

experiment::TaskList tasks(const Paper& paper) {
  experiment::TaskList out;
  for (const std::string& task : experiment::image_tasks())
    out.add(task, std::make_unique<Table>(paper, task));
  return out;
}

void ask(experiment::Claims& c, const std::string& metric, const std::string& a,
         const std::string& b, const std::string& variant) {
  const experiment::Sample of_a = c.seeds(a, on(metric, variant)),
                           of_b = c.seeds(b, on(metric, variant));
  if (metric == "accuracy") return c.above(a + " above " + b + " at " + variant, of_a, of_b);
  const std::string of = metric + " of ";
  c.below(of + a + " below " + of + b + " at " + variant, of_a, of_b);
}

}  // namespace regrad::pruning
