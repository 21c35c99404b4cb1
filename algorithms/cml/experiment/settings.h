// What every task's experiment lets the user set. A task's own settings are a struct that inherits
// these and lists its own after them.
#pragma once

#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/memory.h>
#include <regrad/algorithms/maml/sharp.h>

namespace regrad::cml {

using experiment::above, experiment::at_least, experiment::between, experiment::need;

// MAML++ (maml/plus_plus.h). An epoch is a share of the run: the authors' 15 of 100 epochs are 15%
// of the outer steps.
struct PlusPlusSettings {
  int inner_steps = 5;
  bool learned_rates = true;
  int epochs = 100, multi_step_epochs = 15, first_order_epochs = 0;
  bool step_norms = false, cosine = false;
  double lr_min = 1e-5;
  static void parts(auto& self, auto&& part) {
    part("inner_steps", self.inner_steps, "MAML++: inner steps (M)", between(1, 10000));
    part("learned_rates", self.learned_rates,
         "MAML++: learn a step size for each parameter tensor and inner step; they start at alpha");
    part("epochs", self.epochs, "MAML++: the run is cut into so many epochs", at_least(1));
    part("multi_step_epochs", self.multi_step_epochs,
         "MAML++: epochs with a query loss after every inner step, annealed to the last; 0: never",
         at_least(0));
    part("first_order_epochs", self.first_order_epochs,
         "MAML++: epochs of first-order gradients at first", at_least(0));
    part("step_norms", self.step_norms,
         "MAML++: norms have a scale and a shift for each inner step, which it leaves alone");
    part("cosine", self.cosine,
         "MAML++: lr falls along half a cosine, epoch by epoch, to plus_plus.lr_min");
    part("lr_min", self.lr_min, "MAML++: the floor of plus_plus.cosine", at_least(0));
  }
};

// Sharp-MAML (maml/sharp.h).
struct SharpSettings {
  int inner_steps = 5;
  std::string levels = "both";
  double alpha_low = 0.05, alpha_up = 0.05;
  bool through = true;
  static void parts(auto& self, auto&& part) {
    part("inner_steps", self.inner_steps, "Sharp-MAML: inner steps (M)", between(0, 10000));
    part("levels", self.levels,
         "Sharp-MAML: which steps are sharpness-aware: low (the inner ones), up (the outer one), "
         "both");
    part("alpha_low", self.alpha_low, "Sharp-MAML: radius of the inner perturbation", at_least(0));
    part("alpha_up", self.alpha_up, "Sharp-MAML: radius of the outer perturbation", at_least(0));
    part("through", self.through, "Sharp-MAML: differentiate through the inner perturbation");
  }
  maml::Sharpness sharpness() const {
    return {levels != "up", levels != "low", alpha_low, alpha_up, through};
  }
};

struct MetaSettings {
  int steps = 50000;              // outer steps
  int tasks = 4;                  // a batch
  std::vector<int> shots = {10};  // K
  int inner_steps = 1;
  double alpha = 0.01, gamma = 0.2, lr = 1e-3, weight_decay = 0;
  bool first_order = false;
  int chunk = 0;
  int test_tasks = 2000, test_chunk = 100, log_every = 500, validation_tasks = 100;
  int last = 5, last_tasks = 200;
  std::string select = "last";
  int patience = 0;
  std::string dagger_by = "theta";
  bool mechanism = true;
  std::string precision = "f32";
  PlusPlusSettings plus_plus = {};
  SharpSettings sharp = {};

  static void parts(auto& self, auto&& part) {
    part("steps", self.steps, "outer steps", at_least(1));
    part("tasks", self.tasks, "tasks per batch", at_least(1));
    part("shots", self.shots,
         "support points per task, or per class of it (K), each with a table of its own",
         at_least(1));
    part("inner_steps", self.inner_steps, "inner steps (M); MAML++ and Sharp-MAML have their own",
         between(0, 10000));
    part("alpha", self.alpha, "inner step size", at_least(0));
    part("gamma", self.gamma, "weight of the co-learner's loss", at_least(0));
    part("lr", self.lr, "outer step size (Adam)", above(0));
    part("weight_decay", self.weight_decay,
         "added to the outer gradient, times the parameter (Adam's L2); not of learned step sizes",
         at_least(0));
    part("first_order", self.first_order, "inner gradients are constants (FOMAML)");
    part("chunk", self.chunk,
         "tasks of a batch in one graph; chunks run side by side on free threads; 0: all in one",
         at_least(0));
    part("test_tasks", self.test_tasks, "test tasks, the same for every seed and method",
         at_least(1));
    part("test_chunk", self.test_chunk, "tasks evaluated at once", at_least(1));
    part("log_every", self.log_every, "outer steps between two points of the learning curves",
         at_least(1));
    part("validation_tasks", self.validation_tasks,
         "tasks behind a point of the learning curve, none of them a test task", at_least(1));
    part("last", self.last,
         "points at the end of the learning curve whose test scores' standard deviation is "
         "reported as the spread; 0: none",
         at_least(0));
    part("last_tasks", self.last_tasks,
         "test tasks behind each of these scores, at most test-tasks", at_least(1));
    part("select", self.select,
         "which net is tested: last; or best, at the point of the curve of the best validation "
         "score, each head's of its own (the authors' code)");
    part("patience", self.patience,
         "training ends after so many points of the curve without a better one; 0: never",
         at_least(0));
    part("dagger_by", self.dagger_by,
         "dagger: whose support loss adapts the body: theta's (the authors' code), or phi's (the "
         "paper's equation 9)");
    part("mechanism", self.mechanism,
         "log the cosine of the heads' gradients, the support gradient's norms and CKA by layer");
    part("precision", self.precision,
         "f32, or bf16: convolutions multiply in bf16, with f32 sums and weights, where the CPU "
         "does");
    part("plus_plus", self.plus_plus);
    part("sharp", self.sharp);
  }
};

// ConfigError for settings that contradict themselves.
void check(const MetaSettings& settings);

// What a net has.
struct NetKind {
  bool convolutions = false, norms = false;
};
// Why a setting that all tasks have changes nothing in a table of these methods.
std::string why_unused(const std::string& key, const MetaSettings& settings,
                       const std::vector<std::string>& methods, NetKind net);

// A net in numbers: scalars of body, head and co-learner; values of an example; at least so many of
// the body's activations for it.
struct NetSize {
  double parameters, inputs, activations;
};
// Linear maps: the body's to each of `hidden`, the head's, a co-learner's with a hidden layer.
NetSize mlp_size(double in, const std::vector<int>& hidden, double cohead_hidden, double out);
// What training and test take at least: parameters and what Adam keeps, the tasks of a batch, those
// of one graph adapted at once, and those of a test. support, query, test_query: a task's examples.
std::vector<experiment::Need> needs_of(const MetaSettings& settings, const NetSize& net,
                                       double support, double query, double test_query);

}  // namespace regrad::cml
