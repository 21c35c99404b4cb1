// Word vectors of a corpus, for attacks that look for neighbours (TF-lite: text-and-ssl.md 1.7; in
// the place of counter-fitted vectors, which no corpus at hand gives).
//
//   PPMI_ij = max(0, ln(c_ij C / (c_i c_j^0.75'))),  c_ij: how often j stands within `window` words
//   of i;  c_j^0.75' = c_j^0.75 C / sum c^0.75  (Levy, Goldberg & Dagan 2015: what skip-gram with
//   negative samples approximates)
//   PPMI ~ U S V^T by randomized subspace iteration (Halko et al. 2011);  vectors U S^(1/2), then
//   of length 1
//
// The same bits for any number of threads.
#pragma once

#include <regrad/engine/random.h>
#include <regrad/engine/tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace regrad::rde {

struct WordVectorOptions {
  int64_t dimensions = 100;
  int64_t window = 4;      // words on either side
  int64_t least = 2;       // words of fewer places have the vector 0
  int64_t iterations = 4;  // of the subspace
};

// Texts as ids below `vocabulary` -> f64 [vocabulary, dimensions], rows of length 1 or 0.
// ConfigError: an id outside, dimensions, window or iterations below 1, more dimensions than words.
Tensor word_vectors(const std::vector<std::vector<int64_t>>& texts, int64_t vocabulary,
                    const WordVectorOptions& options, const Random& r);

// The `most` rows nearest to a row by cosine, nearest first, equal ones by id: those of a cosine of
// at least `least`, without the row itself and rows of zeros. (id, cosine).
std::vector<std::pair<int64_t, double>> neighbours(const Tensor& vectors, int64_t of, int64_t most,
                                                   double least);

}  // namespace regrad::rde
