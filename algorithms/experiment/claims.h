// What a table is asked, by one value per seed or by one per seed and test item.
//
//   Claims c(result);
//   c.above("map above dpf", c.seeds("map", "accuracy@90%"), c.seeds("dpf", "accuracy@90%"));
//   c.within("int8 within 1 point", c.items("resnorm", "int8"), c.items("resnorm", "accuracy"), 1);
//   return c.list;
//
// Values of seeds are judged by the paired interval over seeds, items by the interval over seeds
// and items (stats.h). A claim on a method that the table lacks is left out; one on a method that
// is there, but without this metric, is not testable here.
#pragma once

#include <regrad/algorithms/experiment/result.h>

#include <functional>

namespace regrad::experiment {

// One side of a claim. Empty (false): the table has no such row, or `missing` is why it has no
// values.
struct Sample {
  // by seeds: one list, a value per seed; by items: a list per seed, a value per item
  std::vector<std::vector<double>> values = {};
  bool by_items = false;
  std::vector<std::vector<int64_t>> groups = {};  // by seed: the items' clusters
  std::string missing = {};                       // "rde has no AUC, pwws, cnn"
  explicit operator bool() const { return !values.empty(); }
};
// Value by value; empty where either side is. ConfigError where they are not of one size and kind.
Sample operator-(const Sample& a, const Sample& b);
// Of all values; NaN of none.
double mean_of(const Sample& sample);

struct Claims {
  const Result& result;
  std::vector<Claim> list = {};
  // What is asked from here on was asked after a first table had been seen.
  bool late = false;

  explicit Claims(const Result& of) : result(of) {}

  // A metric of a method; empty where the table has no such method, or the method no such metric.
  Sample seeds(const std::string& method, const std::string& metric) const;
  Sample items(const std::string& method, const std::string& metric) const;
  // By items where the method has them, else by seeds.
  Sample of(const std::string& method, const std::string& metric) const;

  // The whole interval of a - b lies above 0, below 0, or within [-margin, margin].
  void above(const std::string& text, const Sample& a, const Sample& b);
  void below(const std::string& text, const Sample& a, const Sample& b);
  void within(const std::string& text, const Sample& a, const Sample& b, double margin);
  // The whole interval of a - b lies below a margin that was named before: that nothing is seen is
  // not shown by a wide interval.
  void not_above(const std::string& text, const Sample& a, const Sample& b, double margin);

 private:
  void judge(const std::string& text, const Sample& a, const Sample& b,
             const std::function<Verdict(const Interval&)>& verdict);
};

// "90%" of 0.9, "99.5%" of 0.995: a share as a variant's name.
std::string percent(double share);

// A metric of one variant of the task, "unseen@sd4"; the metric itself where there is one variant
// without a name.
std::string on(const std::string& metric, const std::string& variant);

}  // namespace regrad::experiment
