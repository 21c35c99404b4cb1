// Kernel PCA (Schoelkopf, Smola and Mueller 1998) as RDE uses it (text-and-ssl.md 1.2, step 4
// [code]):
//
//   K_ij = k(x_i, x_j),  k(x,y) = exp(-gamma |x - y|^2) or x . y
//   Kc = K - rows' means - columns' means + grand mean = sum_j l_j v_j v_j^T
//   a fitted row's component j: sqrt(l_j) v_ij
//   a new x:  kc_i = k(x, x_i) - mean_i - mean of k(x,.) + grand mean;  sum_i kc_i v_ij / sqrt(l_j)
//
// Everything is f64 but the dot products of new rows with the stored ones, which have the features'
// dtype. The same bits for any number of threads, and for a row alone or among others.
#pragma once

#include <cstdint>

#include <regrad/engine/random.h>
#include <regrad/engine/tensor.h>

namespace regrad::rde {

enum class Kernel { rbf, linear };

struct KpcaOptions {
  Kernel kernel = Kernel::rbf;
  int64_t components = 100;  // P
  double gamma = 0;          // 0: 1 / d
  // Of the unit vectors, as their residuals over their gaps bound it; what is seen is far less.
  double tolerance = 1e-6;
  // false: block Lanczos where that is cheaper than all eigenvalues of K; true: always those.
  bool dense = false;
  Random random{0};  // of Lanczos' first block
};

struct Kpca {
  Kernel kernel = Kernel::rbf;
  double gamma = 0;
  Tensor centre;   // [d], the fitted rows' mean, in their dtype; rows are stored less it, which
                   // changes neither kernel's components
  Tensor points;   // [n,d], in the rows' dtype
  Tensor squares;  // [n] f64, |points|^2
  Tensor values;   // [P] f64, descending; 0 for those that are nothing but rounding (up to 1e-12 of
                   // the largest [lib], and 1e-14 of K's trace)
  Tensor vectors;  // [n,P] f64, orthonormal columns, whose entry of the largest magnitude is
                   // positive; zeros for the values that are 0
  Tensor projection, offset;  // [n,P] v / sqrt(l) and [P], f64: map(x) = k(x,.) projection - offset

  int64_t components() const { return values.size(0); }
  // The fitted rows, [n,P] f64: sqrt(l_j) v_ij.
  Tensor fitted() const;
  // New rows [m,d] -> [m,P] f64. DTypeError where x has another dtype than the fitted rows,
  // ShapeError where it has another width, NumericError where it holds NaN or infinity.
  Tensor map(const Tensor& x) const;
};

// x [n,d] f32 or f64, n >= 2. ShapeError where x is no matrix or too small; DTypeError;
// NumericError at NaN or infinity; ConfigError where components lie outside of [1, n], gamma is
// negative or not finite.
// Memory: K is n^2 doubles (8,000 rows: 512 MB); OutOfMemory.
Kpca kpca(const Tensor& x, const KpcaOptions& options = {});

}  // namespace regrad::rde
