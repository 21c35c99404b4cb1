#include <regrad/algorithms/experiment/data/words.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/pqk/experiment/claims.h>
#include <regrad/algorithms/pqk/experiment/table.h>
#include <regrad/algorithms/pqk/experiment/trial.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::pqk {
namespace {

using namespace experiment;

bool of_words(const std::string& task) { return among(task, word_tasks()); }

Settings words(const std::string& preset) {
  Settings s;
  s.batch = 64, s.train = s.test = 100000, s.epochs = 16;
  if (preset == "tiny") s.epochs = 6, s.sparsities = {0.9}, s.bits = {4}, s.corner = 0;
  if (preset == "long" || preset == "paper") s.epochs = 40;
  return s;
}

Settings pictures(const std::string& task, const std::string& preset) {
  Settings s;
  s.epochs = 8, s.batch = 64, s.train = 2000, s.test = 2000, s.curve = 500;
  if (task.rfind("cifar", 0) == 0) s.net = "resnet20", s.padding = 4, s.flip = true;
  if (task == "glyphs") s.net = "tiny", s.test = s.curve = 1000, s.batch = 50, s.epochs = 20;
  if (preset == "tiny") {
    s.epochs = 10, s.sparsities = {0.9}, s.bits = {4}, s.corner = 0;
    if (task != "glyphs") s.net = "r8", s.train = s.test = 1000, s.epochs = 6;
  } else if (preset == "long") {
    s.train = s.test = 10000, s.batch = 128, s.epochs = 30;
  } else if (preset == "paper") {
    s.train = s.test = 100000, s.batch = 128, s.epochs = 200;
  }
  return s;
}

// Data sets, nets, ratios and bits of the paper were not found: `paper` is what pruning.md proposes
// at full length. Masks are made every 16 steps there; in short runs more often, for there are to
// be 20 of them and more before the final sparsity.
Settings preset_of(const std::string& task, const std::string& preset) {
  Settings s = of_words(task) ? words(preset) : pictures(task, preset);
  s.refresh = preset == "paper" ? 16 : preset == "long" ? 8 : 4;
  // a person's own may be few: an epoch of a few steps
  if (task == "folder" && preset == "tiny") s.epochs = 20, s.batch = 16, s.refresh = 1;
  return s;
}

// Values that a list gives twice would be one part of the table.
template <class T>
void check_once(const std::string& name, const std::vector<T>& values) {
  std::string all;
  for (const T& v : values) all += (all.empty() ? "" : ",") + decimal(static_cast<double>(v));
  for (size_t i = 0; i < values.size(); ++i)
    need(std::count(values.begin(), values.end(), values[i]) == 1,
         name + " is " + all + ": two parts of the table would be called " +
             decimal(static_cast<double>(values[i])) + "; give each value once");
}

void check(const Settings& s, const std::string& task, int64_t examples) {
  const std::vector<std::string>& nets = net_names();
  if (std::find(nets.begin(), nets.end(), s.net) == nets.end())
    NamedNet(Random(0), {.name = s.net});  // its message lists those that there are
  check_batch(s, examples, "examples");
  need(!s.sparsities.empty() && !s.bits.empty(), "sparsities, bits: at least one of each");
  check_once("sparsities", s.sparsities), check_once("bits", s.bits);
  if (of_words(task) || task == "folder")
    word_front(task, s.frames, s.seconds);  // whether they divide a second
  need(s.init == "fan_in" || s.init == "fan_out",
       "init: '" + s.init + "' is not one of fan_in, fan_out");
  need(s.threshold == "global" || s.threshold == "layer",
       "threshold: '" + s.threshold + "' is not one of global, layer");
  const auto first = std::llround(s.second * s.epochs);
  need(first >= 1 && first < s.epochs,
       "second: in " + std::to_string(s.epochs) + " epochs one phase would have none");
}

// The last masks of phase 1 must be those of the final sparsity.
void check_reached(const Settings& s, int64_t batches) {
  const Row& of = row("pq");
  const Point p = points(s)[0];
  const pruning::Schedule t = schedule(of, s, p, batches, 0);
  const int64_t change = second_phase(options(of, s, p), t),
                last = (change - 1) / t.refresh * t.refresh;
  need(pruning::cubic(t, last) >= t.sparsity,
       "refresh: masks are made every " + std::to_string(t.refresh) +
           " steps, in phase 1 for the last time at step " + std::to_string(last) + " of its " +
           std::to_string(change) +
           ", before the final sparsity is due; a smaller refresh or target, more epochs or more "
           "training examples");
}

std::string why_unused(const std::string& key, const Settings& s, const std::string& task,
                       const std::vector<std::string>& methods) {
  const auto none = [&](auto&& reads) {
    return !any_of(methods, [&](const std::string& m) { return reads(row(m)); });
  };
  const std::string no_row = "no row of the table reads it: ", of = "the images of " + task;
  const bool float_only = none([](const Row&r) { return r.quantizes; }),
             whole_only = none([](const Row&r) { return r.prunes; });
  const bool eight = !any_of(points(s), [](const Point& p) { return p.bits < 8; });
  return reason(
      key,
      {{"frames", !of_words(task) && task != "folder", of + " are no sounds"},
       {"seconds", task != "folder", of + " have a length of their own"},
       {"test_share", task != "folder", of + " have parts of their own"},
       {"size", task != "folder", of + " have a size of their own"},
       {"curve", of_words(task) && task != "sounds", "the curve reads a part of its own"},
       {"init", s.net == "mlp", "mlp has no convolutions (net)"},
       {"edge_bits range_momentum", float_only, no_row + "none quantizes"},
       {"edge_bits", eight, "no layer has fewer than 8 (bits)"},
       {"refresh target threshold", whole_only, no_row + "none prunes"},
       {"corner", whole_only && float_only, no_row + "none prunes or quantizes"},
       {"gamma", s.milestones.empty() && s.restart_milestone >= 1, "there are no milestones"},
       {"milestones restart_milestone", s.gamma == 1, "gamma is 1"},
       {"temperature", none([](const Row& r) { return r.teacher == Teacher::within; }),
        no_row + "it is PQK's"},
       {"hinton_share hinton_temperature",
        none([](const Row& r) { return r.teacher == Teacher::given; }), no_row + "it is pq-kd's"},
       {"hinton_temperature", s.hinton_share == 0, "nothing is distilled (hinton_share)"}});
}

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    const std::vector<Point> all = points(s_);
    return {"pqk",
            "PQK, pruning, quantization and distillation from the net's own pruned weights (Kim et "
            "al. 2021): test accuracy in %.",
            {task_},
            method_cards(rows()),
            on("accuracy", all.empty() ? "" : name(all[0])),
            Better::higher,
            "pq",
            {},
            {"pqk"}};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
    seeds_ = preset == "tiny" ? 3 : 5;
  }
  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override { pqk::check(s_, task_, examples()); }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    return why_unused(key, s_, task_, methods);
  }
  std::vector<Need> needs(const Job& job) const override {
    // before the data are read: by as many words as they may be
    if (row(job.method).prunes && (images_ || !of_words(task_))) check_reached(s_, batches());
    return {};
  }
  void data(const std::string& folder) override {
    images_ = std::make_shared<const Images>(of_words(task_)
                                                 ? load_words(task_, folder, s_.frames)
                                                 : load_images(task_, folder, s_.own(s_.frames)));
  }
  std::vector<std::string> notes() const override {
    return images_ ? images_->notes : std::vector<std::string>();
  }
  std::vector<std::string> variants() const override {
    std::vector<std::string> out;
    for (const Point& p : points(s_)) out.push_back(name(p));
    return out;
  }
  bool has_row(const Job& job) const override {
    return has_point(row(job.method), point(job.variant, s_), s_);
  }
  int64_t steps(const Job& job) const override {
    return pqk::steps(row(job.method), s_, batches());
  }
  // A teacher that is given is trained before.
  std::vector<Phase> phases(const Job& job) const override {
    const Row& of = row(job.method);
    const Point p = point(job.variant, s_);
    const pruning::Schedule t = schedule(of, s_, p, batches(), job.seed);
    const int64_t change = second_phase(options(of, s_, p), t);
    return {{steps(job) - t.steps()}, {change}, {t.steps() - change}};
  }
  int64_t log_every() const override { return batches() * s_.log_every; }
  int64_t epoch(const Job&) const override { return batches(); }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(images_ != nullptr, "--task " + task_ + ": no examples were read");
    return pqk::trial(job, s_, images_);
  }
  std::vector<Claim> claims(const Result& result) const override {
    Claims c(result);
    for (const std::string& variant : variants()) pqk::claims(c, variant);
    return c.list;
  }
  std::vector<Chart> figures(const Result& result) const override {
    return {by_size(result, "accuracy", "bytes", variants())};
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

  std::string task_;
  Settings s_ = {};
  int seeds_ = 5;
  std::shared_ptr<const Images> images_ = nullptr;  // after data()
};

}  // namespace

TaskList tasks() {
  TaskList out;
  for (const char* task :
       {"glyphs", "digits", "commands", "sounds", "fmnist", "cifar10", "cifar100", "folder"})
    out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::pqk
