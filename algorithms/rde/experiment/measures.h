// What a detector's scores of one mixture of texts are worth, with intervals over the texts.
#pragma once

#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/engine/random.h>

namespace regrad::rde {

struct Measured {
  double value, low, high;  // %; the 95% interval
};
struct Measures {
  Measured auc, tpr, f1;  // TPR and F1 at an FPR of 0.1 at most
};

// By resamples of the mixture's texts, of whose both versions each is drawn or left as one:
// percentiles 2.5 and 97.5 (ones without attacked or clean texts are drawn again). The same bits
// for the same stream. ShapeError: nothing attacked, or nothing clean.
Measures measures(const Scores& scores, const Mixture& mixture, const Random& random,
                  int resamples = 500);

// "76.1 [73.9, 78.0]"
std::string text(const Measured& m);

// A row of a table each: detectors by name, AUC, TPR, F1.
std::string table_of(const std::vector<std::string>& names, const std::vector<Measures>& rows);

}  // namespace regrad::rde
