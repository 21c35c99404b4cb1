// DCIL: dynamic collective intelligence learning (Kim et al., arXiv 2109.04660; ACM MM 2023 as
// "Finding Efficient Pruned Network via Refined Gradients for Pruned Weights"), all of it, as the
// authors' published code has it (pruning.md section 3.1).
//
// One set of convolution weights W, two paths on the same images: the sparse one evaluates the net
// at M W, the dense one at W; each has norms and a classifier of its own. Test: the sparse path
// alone.
//
//   before E_kl:  L = CE(z_s, y) + CE(z_d, y)
//   after:        L = CE(z_s, y) + CE(z_d, y) + KD(z_d -> z_s) + KD(z_s -> z_d)
//                 T = 2, teachers detached
//   G = M dL/dW^_s + (1-M) dL/dW^_d
//
// Kept weights learn from the sparse path only, pruned weights from the dense path only: for them
// the straight-through estimator's gradient would be one of a net in which they are absent.
#pragma once

#include <regrad/algorithms/pruning/method.h>

namespace regrad::dcil {

struct Options {
  bool distill = true;     // false: never
  double begin = 0.23;     // E_kl, as a share of the epochs
  double temperature = 2;  // T
  double floor = 0;        // added to the teacher's probabilities (the authors' code: 1e-7)
  // The dense path's classifier begins with a draw of its own (the authors' code), instead of a
  // copy: PyTorch's Linear, from Schedule::random / "classifier". Norms are ones and zeros either
  // way.
  bool draw_classifier = false;
  // Ablations: both paths have one set of norms (with one set of running statistics, moved by the
  // sparse pass and then by the dense one), one classifier. What is shared gets the sum of both
  // paths' gradients.
  bool share_norms = false, share_classifier = false;
};

// DCIL as a row with a pass of its own (pruning/method.h). Trained::extra: the dense path's norms
// and classifier, those that are its own; State::memory: its running statistics. The classifier is
// the net's last matrix and the bias behind it; all else that is not pruned counts as norms.
pruning::Method method(const Options& options = {});

// CE(z_s, y) + CE(z_d, y), after E_kl with both KD. sparse, dense: logits [B,C]; y i64 [B].
Tensor loss(const Tensor& sparse, const Tensor& dense, const Tensor& y, bool distill = true,
            double temperature = 2, double floor = 0);

// M g_s + (1-M) g_d.
Tensor refined(const Tensor& mask, const Tensor& sparse, const Tensor& dense);

}  // namespace regrad::dcil
