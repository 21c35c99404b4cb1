// PQK: pruning, quantization and knowledge distillation (Kim, Chang and Kwak, arXiv 2106.14681;
// Interspeech 2021). Certain are its two phases and that the teacher is the pruned net with the
// weights that it pruned, in the same net; losses, schedule and bits are our reading (README.md,
// pruning.md section 4.1).
//
//   phase 1   student Q_b(M W), loss CE; p(t) cubic, M nested: a pruned weight stays pruned.
//             Pruned weights keep their value: no gradient, no decay.
//   phase 2   M is fixed. Student Q_b(M W); teacher the whole W in float, with norms and a
//             classifier of its own, copied from the student's at the change of phase.
//             L_S = CE(z_s, y) + KD(sg(z_t) -> z_s)      L_T = CE(z_t, y) [+ KD(sg(z_s) -> z_t)]
//             G = M dL_S/dW^_s + (1-M) dL_T/dW^_t        [shared: G = M dL_S/dW^_s + dL_T/dW^_t]
//   deploy    Q_b(M W): whole numbers and one scale per tensor
//
// W is one tensor for both nets; what is added to the student's is (1-M) W.
#pragma once

#include <regrad/algorithms/pruning/method.h>
#include <regrad/layers/qat.h>

#include <functional>

namespace regrad::pqk {

// Whom the student learns from in phase 2.
enum class Teacher {
  none,    // y alone: phase 1 goes on with M fixed (PQ)
  within,  // the whole of its own weights (PQK)
  given    // a net that was trained before it (Hinton et al. 2015)
};

struct Options {
  FewBits few = {};
  bool quantize = true;  // false: Q is the identity
  bool prune = true;     // false: M is all ones
  double second = 0.5;   // share of the epochs after which phase 2 begins
  Teacher teacher = Teacher::none;
  double temperature = 2;  // T of PQK's KD
  bool mutual = false;     // the teacher learns from the student too
  bool shared = false;     // kept weights also get dL_T
  // Teacher::given: logits [B,C] of a batch x, and L_S = (1 - a) CE + a KD at a T of its own
  std::function<Tensor(const Tensor& x)> given = {};
  double given_share = 0.9, given_temperature = 4;
};

// As a row with a pass of its own (pruning/method.h); Schedule::target is a share of all epochs, as
// ever, and at most `second`. State::memory: the ranges of layers' inputs (FewBits), where it
// quantizes; then the teacher's running statistics. Trained::extra: the teacher's norms and
// classifier (pruning/second_path.h). ConfigError: Teacher::given without one.
pruning::Method method(const Options& options);

// The first step of phase 2; the schedule's last step + 1 where there is none.
int64_t second_phase(const Options& o, const pruning::Schedule& t);

// The trained net as it is used (layers/qat.h): weights M W in float, rounded in each pass.
FewBitNet deployed(const pruning::Learner& learner, const Options& o);

// The teacher of phase 2, in float: the whole W, norms and classifier of its own.
NamedNet teacher(const pruning::State& s, const Options& o);

// Bytes of a net in a file: of each convolution and linear map its weights' bits, with a bitmap and
// the kept weights alone where that is shorter, and per output a scale and a bias (f32), into which
// norms are folded; norms by bands of frequencies, which cannot be, have a scale and a bias of
// their own per channel and band. x: an example, [1,..]. Without quantization weights have 32 bits.
struct Size {
  int64_t bitmap = 0, weights = 0, scales = 0;
  int64_t total() const { return bitmap + weights + scales; }
};
Size size_of(const FewBitNet& net, const Tensor& x);

}  // namespace regrad::pqk
