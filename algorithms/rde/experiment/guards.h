// Every detector of one classifier's texts, fitted on its training texts, and what they score.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/rde/experiment/trial.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/algorithms/rde/ngram.h>
#include <regrad/algorithms/rde/rde.h>

namespace regrad::rde {

using Scores = std::vector<double>;

struct DetectorRow {
  const char *name, *help;
  const char* trained_by = "rde";
  bool by_default = true;
};
// rde, rde-plain, mle, max-softmax, ppl-ngram, fgws-wn.
const std::vector<DetectorRow>& detector_rows();

// A mixture of texts and whether each is an attacked one; `id` is the text's row of the log.
struct Mixture {
  std::vector<std::string> texts;
  std::vector<bool> attacked;
  std::vector<int64_t> id;
  // Of attacked ones both texts with the changed words marked; else empty.
  std::vector<std::string> before, after;
};

// Positives and negatives of a list of scores.
struct Sides {
  std::vector<double> attacked, clean;
};
Sides sides(const std::vector<double>& scores, const std::vector<bool>& attacked);

// What every mixture of one classifier is scored by; outlived by corpus and victim.
class Guards {
 public:
  Guards(const experiment::Job& job, const TableSettings& s, const Corpus& corpus,
         const Classifier& victim);

  // By detector_rows()' order.
  std::vector<Scores> scores(const Mixture& m, const Fgws& fgws) const;

  Scores by_words(const Fgws& fgws, const std::vector<std::string>& texts) const;

  // delta of the largest TPR at gamma, the 90th percentile of clean texts' scores, on validation
  // texts: the one place where a detector sees attacks (text-and-ssl.md 1.4).
  Fgws tuned_fgws(const Mixture& validation) const;

 private:
  Fgws fgws_at(double delta) const;
  int64_t count(const std::string& word) const;
  Victim token_victim() const;

  const Corpus& corpus_;
  const Classifier& victim_;
  Trigram trigram_;
  std::vector<Rde> by_features_;
};

}  // namespace regrad::rde
