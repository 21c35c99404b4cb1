// What an experiment is to the frame: a card, a config, and trials. The frame owns the loop, the
// log, the checkpoints and the progress bar.
//
// A table's rows come from trials: one method with one seed (and one variant of the task, such as
// the number of shots). A trial is a state and a pure step: all its random numbers are addressed by
// seed and step, so a state at step i is all there is to resume from, and trials may run side by
// side.
#pragma once

#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/listing.h>
#include <regrad/algorithms/experiment/memory.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/algorithms/experiment/result.h>
#include <regrad/engine/io/serialize.h>

#include <functional>
#include <memory>

namespace regrad::experiment {

struct Job {
  std::string method, variant;
  uint64_t seed;
};

struct Score {
  std::string method, metric;
  double value;
};
// A metric item by item of the test set, in an order that all methods share: a verdict carries the
// spread of the items beside that of the seeds (stats.h).
struct Items {
  std::string method, metric;
  std::vector<double> values;
  // of each value the number of its cluster: values that are not independent, as nine recordings of
  // one moment, share one, and so does what other seeds tested on the same. Empty: 0, 1, ..
  std::vector<int64_t> groups = {};
};
// A metric that a trial could not measure. The table then leaves it out for all seeds.
struct NotMeasured {
  std::string method, metric, why;
};
// What a trial has at its end. One trial may score several methods: a net that is read in two ways
// is trained once.
struct Outcome {
  std::vector<Score> scores = {};
  // method -> scalars of the model that is deployed
  std::vector<std::pair<std::string, int64_t>> parameters = {};
  std::vector<Items> items = {};
  std::vector<Chart> figures = {};  // these three are shown for the first seed, or as by_place does
  std::vector<Gallery> galleries = {};
  std::vector<Listing> listings = {};
  std::vector<NotMeasured> not_measured = {};
};

// Numbers of one moment of a trial, for metrics.jsonl and the learning curves.
using Moment = std::vector<std::pair<std::string, double>>;

// Steps of a trial that cost about the same each.
struct Phase {
  int64_t steps;
  // what one costs depends on what was learnt before: --estimate trains first, as long as it may
  bool of_learnt = false;
};

class Trial {
 public:
  virtual ~Trial() = default;
  // The i-th step, from 0; what it returns (mostly nothing) is logged, and its first number shown
  // as progress. NumericError where a loss is no number.
  virtual Moment step(int64_t i) = 0;
  // After the last step: evaluation.
  virtual Outcome finish() = 0;
  // For --estimate: what costs as much as finish() does, on a trial of which only some steps were
  // taken.
  virtual void rehearse() { finish(); }
  // Lists every tensor that steps change, by name. Names, shapes and dtypes are the same from the
  // first step to the last, so that a trial that was just made takes up another's state.
  virtual void state(const std::function<void(const std::string&, Tensor&)>& part) = 0;
  // What was trained, for models/ in --out. Nothing: no file.
  virtual std::vector<NamedTensor> model() const { return {}; }
  // The same of another method that the outcome counts parameters of: a file of its own.
  virtual std::vector<NamedTensor> model_of(const std::string& /*method*/) const { return {}; }
  // What these files hold beside method, variant and seed.
  virtual Metadata about() const { return {}; }
};

struct MethodCard {
  std::string name, help;
  std::string trained_by = {};  // the method whose trials score it; its own where empty
  bool by_default = true;
};
struct Card {
  std::string name, about;         // "cml"; one sentence for --help
  std::vector<std::string> tasks;  // the first is the default
  std::vector<MethodCard> methods;
  std::string metric;  // the headline
  Better better = Better::lower;
  std::string baseline;
  std::vector<std::string> more_presets = {};  // beside those that every table has
  // What the experiment is about: the method that the table's sentence compares with the baseline,
  // the first of these that is in the table.
  std::vector<std::string> subjects = {};
};

class Experiment {
 public:
  virtual ~Experiment() = default;
  // Before choose() the list of tasks counts; after it all of the card, which may depend on the
  // task.
  virtual Card card() const = 0;
  // Sets the config to a task's preset, one of the card's. ConfigError where there is no
  // such task or preset.
  virtual void choose(const std::string& task, const std::string& preset) = 0;
  virtual int seeds() const = 0;            // how many, after choose()
  virtual std::vector<Field> fields() = 0;  // after choose(): the task decides which there are
  // After the config is settled: ConfigError for values that contradict each other (those that a
  // range in `fields` excludes are refused before). Called before data(), where a mistake must cost
  // no time, and after it, for what only the data show.
  virtual void check() const {}
  // Why this setting changes nothing in a table of these methods, as the settings stand (unused.h);
  // empty where it does something. One that the user gave is then refused; presets may have it.
  virtual std::string unused(const std::string&, const std::vector<std::string>&) const {
    return "";
  }
  // What a trial of any job takes at least, as far as the settings show, and the data where they
  // are there. Called as check() is; a run that cannot have so much does not begin.
  virtual std::vector<Need> needs(const Job&) const { return {}; }
  // Where data sets lie (--data; "": none given): reads them. Not called for --print-config.
  // IOError where they are missing or broken.
  virtual void data(const std::string&) {}
  // Lines about what was read and what was done to it, for the log. Asked after data().
  virtual std::vector<std::string> notes() const { return {}; }
  virtual std::vector<std::string> variants() const { return {""}; }
  // Whether the table has such a row. A method without any row is left out, or refused where
  // --methods names it; so is a variant without any.
  virtual bool has_row(const Job&) const { return true; }
  // Whether the method has scores at the variant: by a row there, or by one that is trained at
  // another variant and scored at this one too, as a net is that no setting of the variant changes.
  virtual bool has_score(const Job& job) const { return has_row(job); }
  // What the test of a seed is made of, where seeds share parts of it, as pairs of classes do: such
  // seeds are no independent values, and intervals over seeds leave out one part at a time
  // (jackknife_interval). Asked after data(). Empty: seeds are independent.
  virtual std::vector<int64_t> parts_of(uint64_t) const { return {}; }
  virtual int64_t steps(const Job& job) const = 0;
  // steps between two that are logged, for --estimate; 0: logging costs nothing
  virtual int64_t log_every() const { return 0; }
  // Steps of an epoch, for the curves' axis; 0: settings do not count in epochs.
  virtual int64_t epoch(const Job&) const { return 0; }
  // Stretches of steps that cost about the same each, for --estimate; together steps(job).
  virtual std::vector<Phase> phases(const Job& job) const { return {{steps(job)}}; }
  virtual std::unique_ptr<Trial> trial(const Job& job) const = 0;
  virtual std::vector<Claim> claims(const Result& result) const = 0;
  // Pictures of the whole table, which the report begins its figures with.
  virtual std::vector<Chart> figures(const Result&) const { return {}; }
};

}  // namespace regrad::experiment
