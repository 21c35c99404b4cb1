// FGWS, frequency-guided word substitution (Mozes et al. 2021; text-and-ssl.md 1.4): rare words are
// replaced by their most frequent synonyms; an attack's words are rare, so the prediction moves
// back. FGWS-WN here: synonyms of WordNet alone, for there are no GloVe neighbours.
//
//   phi(w) = ln(1 + training count);  candidates: phi(w) < the delta-th percentile of the
//   vocabulary's phi;  w' = the synonym of largest phi (equal ones: the larger string), taken if
//   phi(w') > phi(w);  score = max(0, p_y(x) - p_y(x')), y = the prediction on x
#pragma once

#include <regrad/algorithms/rde/attack.h>

namespace regrad::rde {

struct Fgws {
  std::function<int64_t(const std::string&)> count = {};  // in training; 0: never seen
  std::function<Words(const std::string&)> synonyms = {};
  double threshold = 0;  // of phi

  Words substituted(const Words& text) const;
  // f64 by text, at least 0; two queries of the victim each.
  std::vector<double> scores(const Victim& victim, const std::vector<Words>& texts) const;
};

// The delta-th percentile, 0 to 100, of ln(1 + count) over the vocabulary's counts, between two
// entries in proportion (NumPy's default). ConfigError: no counts, delta outside [0, 100].
double phi_percentile(const std::vector<int64_t>& counts, double delta);

// Of values in any order; the same rule.
double percentile(std::vector<double> values, double share);

}  // namespace regrad::rde
