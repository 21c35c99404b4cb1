// Norms over frequencies, for spectrograms [N,C,F,T] (batch, channels, frequencies, frames).
// Variances are divided by the number of elements. Sources: residual norm, Kim et al. 2021 (arXiv
// 2206.13909, 2111.06531); relaxed instance frequency-wise norm, Kim et al. 2022 (arXiv
// 2206.12513); sub-spectral norm, Chang et al. 2021 (arXiv 2103.13620); BIN, Nam and Kim 2018. As
// far as we read them: abstracts and public code; eps is ours.
//
//   Tensor y = res_norm(x, 0.1);                    // 0.1 x + IFN(x); engine/freq.h
//   Tensor z = rfn(x, 0.5);                         // 0.5 LN(x) + 0.5 IFN(x)
//
// ifn, res_norm, rfn, clip_norm and plain_instance_norm have no parameters and no running
// statistics: a clip is normed by itself, in training and after. ShapeError: not four dims, or no
// elements to take statistics of.
#pragma once

#include <regrad/engine/freq.h>
#include <regrad/layers/context.h>

namespace regrad {

// (x - mean) / sqrt(var + eps), statistics of each (n, f) over channels and frames.
Tensor ifn(const Tensor& x, double eps = 1e-5);
// The same by each clip n, over channels, frequencies and frames: layer norm without weight and
// bias.
Tensor clip_norm(const Tensor& x, double eps = 1e-5);
// The same by each (n, c), over frequencies and frames: instance norm without weight and bias.
Tensor plain_instance_norm(const Tensor& x, double eps = 1e-5);
// lambda LN(x) + (1 - lambda) IFN(x), LN = clip_norm. lambda 1 and 0 are the two alone.
Tensor rfn(const Tensor& x, double lambda = 0.5, double eps = 1e-5);

// Batch norm of x seen as [N, C bands, F / bands, T]. weight, bias and running statistics [C
// bands], element c bands + s. bands 1: batch norm. ShapeError where bands do not divide F;
// ConfigError: bands or channels below 1.
struct SubSpectralNorm {
  Tensor weight, bias, running_mean, running_var;
  int64_t bands = 1;
  double eps = 1e-5, momentum = 0.1;

  SubSpectralNorm() = default;
  SubSpectralNorm(int64_t channels, int64_t bands_of, DType t = DType::f32);
  // In training by the batch's statistics, reported to ctx; else by the running ones. relu: max(.,
  // 0) in the same pass.
  Tensor operator()(const Tensor& x, Context& ctx, bool relu = false) const;
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
    part("running_mean", self.running_mean, buffer);
    part("running_var", self.running_var, buffer);
  }

 private:
  Tensor normed(const Tensor& x, Context& ctx, const SubSpectralOptions& o) const;
};

// (x - mean_f) / deviation_f, the training set's and frozen: buffers [F].
struct GlobalFreqNorm {
  Tensor mean, deviation;

  GlobalFreqNorm() = default;
  // ShapeError: not [F] both.
  GlobalFreqNorm(Tensor means, Tensor deviations);
  Tensor operator()(const Tensor& x) const;  // ShapeError where F differs
  static void parts(auto& self, auto&& part) {
    part("mean", self.mean, buffer);
    part("deviation", self.deviation, buffer);
  }
};
// Mean and deviation by frequency of all that add() saw, over clips, channels and frames; sums in
// double, joined batch by batch.
class FreqStatistics {
 public:
  // [N,C,F,T]; ShapeError where F differs from before
  void add(const Tensor& x);
  // deviation = sqrt(var + eps); ConfigError where nothing was added
  GlobalFreqNorm norm(DType t = DType::f32, double eps = 1e-5) const;

 private:
  std::vector<double> mean_, m2_;
  double count_ = 0;
};

// Batch-instance norm: weight_c (rho_c BN(x) + (1 - rho_c) IN(x)) + bias_c. rho starts at 1 and is
// to lie in [0, 1]: net = clip_bin(net) after each step.
struct BatchInstanceNorm {
  Tensor weight, bias, rho, running_mean, running_var;  // [C]
  double eps = 1e-5, momentum = 0.1;

  BatchInstanceNorm() = default;
  explicit BatchInstanceNorm(int64_t channels, DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
    part("rho", self.rho);
    part("running_mean", self.running_mean, buffer);
    part("running_var", self.running_var, buffer);
  }
};

// The net with every parameter named rho held to [0, 1]; leaves stay leaves.
template <class Net>
Net clip_bin(Net net) {
  const NoGrad quiet;
  each(net, [](const std::string& name, Tensor& t, bool is_buffer) {
    const bool is_rho =
        name == "rho" || (name.size() > 4 && name.compare(name.size() - 4, 4, ".rho") == 0);
    if (!is_buffer && is_rho) t = clamp(t.detach(), 0, 1).requires_grad_(t.requires_grad());
  });
  return net;
}

}  // namespace regrad
