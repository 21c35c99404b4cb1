// What an experiment hands back, and its form for programs, result.json. table.h has the one for
// people.
//
//   Result r;  r.metric = "mse";  r.better = Better::lower;  r.baseline = "maml";
//   r.methods = {{"maml", {{"mse", maml}}, 1761}, {"dagger", {{"mse", dagger}}, 3442}};
//       // one value per seed, in the order of r.seeds
//   r.claims = ...;  // claims.h
//
// The rule behind a verdict stands in stats.h.
#pragma once

#include <regrad/algorithms/experiment/metric.h>
#include <regrad/algorithms/experiment/stats.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace regrad::experiment {

struct MethodResult {
  std::string name;
  // metric -> one value per seed
  std::vector<std::pair<std::string, std::vector<double>>> metrics;
  // scalars of the model that is deployed, the mean over seeds; where models of several variants
  // differ, of the one that the table's metric is about
  int64_t parameters = 0;
  // metric -> by seed the values of the test set's items
  std::vector<std::pair<std::string, std::vector<ByItem>>> items = {};
  // metric -> the same of the models that it was measured of; none: `parameters`
  std::vector<std::pair<std::string, int64_t>> parameters_of = {};
};

struct Claim {
  std::string text;  // reads after "shown:" and after "not shown:", as in "dagger below maml"
  Verdict verdict;
  double difference, ci95;  // of the paired difference that was judged; NaN where there is none
  std::string by = {};      // what the interval carries the spread of: "3 seeds and 80 items"
  bool late = false;        // asked after a first table of these rows had been seen
};

// A metric of a method that not every seed has: it is not in the table, and claims of it are not
// testable here.
struct LeftOut {
  std::string method, metric;
  int64_t have = 0, seeds = 0;  // that have it, of so many
  std::string why = {};         // of the first that lacks it; may be empty
};

struct Result {
  std::string regrad;  // version; this and the next six lines are filled in by the frame
  std::string experiment, task, preset;
  std::vector<uint64_t> seeds;
  // by seed, where seeds share parts of their tests (Experiment::parts_of); else empty
  std::vector<std::vector<int64_t>> parts = {};
  int threads = 0;
  double seconds = 0;
  // peak of the engine's memory, if run() sets it; otherwise the process's peak resident set
  int64_t peak_bytes = 0;

  std::string metric;  // the one that the sentence is about
  Better better = Better::lower;
  std::string baseline;      // a name among the methods
  std::string subject = {};  // the method that the sentence compares with it; "": the first other
  std::vector<MethodResult> methods;
  std::vector<Claim> claims;
  std::vector<LeftOut> left_out = {};
};

bool is_left_out(const Result& result, const std::string& method, const std::string& metric);

// Is the method among the table's rows?
bool has(const Result& result, const std::string& method);

// The values of one method's metric; ConfigError naming what there is when there is no such method
// or metric.
const std::vector<double>& values(const Result& result, const std::string& method,
                                  const std::string& metric);
// The same; nullptr where there is none.
const std::vector<double>* values_if(const Result& result, const std::string& method,
                                     const std::string& metric);

// The same of what was kept item by item: a list per seed.
const std::vector<ByItem>& items(const Result& result, const std::string& method,
                                 const std::string& metric);
const std::vector<ByItem>* items_if(const Result& result, const std::string& method,
                                    const std::string& metric);

// The interval over the seeds of one value for each: mean_interval, or where seeds share parts
// jackknife_interval; and of paired differences a - b.
Interval over_seeds(const Result& result, const std::vector<double>& values);
Interval over_seeds(const Result& result, const std::vector<double>& a,
                    const std::vector<double>& b);

// ConfigError when the result contradicts itself: no methods, names given twice, a metric without
// one value per seed, or no method with the metric that the table is about.
void check(const Result& result);

// Does "lower (higher) is better" hold for this metric? For the headline, and its like for another
// variant: "mse@5" beside "mse@10".
bool has_direction(const Result& result, const std::string& metric);
// metric_of, and the headline's direction where the list of metrics lacks it.
Metric metric_in(const Result& result, const std::string& name);
// Every metric that some method has, in the order they came.
std::vector<std::string> metric_names(const Result& result);

// "1 seed", "3 seeds".
std::string count_seeds(size_t count);

// "-0.046 ± 0.010", or "-0.046, without spread"; "" where the claim has none.
std::string difference(const Claim& claim);
// The same of an interval that was made of paired differences.
std::string difference(double mean, double ci95);

// "late" claims have "asked later: " before their text.
std::string text_of(const Claim& claim);

// The result as DESIGN.md lays it out, indented by two; a number that is not finite is null.
std::string to_json(const Result& result);

}  // namespace regrad::experiment
