// Projectors and predictors: linear maps without bias, batch norm and ReLU between them.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/norm.h>

#include <vector>

namespace regrad::sdssl {

struct HeadOptions {
  int64_t in = 192, hidden = 4096, out = 256;
  int64_t layers = 3;     // projector 3, predictor 2
  bool last_norm = true;  // a batch norm without weight and bias behind the last (not BYOL's)
  DType dtype = DType::f32;
};

// x [N,in] -> [N,out], by the statistics of the batch in training and after it (a head is never
// used out of training).
struct Head {
  std::vector<Linear> linears;
  std::vector<BatchNorm> norms;  // behind all but the last
  bool last_norm = true;

  Head() = default;
  // Streams: r / i for layer i. Initial values: PyTorch's Linear (ours). ConfigError: sizes below
  // 1.
  Head(const Random& r, const HeadOptions& o);
  Tensor operator()(const Tensor& x) const;
  static void parts(auto& self, auto&& part) {
    part("linears", self.linears);
    part("norms", self.norms);
  }
};

}  // namespace regrad::sdssl
