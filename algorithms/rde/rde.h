// RDE: detection of adversarial words by robust density estimation (Yoo, Kim, Jang and Kwak, arXiv
// 2203.01677; Findings of ACL 2022), from features and labels alone. No adversarial data is needed:
// only a classifier's features of its own training set (text-and-ssl.md 1.2 [code]).
//
//   const rde::Rde guard = rde::Rde::fit(features, labels);      // [n,d], i64 [n]
//   Tensor suspicion = guard.score(features_of_new, predicted);  // [m,d], i64 [m] -> f64 [m]
//   guard.save("guard.safetensors");     rde::Rde::load("guard.safetensors")
//
//   z = kPCA(x), fitted once on rows of all classes           kpca.h
//   mu_c, S_c = MCD of the z of the rows with TRUE label c    mcd.h
//   score(x) = (z - mu_c)^T S_c^-1 (z - mu_c), c the PREDICTED class: higher is more suspicious
//
// The score has no log-determinant [code]; with it (`log_det`) it is the negative log-likelihood,
// which moves classes against each other.
#pragma once

#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/algorithms/rde/kpca.h>
#include <regrad/algorithms/rde/mcd.h>

#include <string>
#include <vector>

namespace regrad::rde {

enum class Method {
  rde,    // kPCA and MCD
  plain,  // RDE(-MCD): kPCA, each class's mean and 1 / (n - 1) covariance
  mle     // that mean and covariance of the features themselves, of all rows
};

struct Settings {
  Method method = Method::rde;
  // Kernel PCA. rows: as many are drawn of all, without replacement, classes pooled; components are
  // at most as many as these.
  Kernel kernel = Kernel::rbf;
  int64_t components = 100, rows = 8000;
  double gamma = 0;  // 0: 1 / d
  // MCD
  Start start = Start::automatic;
  Consistency consistency = Consistency::median;
  // A class with no more rows than dimensions, or with more than half of them in a plane
  // (NumericError names it), or the pseudo-inverse [code].
  Singular singular = Singular::refuse;
  // -ln N(z; mu_c, S_c) = (d2 + ln|S_c| + p ln 2 pi) / 2 instead of d2
  bool log_det = false;
  uint64_t seed = 0;  // of the rows drawn, and of the MCD's starts
};

class Rde {
 public:
  // features [n,d] f32 or f64; labels i64 [n], any whole numbers: the ground truth, whatever the
  // classifier said. ShapeError, DTypeError, ConfigError; NumericError: NaN or infinity, or a class
  // without a covariance.
  static Rde fit(const Tensor& features, const Tensor& labels, const Settings& settings = {});
  // [m,d] of the fit's dtype, i64 [m] -> f64 [m]; each row's bits are the same alone or among
  // others, on any number of threads. ShapeError also where a class was not among the labels.
  Tensor score(const Tensor& features, const Tensor& predicted) const;

  // A safetensors file. DiskError; IOError naming file and tensor where it is no such file.
  void save(const std::string& path) const;
  static Rde load(const std::string& path);

  Method method() const { return method_; }
  int64_t width() const { return width_; }  // d
  DType dtype() const { return dtype_; }
  const std::vector<int64_t>& classes() const { return classes_; }  // ascending
  const Gaussian& gaussian(int64_t label) const;                    // ShapeError
  const Kpca& map() const { return kpca_; }                         // empty for mle

 private:
  Tensor reduced(const Tensor& features) const;
  size_t index(int64_t label, int64_t row) const;

  Method method_ = Method::rde;
  bool log_det_ = false;
  int64_t width_ = 0;
  DType dtype_ = DType::f32;
  Kpca kpca_;
  std::vector<int64_t> classes_;
  std::vector<Gaussian> gaussians_;
};

// 1 - max softmax of logits [n,c], f32 or f64 -> f64 [n], as the sum of the others' shares, so that
// sure predictions keep their order. Not in the paper.
Tensor max_softmax(const Tensor& logits);

}  // namespace regrad::rde
