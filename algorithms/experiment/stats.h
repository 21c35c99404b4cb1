// Means, intervals and verdicts over paired seeds: how every experiment of regrad judges what it
// has shown.
//
//   Interval m = mean_interval({0.41, 0.43, 0.40});  // mean and half-width of its 95% interval
//   Interval d = paired_difference(cml_values, maml_values);            // cml - maml, seed by seed
//   Verdict  v = verdict(d, Direction::below);                          // is cml below maml?
//
// The rule: the values of a method are one number per seed, and two methods share their seeds (same
// initial weights, same stream of tasks, same drawn devices). Of the differences, seed by seed, the
// 95% interval of the mean is mean +- t(n-1, 0.975) sd / sqrt(n), Student's t. Where a metric is
// kept item by item of the test set, the interval carries the spread of the items too
// (clustered_interval). A claim "a is below b" is `shown` when the whole interval lies below 0,
// `refuted` when it lies above, `not shown` when it holds 0; with fewer than two seeds, a value
// that is not finite, or differences that have no spread, it is `not testable here`. No correction
// is made for the number of claims, so a reader of twenty should expect one by luck.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regrad::experiment {

struct Interval {
  double mean;  // NaN for no values
  // half-width of the 95% interval of the mean; NaN for fewer than two values, 0 where they have no
  // spread: a residue of rounding, below 1e-10 of the values, is none
  double ci95;
  int count;             // of values; of parts, or of sets of items, where intervals are over these
  int items = 0;         // clusters of items that lie under them
  bool grouped = false;  // a cluster is more than an item
};

enum class Direction { below, above };
enum class Verdict { shown, refuted, not_shown, not_testable };

// "shown", "refuted", "not shown", "not testable here".
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

// What one seed has, item by item of its test set.
struct ByItem {
  std::vector<double> values;
  // of each value its cluster; empty: 0, 1, ..
  std::vector<int64_t> groups = {};
};
// The mean over seeds, with an interval that carries the spread of seeds and of clusters of items
// alike, for a verdict speaks of other trainings as well as of other clips.
//
// Where all S seeds have the same C clusters: y_sc is what cluster c adds to seed s, weighted by
// its size. With the mean squares M_s of seeds, M_c of clusters and M_e of what is left, as in an
// analysis of variance in two ways without repeats, the variance of the mean is
// (M_s + M_c - M_e) / SC, but never below M_s / SC and M_c / SC, which it cannot be; half the
// interval is t(df, 0.975) of it, df by Satterthwaite. In made-up tables of 3 to 8 seeds
// it holds the truth in 91 to 99% of draws (tests/experiment/test_stats.cpp). Of 2 seeds it
// would in 87% only, for one difference tells little of their spread: there it is never narrower
// than mean_interval of the two. A bootstrap of the items holds the seeds fixed and is too narrow;
// of three seeds there are only ten resamples.
//
// Where seeds have clusters of their own, as a fold each, the seeds with the same clusters are one
// value, their mean, and the interval is mean_interval's over these values.
//
// scale: of differences the largest number that they were made of, so that what rounding left is
// no spread (Interval::ci95).
//
// NaN for one seed or one cluster. ConfigError: no seed, no item, groups that are not one per
// value, or clusters that two seeds share in part.
Interval clustered_interval(const std::vector<ByItem>& by_seed, double scale = 0);

// The mean of values that share parts, as runs on pairs of classes of one graph share classes: 21
// pairs of 7 classes are no 21 independent values. The delete-one-part jackknife: m is the mean
// over all values, m_c the one over those without part c (of n that occur),
//
//   s^2 = (n-1)/n sum_c (m_c - mean_c m_c)^2;      m +- t(n-1, 0.975) s
//
// Exact where a pair's value is the sum of its two parts'; where parts do not matter it is wider
// than it need be, by half for the pairs of 7. parts: of each value. ConfigError where they are not
// as many; NaN where fewer than three parts occur, or one is in every value. count: of parts.
Interval jackknife_interval(const std::vector<double>& values,
                            const std::vector<std::vector<int64_t>>& parts);

// The difference is below (above) `bound`. "Not above", as something that can be shown, is "below a
// margin".
Verdict verdict(const Interval& difference, Direction claimed, double bound = 0);
// The difference is within [-margin, margin]: the whole interval is. Refuted: the whole interval
// lies outside. ConfigError for a margin that is not positive.
Verdict verdict_within(const Interval& difference, double margin);

}  // namespace regrad::experiment
