// How well scores tell attacked texts (positives) from clean ones (negatives): text-and-ssl.md 1.2,
// step 7 [code]. Higher scores are more suspicious; infinities are scores too.
//
// The threshold is taken on the mixture itself, not on validation texts, as the authors' code does.
#pragma once

#include <vector>

namespace regrad::rde {

// A point per distinct score, as the threshold falls: the shares of positives and of negatives with
// a score of at least that. The first point is (infinity, 0, 0). (scikit-learn drops points between
// others on a line; nothing read off the curve here depends on that, save TPR at an FPR slightly.)
struct RocPoint {
  double threshold, fpr, tpr;
};

// Each of these: ShapeError where positives or negatives are empty, NumericError where one is NaN,
// ConfigError where most lies outside of [0, 1].
std::vector<RocPoint> roc(const std::vector<double>& positives,
                          const std::vector<double>& negatives);

// The share of pairs in which the positive's score is higher, equal ones counted half (Mann and
// Whitney): the area under the curve by trapezoids.
double auc(const std::vector<double>& positives, const std::vector<double>& negatives);

// At the lowest threshold (a score) at which at most `most` of the negatives are flagged.
struct AtFpr {
  double threshold;  // infinity where already the highest score flags too many
  double fpr, tpr;   // no interpolation
  double f1;         // 2 TP / (2 TP + FP + FN), attacked = positive
};
AtFpr at_fpr(const std::vector<double>& positives, const std::vector<double>& negatives,
             double most = 0.1);

}  // namespace regrad::rde
