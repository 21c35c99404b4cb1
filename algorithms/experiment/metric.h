// How people read a metric whose name in result.json is a program's: its words, its unit, and which
// way is better.
//
//   metric_of("accuracy@90%")   accuracy at 90%                  %        higher is better
//   metric_of("accuracy@1")     1-shot accuracy                  %        higher
//   metric_of("mse@10")         mean squared error at K = 10     no unit  lower
//   metric_of("bytes@90%")      size at 90%                      bytes    lower
//
// What stands after "@" is the variant of the task. The one list of words, units and directions is
// in metric.cpp; a name that it lacks is its own words, without unit and direction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace regrad::experiment {

enum class Better { lower, higher };
// percent: values from 0 to 100, their differences are percentage points; count: whole numbers of
// things, and their means.
enum class Unit { none, percent, points, bytes, count };

struct Metric {
  std::string name, title;
  Unit unit = Unit::none;
  std::optional<Better> better = {};
};
Metric metric_of(const std::string& name);

// "accuracy" of "accuracy@90%", and "90%", or "" where it has no variant.
std::string base_of(const std::string& name);
std::string variant_of(const std::string& name);

// "mean ± half-width" with so many decimals that the half-width has two digits; without an
// interval, or without spread (ci95 = 0), four digits of the mean.
std::string with_interval(double mean, double ci95, bool sign);
// The same with the unit: "94.2 ± 1.5%", "311 kB", "1,442".
std::string value_text(const Metric& metric, double mean, double ci95);
// Of a paired difference, with its sign: "+1.3 ± 0.5" (points, of shares), "-4.25 kB", "0".
std::string difference_text(const Metric& metric, double mean, double ci95);
// What stands behind the size of a difference in a sentence: " points" of shares, else "".
std::string difference_unit(const Metric& metric);

// 12345 -> "12,345".
std::string grouped(int64_t number);

}  // namespace regrad::experiment
