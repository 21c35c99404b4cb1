// How much of a label can be read from statistics of a feature map: the measure behind the claim
// that for audio the device sits in frequency statistics rather than in channel statistics (RFN,
// arXiv 2206.12513; the claim is the abstract's, the estimator ours: audio.md section 2).
//
// The namespace is relaxed_norm, for regrad::rfn is a function (layers/freq_norm.h).
#pragma once

#include <regrad/engine/tensor.h>

#include <cstdint>

namespace regrad::relaxed_norm {

// x [N,C,F,T] -> mean and standard deviation of every channel over (f,t), [N,2C]; or of every
// frequency over (c,t), [N,2F]. Biased variance.
Tensor channel_statistics(const Tensor& x);
Tensor frequency_statistics(const Tensor& x);

struct InformationOptions {
  int64_t components = 0;  // PCA's; 0: as many as there are features
  int steps = 300;         // of Adam, full batch
  double lr = 0.05, weight_decay = 1e-3;
};
// A lower bound of I(s; d) in nats: H(d) + E[log q(d|s)] on held-out rows, at least 0. q:
// multinomial logistic regression on s, standardized and projected by the training rows'
// statistics. s [n,k] floating, d i64 [n] in [0, classes); H(d) is that of the held-out rows.
// ShapeError where rows differ; ConfigError where there are no rows, or fewer than two classes.
double information(const Tensor& train_s, const Tensor& train_d, const Tensor& test_s,
                   const Tensor& test_d, int64_t classes, const InformationOptions& options = {});

}  // namespace regrad::relaxed_norm
