// Linear probes: one linear classifier a layer on frozen features, all at once (text-and-ssl.md 2.3
// [code]). With f_l(x) the feature of layer l,
//
//   minimize  sum over layers l of the mean over a batch of  CE(W_l f_l(x) + b_l, y)
//
// by SGD with momentum .9, no weight decay, a step size of lr batch / 256 that falls along half a
// cosine to 0 over all steps, without warm-up; 100 epochs, lr tried in {.002, .005, .008} [code].
// Heads share no parameter, so each is trained as if alone, to the last bit.
// Ours: W and b start at 0 (the problem is convex), the cosine falls at every step (whether there
// at every step or epoch is [unverified]), the last batch of an epoch may be short.
#pragma once

#include <functional>
#include <vector>

#include <regrad/engine/random.h>
#include <regrad/engine/tensor.h>

namespace regrad::sdssl {

struct ProbeOptions {
  int64_t epochs = 100;
  int64_t batch = 256;  // no more than there are rows
  double lr = 0.005;    // of a batch of 256
  double momentum = 0.9;
  Random random{0};  // the order of an epoch's rows: randperm(random / "order" / epoch)
};

struct LinearProbe {
  Tensor weight;  // W [L,classes,d]
  Tensor bias;    // b [L,classes]
  // Features [n,L,d], or [n,d] for one layer, -> logits [L,n,classes].
  Tensor operator()(const Tensor& features) const;
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

// The features of all rows in an epoch, [n,L,d], f32 or f64, of the same shape each time: of
// augmented images where they are.
using EpochFeatures = std::function<Tensor(int64_t epoch)>;

// labels i64 [n] in [0, classes). ShapeError, DTypeError; NumericError at NaN or infinity;
// ConfigError: epochs, batch or classes below 1, lr not above 0, momentum outside of [0, 1).
LinearProbe linear_probe(const EpochFeatures& features, const Tensor& labels, int64_t classes,
                         const ProbeOptions& options = {});
// Of features that stay the same: computed once.
LinearProbe linear_probe(const Tensor& features, const Tensor& labels, int64_t classes,
                         const ProbeOptions& options = {});
// The share of the rows with the right class, layer by layer; of equal logits the lowest class.
std::vector<double> probe_accuracy(const LinearProbe& probe, const Tensor& features,
                                   const Tensor& truth);

}  // namespace regrad::sdssl
