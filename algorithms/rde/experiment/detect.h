// Every detector on what attacks left of one classifier: mixtures of clean and attacked texts,
// scores, and what they are worth.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/algorithms/rde/experiment/trial.h>

namespace regrad::rde {

// What each of all `texts` attacked ones adds to a detector's AUC on a mixture of some: their mean
// is the AUC A, and the deviation of their mean DeLong's (DeLong et al. 1988), so that a verdict
// carries the spread of the texts, and seeds that mix other texts share what they share.
//   A + texts (V_i - A) / m  of an attacked text i, V_i the share of clean ones scored below it
//                            (half of equal ones)
//   A + texts (V_j - A) / n  of a clean text j, V_j the share of attacked ones above it
// both of a text that is in the mixture twice, and A of one that is not in it.
std::vector<double> shares_of_auc(const std::vector<double>& scores, const Mixture& mixture,
                                  int64_t texts);

experiment::Outcome detect(const experiment::Job& job, const TableSettings& s, const Corpus& corpus,
                           const Classifier& classifier, const std::vector<AttackRun>& runs);

}  // namespace regrad::rde
