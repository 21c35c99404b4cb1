#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

using namespace experiment;

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
  check_batch(s, examples, "images");
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

// Masks that are made now and then must be made once when the final sparsity is due: looks back as
// far as to the last ones.
void check_reached(const Row& row, const Schedule& t) {
  if (!row.method.due) return;
  for (int64_t i = t.steps() - 1; i >= std::max<int64_t>(0, t.steps() - t.refresh); --i)
    if (row.method.due(t, i))
      return need(row.method.sparsity(t, i) >= t.sparsity,
                  "refresh: the masks of " + std::string(row.name) + " are made every " +
                      std::to_string(t.refresh) + " steps, for the last time at step " +
                      std::to_string(i) + " of " + std::to_string(t.steps()) +
                      ", before the final sparsity is due; a smaller refresh, more epochs or "
                      "more training images");
}

// Why a setting changes nothing in a table of these rows: they read what their functions do (rows.h,
// map.cpp, dcil.cpp).
std::string why_unused(const std::string& key, const Settings& s, const std::string& task,
                       const std::vector<std::string>& rows) {
  const auto none_but = [&](const std::vector<std::string>& others) {
    return !any_of(rows, [&](const std::string& r) { return !among(r, others); });
  };
  const auto none_of = [&](const char* begin, const char* without) {
    return !any_of(rows,
                   [&](const std::string& r) { return r.rfind(begin, 0) == 0 && r != without; });
  };
  const std::string no_row = "no row of the table reads it: ";
  return reason(
      key,
      {{"size", task != "folder", "the images of " + task + " have a size of their own"},
       {"warmup_from", s.warmup == 0, "lr does not climb (warmup)"},
       {"gamma", s.milestones.empty(), "there are no milestones"},
       {"milestones", s.gamma == 1, "gamma is 1"},
       {"refresh", none_but({"dense", "one-shot", "ste", "snip", "str", "acdc"}),
        no_row + "no masks are made now and then"},
       {"schedule_unit", none_but({"dense", "one-shot", "snip", "rigl", "str", "acdc"}),
        no_row + "no sparsity grows"},
       {"mask_rule", none_but({"dense", "rigl", "str"}), no_row + "no masks are made by size"},
       {"target", none_but({"dense", "one-shot", "snip", "str"}), no_row + "none has a target"},
       {"exploit z", none_of("map", ""), no_row + "they are MAP's"},
       {"distill temperature", none_of("dcil", "dcil-nokd"), no_row + "none distills"},
       {"rigl_share", none_of("rigl", ""), no_row + "it is RigL's"},
       {"str_initial str_decay", none_of("str", ""), no_row + "they are STR's"},
       {"str_decay", s.weight_decay == 0, "there is no weight decay (weight-decay)"}});
}

// The rows on images of one task.
class Table : public Experiment {
 public:
  Table(Paper paper, std::string task) : paper_(std::move(paper)), task_(std::move(task)) {}

  Card card() const override {
    const std::string first = s_.sparsities.empty() ? "90%" : percent(s_.sparsities[0]);
    return {paper_.name,           paper_.about,   {task_}, method_cards(rows(s_)),
            on("accuracy", first), Better::higher, "dpf"};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
    seeds_ = preset != "long" || task_ == "glyphs" ? 3 : task_ == "cifar10" ? 1 : 5;
  }
  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override { pruning::check(s_, examples()); }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    return why_unused(key, s_, task_, methods);
  }
  std::vector<Need> needs(const Job& job) const override {
    const Row of = row(job.method, s_);
    check_reached(of, schedule(of, s_, s_.sparsities[0], batches(), 0));
    return {{sizeof(double) * static_cast<double>(s_.epochs) * of.times,
             "the accuracy after each epoch"}};
  }
  void data(const std::string& folder) override {
    images_ = std::make_shared<const Images>(load_images(task_, folder, s_.size));
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
  std::unique_ptr<Trial> trial(const Job& job) const override {
    if (!images_) throw ConfigError("--task " + task_ + ": no images were read");
    return pruning::trial(job, s_, images_);
  }
  std::vector<Claim> claims(const Result& result) const override {
    Claims c(result);
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
  std::shared_ptr<const Images> images_ = nullptr;  // after data()
};

}  // namespace

TaskList tasks(const Paper& paper) {
  TaskList out;
  for (const std::string& task : image_tasks()) out.add(task, std::make_unique<Table>(paper, task));
  return out;
}

void ask(Claims& c, const std::string& metric, const std::string& a, const std::string& b,
         const std::string& variant) {
  const Sample of_a = c.seeds(a, on(metric, variant)), of_b = c.seeds(b, on(metric, variant));
  if (metric == "accuracy") return c.above(a + " above " + b + " at " + variant, of_a, of_b);
  const std::string of = metric + " of ";
  c.below(of + a + " below " + of + b + " at " + variant, of_a, of_b);
}

}  // namespace regrad::pruning
