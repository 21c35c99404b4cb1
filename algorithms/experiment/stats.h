// Means, intervals and verdicts over paired seeds: how every experiment of regrad judges what it
// has shown.
//
//   Interval m = mean_interval({0.41, 0.43, 0.40});  // mean and half-width of its 95% interval
//   Interval d = paired_difference(cml_values, maml_values);            // cml - maml, seed by seed
//   Verdict  v = verdict(d, Direction::below);                          // is cml below maml?
//
// The rule: the values of a method are one number per seed, and two methods share their seeds (same
// initial weights, same stream of tasks). Of the differences, seed by seed, the 95% interval of the
// mean is mean +- t(n-1, 0.975) sd / sqrt(n), Student's t. A claim
// "a is below b" is `shown` when the whole interval lies below 0, `not shown` otherwise; with fewer
// than two seeds, or a value that is not finite, it is `not testable here`. No correction is made
// for the number of claims, so a reader of twenty should expect one by luck.
#pragma once

#include <string>
#include <vector>

namespace regrad::experiment {

struct Interval {
  double mean;  // NaN for no values
  double ci95;  // half-width of the 95% interval of the mean; NaN for fewer than two values
  int count;    // of values
};

enum class Direction { below, above };
enum class Verdict { shown, not_shown, not_testable };

// "shown", "not shown", "not testable here".
std::string name(Verdict verdict);

double mean(const std::vector<double>& values);  // NaN for no values
// divides by n - 1; NaN for fewer than two values
double sample_sd(const std::vector<double>& values);

// Student's t with `df` degrees of freedom (df > 0): P(T <= t), and the t for which P(T <= t) = p,
// 0 < p < 1. ConfigError outside.
double student_cdf(double t, double df);
double student_quantile(double p, double df);

Interval mean_interval(const std::vector<double>& values);
// mean_interval(a - b), element by element. ConfigError when they are not of one length: what is
// not paired cannot be compared.
Interval paired_difference(const std::vector<double>& a, const std::vector<double>& b);

// The difference of means over seeds and items, with the 95% interval of a paired bootstrap over
// the items: each resample draws items with replacement, the same ones for both sides and all
// seeds; half the distance between the 2.5% and 97.5% quantiles. a, b: a list per seed, all of one
// length. ConfigError otherwise, or where there is nothing.
Interval bootstrap_difference(const std::vector<std::vector<double>>& a,
                              const std::vector<std::vector<double>>& b, int resamples = 2000);

// The difference is below (above) 0.
Verdict verdict(const Interval& difference, Direction claimed);
// The difference is within [-margin, margin]: the whole interval is. ConfigError for a margin that
// is not positive.
Verdict verdict_within(const Interval& difference, double margin);

}  // namespace regrad::experiment
