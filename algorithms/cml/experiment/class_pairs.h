// Pairs of classes of one graph, a run each, and what an interval over them may claim.
//
// 21 runs on the pairs of 7 classes are no 21 independent values: each class stands in six of them,
// and a graph has no more classes than these. Student's interval over the pairs takes them as
// independent, so it speaks of other pairs of the same classes at best. class_pair_interval speaks
// of other classes: it leaves out one class at a time.
#pragma once

#include <regrad/algorithms/experiment/stats.h>

#include <utility>

namespace regrad::cml {

using ClassPair = std::pair<int64_t, int64_t>;

// Pairs a < b of 0..classes-1, in order.
std::vector<ClassPair> class_pairs(int64_t classes);

// The mean over pairs, with the 95% interval of the delete-one-class jackknife: m is the mean over
// all pairs, m_c the one over those without class c (of n that occur),
//
//   s^2 = (n-1)/n sum_c (m_c - mean_c m_c)^2;      m +- t(n-1, 0.975) s
//
// Exact where a pair's value is the sum of its two classes' parts; where classes do not matter it
// is wider than it need be, by half for 7 classes. That all runs share a graph, and most of their
// training classes, it cannot see. values: one for each of `pairs`, a pair may come more than once.
// ConfigError where they are not as many; NaN for the half-width where fewer than three classes
// occur, or one is in every pair. count: classes.
experiment::Interval class_pair_interval(const std::vector<double>& values,
                                         const std::vector<ClassPair>& pairs);

// The same of a - b, a value for each seed: seed s has the pair s mod their number.
experiment::Interval class_pair_difference(const std::vector<double>& a,
                                           const std::vector<double>& b,
                                           const std::vector<uint64_t>& seeds, int64_t classes);

}  // namespace regrad::cml
