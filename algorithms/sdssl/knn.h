// Weighted k-nearest neighbours of frozen features (Wu et al. 2018; text-and-ssl.md 2.3 [code]):
//
//   s_j = q . x_j / (|q| |x_j|),   w_j = exp(s_j / T) of the k most similar rows of the bank,
//   score of class c = sum of w_j over its rows among them
//
// The bank is the training set without augmentation; k = 20, T = 0.07 (transfer script: T = 0.03).
#pragma once

#include <cstdint>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad::sdssl {

struct KnnOptions {
  int64_t k = 20;
  double temperature = 0.07;  // T
};

// x / |x| along the last dim, as PyTorch's normalize: rows shorter than 1e-12 stay near 0.
Tensor l2_normalize(const Tensor& x);

// bank [n,d] and queries [m,d] of one dtype, f32 or f64, of any length; labels i64 [n] in [0,
// classes) -> f64 [m,classes], each row divided by its sum: class shares of the weight.
// Ties: of equally similar rows at the k-th place the first of the bank count. Queries go by blocks
// of 256, so 10,000 of either take 10 MB beside the features. The same bits for any number of
// threads.
// ShapeError, DTypeError; ShapeError at a label outside; NumericError at NaN or infinity;
// ConfigError: k outside of [1, n], T not above 0, classes below 1.
Tensor knn_scores(const Tensor& bank, const Tensor& labels, int64_t classes, const Tensor& queries,
                  const KnnOptions& options = {});
// The class of the largest score, i64 [m]; of equal ones the lowest.
Tensor knn_predict(const Tensor& bank, const Tensor& labels, int64_t classes, const Tensor& queries,
                   const KnnOptions& options = {});
// The share of the queries with the right class, layer by layer: bank [n,L,d], queries [m,L,d],
// labels i64 [n] and truth i64 [m] -> L shares; [n,d] and [m,d] are one layer.
std::vector<double> knn_accuracy(const Tensor& bank, const Tensor& labels, int64_t classes,
                                 const Tensor& queries, const Tensor& truth,
                                 const KnnOptions& options = {});

}  // namespace regrad::sdssl
