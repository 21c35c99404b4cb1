// What self-supervised features are worth (text-and-ssl.md 2.3, 3.2): weighted k-NN (knn.h), linear
// probes (probe.h), alignments, the guard against collapse, raw pixels beside it all, and a map.
#pragma once

#include <cstdint>
#include <vector>

#include <regrad/algorithms/sdssl/knn.h>
#include <regrad/algorithms/sdssl/probe.h>
#include <regrad/engine/tensor.h>

namespace regrad::sdssl {

// Layer by layer, with a_i and b_i the features of two views of image i (2.3 [code]):
//   positive = mean over i of |a_i - b_i|^2
//   negative = mean over all pairs i != j of |a_i - a_j|^2
//   ratio    = negative / positive: higher is better instance discrimination
// The pairs are not walked: their mean is 2 / (n - 1) times the sum of |a_i - mean a|^2.
struct Alignment {
  std::vector<double> positive, negative;
  std::vector<double> ratio;  // infinite where positive is 0, NaN where both are
};
// a, b [n,L,d], or [n,d] for one layer; n >= 2; f32 or f64, computed in f64. normalize: features
// are L2-normalized first, which gives positive = 2 - 2 mean cos and, of directions that are
// uniform and independent, negative -> 2. That the paper plots these is our reading; whether it
// does is [unverified]. ShapeError, DTypeError; NumericError at NaN or infinity.
Alignment alignment(const Tensor& a, const Tensor& b, bool normalize = true);

// exp of the entropy of the covariance's eigenvalues, which are brought to sum 1 (Roy and Vetterli
// 2007): 1 where features vary along one line, at most min(n - 1, d). 0 where they do not vary.
// x [n,d], n >= 2. Errors as alignment's.
double effective_rank(const Tensor& x);

// The guard against collapse, of L2-normalized features x [n,d]. The deviation, a mean over dims,
// is near 1 / sqrt(d) where directions spread and near 0 where all rows are one. Behind a batch
// norm without scale it is blind to keys of rank 1; the effective rank sees them.
struct Spread {
  double deviation = 0;
  double expected = 0;  // 1 / sqrt(d)
  double effective_rank = 0;
};
Spread spread(const Tensor& x);

// Raw pixels as features: images [n,c,h,w] u8 (divided by 255) or f32 -> f32 [n, c h w]. As they
// are they give k-NN by cosine.
Tensor pixel_features(const Tensor& images);
// Each dim brought to mean 0 and deviation 1 of the bank, for bank and queries alike; dims that do
// not vary become 0. That the pilot's "standardised" is this is our reading.
struct Standardizer {
  Tensor mean, deviation;  // [d] f64
  // x [m,d] -> [m,d] of x's dtype
  Tensor operator()(const Tensor& x) const;
};
Standardizer standardizer(const Tensor& bank);

// Features x [n,d] -> [n,2] f64: their first two principal components, by svd of the centred rows
// (n and d up to 23000). In each the point furthest from 0 is positive. What a feature does not
// have (d or n of 1, no variation) is 0.
Tensor pca_map(const Tensor& x);

}  // namespace regrad::sdssl
