// The chain of the challenge's 61.0 KB system (arXiv 2206.13909; that these three were used is the
// abstract's, every number and order here is a reconstruction or ours: README.md):
//
//   1. of all convolutions' weights together the share `ratio` of least magnitude becomes 0, at
//     once;
//   2. fine-tuning of what is left, L = (1 - a) CE + a T^2 KL(teacher || student), the teacher
//     being the net before 1;
//   3. convolutions by 8-bit weights and inputs, all other parameters in half precision, save
//     norms that half precision cannot carry.
//
//   const std::vector<Tensor> masks = one_shot_masks(net, 0.89);
//   BcResnetAsc small = pruned(net, masks);
//   Tensor loss = fine_tune(small, state, sgd, masks, batch, &teacher_logits, {}, ctx);
//       // many times
//   const Deployed out = deployed(small, masks, training_clips);
//   const Int8Report r = evaluate_int8(out.net, training_clips, tests);
#pragma once

#include <regrad/algorithms/asc/bytes.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/quantize.h>

namespace regrad::asc {

// -1 / N sum_n sum_k y_nk log softmax(z_n)_k: cross-entropy by soft labels y [N,K]. ShapeError
// where they differ.
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& y);

struct Distillation {
  double share = 0.5;      // a; 0: cross-entropy alone
  double temperature = 2;  // T
};
// (1 - a) CE + a T^2 KL, all [N,K]; the teacher gets no gradient.
Tensor distilled_loss(const Tensor& student, const Tensor& teacher, const Tensor& y,
                      const Distillation& how);

// masks * parameters as new leaves.
BcResnetAsc pruned(const BcResnetAsc& net, const std::vector<Tensor>& masks);

// One step of `sgd` in training, running statistics included; pruned weights stay 0, and so does
// their momentum. teacher: logits [N,K], or nullptr: cross-entropy alone. quantized: convolutions
// are evaluated at 8-bit weights, the gradient goes straight through. Returns the loss, detached.
struct FineTuning {
  Distillation distillation = {};
  bool quantized = false;
};
Tensor fine_tune(BcResnetAsc& net, Sgd::State& state, const Sgd& sgd,
                 const std::vector<Tensor>& masks, const Tensor& x, const Tensor& y,
                 const Tensor* teacher, const FineTuning& how, const Random& r);

// A copy for evaluation in which channels (and bands) whose running variance is below eps / 100 are
// their norm's bias: they were constant in training, but the norm multiplies by 1 / sqrt(eps), 316,
// what other rounding puts there.
BcResnetAsc quieted(const BcResnetAsc& net);

// The net as fine-tuning evaluates its weights, out of training: pruned, at 8 bits where quantized,
// quieted.
BcResnetAsc as_tuned(const BcResnetAsc& net, const std::vector<Tensor>& masks, bool quantized);

// The nearest number of IEEE 754's half precision, halves to even, in x's dtype, f32 or f64.
// NumericError beyond its largest, 65,504.
Tensor half(const Tensor& x);

// What is deployed: masks multiplied in, 8-bit weights, every norm as one multiplication and one
// addition per channel (and band), y = x s + t (its running statistics folded in: mean 0 and
// variance 1 - eps are left), s, t and the classifier's biases in half precision. Out of training
// only; no gradients.
//
// Half precision has 11 digits. Where a channel hardly varies beside its mean, t is large beside
// what x s says, and a norm behind multiplies what rounding put there by up to 1 / sqrt(eps), 316:
// single norms can turn every answer. So a net's logits of `clips` are held against those of
// as_tuned(net, masks, true): while one is further off than
//
//   rounding (deviation of the logits about their class's mean) + 2^-11 (largest bias of a class)
//
// one norm more keeps s and t in single precision, first the one whose half precision alone moves
// logits furthest.
struct Deployed {
  BcResnetAsc net;
  int64_t wide = 0;                          // norms in single precision
  double largest_difference = 0, bound = 0;  // of a logit; the former is at most the latter
};
// clips [N,1,F,T], such as training clips. NumericError where all norms in single precision are not
// enough, such as logits that are no numbers; ConfigError: no clips, or rounding not above 0.
Deployed deployed(const BcResnetAsc& net, const std::vector<Tensor>& masks, const Tensor& clips,
                  double rounding = 0.05);

// Of a net that deployed() has made: as challenge_size, with four bytes for each number of a norm
// (or the biases) whose numbers half precision does not all carry.
ChallengeSize deployed_size(const BcResnetAsc& net);

// Logits [N,K] of clips x [N,1,F,T] out of training, `batch` clips at once, as `evaluate` has it.
Tensor logits_of(const BcResnetAsc& net, const Tensor& x, int64_t batch = 100,
                 const Context::Evaluate& evaluate = {});

// The deployed net by 8-bit integers.
struct Int8Report {
  std::vector<Tensor> logits;  // of each list of test clips
  // of a logit, from the simulation by fake-quantized weights and inputs
  double largest_difference = 0;
};
// Ranges of every convolution's input are taken over the calibration clips. ConfigError where there
// are none.
Int8Report evaluate_int8(const BcResnetAsc& net, const Tensor& calibration,
                         const std::vector<Tensor>& tests);

}  // namespace regrad::asc
