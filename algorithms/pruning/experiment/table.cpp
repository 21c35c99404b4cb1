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

bool starts_with(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

// The protocol of DCIL's code (pruning.md section 3.2), ResNet-32's: what holds for every net.
Settings paper() {
  Settings s;
  s.net = "resnet32", s.train = 50000, s.test = s.curve = 10000, s.epochs = 300, s.batch = 128;
  s.sparsities = {0.9, 0.95}, s.lr = 0.2, s.momentum = 0.9, s.weight_decay = 1e-4;
  s.warmup = 5.0 / 300, s.warmup_from = 0.5, s.warmup_unit = "epoch";
  s.milestones = {150.0 / 300, 225.0 / 300}, s.gamma = 0.1;
  s.padding = 4, s.flip = true, s.keep_last = true, s.init = "fan_out";
  s.refresh = 16, s.mask_rule = "official", s.schedule_unit = "epoch";
  s.target = 225.0 / 300, s.distill = 70.0 / 300, s.exploit = 250.0 / 300;
  s.temperature = 2, s.kd_floor = 1e-7, s.second_classifier = "draw";
  s.rigl_share = 0.3, s.rigl_period = 100;
  return s;
}
// WRN-28-2's. MAP's own is not known: exploitation begins at the same share as ResNet-32's.
Settings paper_wrn() {
  Settings s = paper();
  s.net = "wrn-28-2", s.epochs = 195, s.sparsities = {0.9, 0.95, 0.99};
  s.lr = 0.1, s.weight_decay = 5e-4, s.warmup = 5.0 / 195, s.warmup_from = 1;
  s.milestones = {60.0 / 195, 120.0 / 195, 160.0 / 195}, s.gamma = 0.2;
  s.target = 120.0 / 195, s.distill = 70.0 / 195;
  return s;
}
// Pictures that are read from disk. DCIL's script for ImageNet is not published: this is
// torchvision's reference recipe for ResNet-50 with DCIL's fractions, and so ours.
Settings imagenet(const std::string& preset) {
  Settings s = paper();
  s.net = "resnet50", s.size = 224, s.train = 1281167, s.test = s.curve = 50000;
  s.epochs = 90, s.batch = 256, s.lr = 0.1, s.warmup = 5.0 / 90, s.padding = 0;
  s.milestones = {30.0 / 90, 60.0 / 90}, s.sparsities = {0.9};
  s.target = 0.75, s.distill = 0.23, s.exploit = 0.83;
  if (preset == "long") s.epochs = 30, s.curve = 5000;
  if (preset == "paper" || preset == "long") return s;
  s.size = 64, s.train = 5000, s.test = s.curve = 1000, s.epochs = 12, s.batch = 64;
  if (preset == "tiny") s.train = 500, s.test = s.curve = 200, s.epochs = 4, s.batch = 32;
  return s;
}
constexpr const char* wrn_preset = "paper-wrn-28-2";

Settings preset_of(const std::string& task, const std::string& preset) {
  if (task == "imagenet" && preset != wrn_preset) return imagenet(preset);
  if (preset == "paper") return paper();
  if (preset == wrn_preset) return paper_wrn();
  Settings s;
  if (preset == "tiny" || task == "glyphs") {
    s.net = "tiny", s.train = 2000, s.test = s.curve = 1000, s.epochs = 10, s.batch = 50;
    s.sparsities = {0.9};
    if (task != "glyphs") s.net = "r8", s.epochs = 4, s.train = 1000;
    if (preset != "tiny") s.epochs = 40, s.sparsities = {0.8, 0.9, 0.95};
    // a person's own may be few: an epoch of a few steps, and masks at each of them
    if (task == "folder") s.epochs = 20, s.batch = 16, s.refresh = 1;
  } else if (starts_with(task, "cifar")) {
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
  const auto one_of = [](const char* name, const std::string& value, const char* a, const char* b) {
    need(value == a || value == b,
         std::string(name) + ": '" + value + "' is not one of " + a + ", " + b);
  };
  one_of("schedule-unit", s.schedule_unit, "epoch", "step");
  one_of("warmup-unit", s.warmup_unit, "epoch", "step");
  one_of("mask-rule", s.mask_rule, "exact", "official");
  one_of("init", s.init, "fan_in", "fan_out");
  one_of("second-classifier", s.second_classifier, "copy", "draw");
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

// Why a setting changes nothing in a table of these rows: they read what their functions do
// (rows.h, map.cpp, dcil.cpp).
std::string why_unused(const std::string& key, const Settings& s, const std::string& task,
                       const std::vector<std::string>& rows) {
  const auto none_but = [&](const std::vector<std::string>& others) {
    return !any_of(rows, [&](const std::string& r) { return !among(r, others); });
  };
  const auto none_of = [&](const char* begin, const std::vector<std::string>& without) {
    return !any_of(
        rows, [&](const std::string& r) { return starts_with(r, begin) && !among(r, without); });
  };
  const std::string no_row = "no row of the table reads it: ";
  return reason(
      key,
      {{"size", task != "folder" && task != "imagenet",
        "the images of " + task + " have a size of their own"},
       {"seconds", task != "folder", "the images of " + task + " are no sounds"},
       {"test_share", task != "folder", "the images of " + task + " have parts of their own"},
       {"init", s.net == "mlp", "mlp has no convolutions (net)"},
       {"warmup_from warmup_unit", s.warmup == 0, "lr does not climb (warmup)"},
       {"gamma", s.milestones.empty(), "there are no milestones"},
       {"milestones", s.gamma == 1, "gamma is 1"},
       {"refresh", none_but({"dense", "one-shot", "ste", "snip", "rigl", "str", "acdc"}),
        no_row + "no masks are made now and then"},
       {"schedule_unit", none_but({"dense", "one-shot", "snip", "rigl", "str", "acdc"}),
        no_row + "no sparsity grows"},
       {"mask_rule", none_but({"dense", "rigl", "str"}), no_row + "no masks are made by size"},
       {"target", none_but({"dense", "one-shot", "snip", "str"}), no_row + "none has a target"},
       {"exploit z", none_of("map", {}), no_row + "they are MAP's"},
       {"distill temperature kd_floor", none_of("dcil", {"dcil-nokd"}), no_row + "none distills"},
       {"temperature kd_floor", std::llround(s.distill * s.epochs) >= s.epochs,
        "distillation never begins (distill)"},
       {"second_classifier", none_of("dcil", {"dcil-shared", "dcil-shared-classifier"}),
        no_row + "no path has a classifier of its own"},
       {"rigl_share rigl_period", none_of("rigl", {}), no_row + "it is RigL's"},
       {"str_initial str_decay", none_of("str", {}), no_row + "they are STR's"}});
}

// The rows on images of one task.
class Table : public Experiment {
 public:
  Table(Paper paper, std::string task) : paper_(std::move(paper)), task_(std::move(task)) {}

  Card card() const override {
    const std::string first = s_.sparsities.empty() ? "90%" : percent(s_.sparsities[0]);
    return {paper_.name,           paper_.about,   {task_}, method_cards(rows(s_)),
            on("accuracy", first), Better::higher, "dpf",   {wrn_preset},
            {paper_.name}};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
    seeds_ = preset != "long" || task_ == "glyphs" ? 3 : starts_with(task_, "cifar") ? 1 : 5;
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
    images_ = std::make_shared<const Images>(load_images(task_, folder, s_.own()));
  }
  std::vector<std::string> notes() const override {
    return images_ ? images_->notes : std::vector<std::string>();
  }
  std::vector<std::string> variants() const override {  // "90%", ..
    std::vector<std::string> out;
    for (double p : s_.sparsities) out.push_back(percent(p));
    return out;
  }
  bool has_row(const Job& job) const override {
    return !row(job.method, s_).shared || job.variant == variants()[0];
  }
  bool has_score(const Job&) const override { return true; }
  int64_t steps(const Job& job) const override {
    return batches() * s_.epochs * row(job.method, s_).times;
  }
  int64_t log_every() const override { return batches() * s_.log_every; }
  int64_t epoch(const Job&) const override { return batches(); }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    if (!images_) throw ConfigError("--task " + task_ + ": no images were read");
    return pruning::trial(job, s_, images_,
                          row(job.method, s_).shared ? variants() : std::vector{job.variant});
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
    return std::min<int64_t>(s_.train, images_ ? images_->count(Split::train) : s_.train);
  }
  int64_t batches() const {
    const int64_t more = s_.keep_last ? s_.batch - 1 : 0;
    return std::max<int64_t>(1, (examples() + more) / s_.batch);
  }

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
  const std::string what = on(metric, variant), of = metric + " of ";
  if (metric == "accuracy")
    return c.above(a + " above " + b + " at " + variant, c.items(a, what), c.items(b, what));
  // a curve of few points has no swing
  const auto there = [&](const std::string& method) {
    return any_of(c.result.methods, [&](const MethodResult& m) {
      return m.name == method &&
             any_of(m.metrics, [&](const auto& known) { return known.first == what; });
    });
  };
  if (there(a) && there(b))
    c.below(of + a + " below " + of + b + " at " + variant, c.seeds(a, what), c.seeds(b, what));
}

}  // namespace regrad::pruning
