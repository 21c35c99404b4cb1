// PPL-ngram: the mean negative log-likelihood of a text's tokens under an interpolated Kneser-Ney
// trigram of the training texts (ours, in the place of GPT-2's, which the paper's PPL has and a
// machine without it has not; text-and-ssl.md 1.4).
//
//   P3(w | u v) = max(c(uvw) - D3, 0) / c(uv.) + D3 N(uv.) / c(uv.) P2(w | v)
//   P2(w | v)   = max(N(.vw) - D2, 0) / N(.v.) + D2 N(v.) / N(.v.) P1(w)
//   P1(w)       = max(N(.w) - D1, 0) / N(..)  + D1 N(.) / N(..) / V
//   D = n1 / (n1 + 2 n2), of the counts of that order that are 1 and 2; N counts distinct
//   continuations (Kneser, Ney 1995; Chen, Goodman 1998). Where a history was never seen the lower
//   order stands alone. Texts begin with two marks, end with one; V has the end mark and whatever
//   id was given.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace regrad::rde {

class Trigram {
 public:
  // Ids from 0 on, below `vocabulary`; one of them should stand for unknown words. ConfigError: no
  // tokens, an id outside.
  Trigram(const std::vector<std::vector<int64_t>>& texts, int64_t vocabulary);

  // P3, of the word after two; the end is end(), before the beginning stands begin(). Sums to 1
  // over ids and end().
  double probability(int64_t u, int64_t v, int64_t w) const;
  // Of a text's tokens and its end, in nats. ConfigError: an id outside.
  double mean_nll(const std::vector<int64_t>& text) const;

  int64_t end() const { return vocabulary_; }
  int64_t begin() const { return vocabulary_ + 1; }

 private:
  int64_t vocabulary_;
  // History: counts of what follows, their sum, and how many there are. Continuation counts in the
  // lower two.
  struct Follows {
    std::map<int64_t, int64_t> counts;
    int64_t all = 0;
  };
  std::map<std::pair<int64_t, int64_t>, Follows> three_;
  std::map<int64_t, Follows> two_;
  Follows one_;
  double d3_ = 0, d2_ = 0, d1_ = 0;
};

}  // namespace regrad::rde
