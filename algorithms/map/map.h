// MAP: magnitude attention-based dynamic pruning (Back, Ahn and Kim, arXiv 2306.05056; Expert
// Systems with Applications 276, 2025), all of it.
//
// Sure, from the abstract: importance is used in the forward and the backward pass, as a continuous
// attention made of weight magnitudes; an exploration stage is followed by exploitation, in which
// only the kept weights are updated. The formulas below are OUR READING (pruning.md section 2.1),
// for the paper's own were not found:
//
//   at a mask refresh      p = p(epoch);  M = the top (1-p) by |W|;  lb = (1-p)^z
//     u = (|W| - min|W|) / (max|W| - min|W|)       over all prunable weights (or a layer's)
//     A = lb + (1-lb) u
//     constant until the next refresh, never differentiated
//   forward   hard         W^ = M A W
//             soft         W^ = (M A + (1-M) lb) W;  tested with M A W
//   backward  exploration  G = (M A + (1-M) lb) g,  g = dL/dW^
//             exploitation G = M A g;
//             M and A frozen; pruned weights get no step, no decay, no momentum
//   deploy    M A W
#pragma once

#include <regrad/algorithms/pruning/method.h>

#include <vector>

namespace regrad::map_pruning {  // regrad::map is the function of layers/params.h

struct Options {
  // strength; 0: A = 1, which makes MAP before exploitation the same as DPF
  double z = 1;
  bool per_layer = false;  // min and max of each layer's weights
  bool soft = false;       // pruned weights are damped instead of absent while exploring
  double exploit = 0.83;   // share of the epochs after which exploitation begins
};

// MAP as a row (pruning/method.h). State::memory: A of each layer, then lb.
pruning::Method method(const Options& options = {});

double lower_bound(double p, double z);  // (1-p)^z

// A of each weight tensor, in [lb, 1]. Where all magnitudes are equal u is 1.
std::vector<Tensor> attention(const std::vector<Tensor>& weights, double p,
                              const Options& options = {});

// M A + (1-M) lb: the factor of the gradient while exploring, and of the weights in the soft
// variant's forward.
Tensor exploring(const Tensor& mask, const Tensor& a, double lb);
// M A: of gradient and weights while exploiting, of the weights in the hard variant's forward, and
// of what is deployed.
Tensor exploiting(const Tensor& mask, const Tensor& a);

}  // namespace regrad::map_pruning
