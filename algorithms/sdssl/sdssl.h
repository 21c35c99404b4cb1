// SDSSL: every lower layer of a ViT learns, by a head of its own, what the last layer is taught
// (Jang, Kim, Yoo, Seo, Kim, Kwak; arXiv 2111.12958, WACV 2023), on SimCLR, BYOL or MoCo v3.
//
//   L = L_out + alpha(t) L_mid + L_pred,   alpha(t) = alpha_end (1 - cos(pi t / T)) / 2
//   L_out   the base's loss of the last layer's q against the target k of the other view
//   L_mid   the same with each lower layer's q_l, mean over layers 1 .. L-1 (or their sum)
//   L_pred  the same with q_l of projections that are detached, summed over all L layers: it
//           teaches the predictors alone (BYOL, MoCo v3)
//
//   sdssl::Learner learner(Random(seed), {.base = sdssl::Base::mocov3}, vit_options("tiny", 32, 4),
//                          steps);
//   for (int64_t i = 0; i < steps; ++i) learner.learn(view1, view2, i);   // [N,C,H,W] each
//   std::vector<Tensor> by_layer = learner.student.net.features(x, ctx);
//
// The paper's body was not read; this is its authors' code, and which loss is a mean and which a
// sum in the paper is not known (text-and-ssl.md 2.2).
#pragma once

#include <regrad/algorithms/sdssl/heads.h>
#include <regrad/layers/nets/vit.h>
#include <regrad/layers/optim.h>

namespace regrad::sdssl {

enum class Base { simclr, byol, mocov3 };
enum class Lower { none, mean, sum };  // none: the base itself, one head

struct Options {
  Base base = Base::simclr;
  Lower lower = Lower::mean;
  bool predictors = true;  // L_pred
  double alpha_end = 0.8;  // the code's: SimCLR and BYOL 0.8, MoCo v3 1
  double tau = 0.2;
  double momentum = 0.996;  // of the target at the first step; 1 at the last (BYOL, MoCo v3)
  int64_t hidden = 4096, lower_hidden = 2048, out = 256;  // of projectors (last, lower)
  int64_t predictor_hidden = 4096;
  bool has_target() const { return base != Base::simclr; }
};

// AdamW with a linear climb over the first `warmup` of the steps, then half a cosine to 0; weight
// decay on matrices alone (the class token among them, as in the code; not on biases and norms).
struct Training {
  double lr = 1.5e-4, weight_decay = 0.1, warmup = 0.1;
  bool lars = false;  // LARS in the place of AdamW (momentum 0.9, trust 0.001)
};

double alpha(const Options& o, int64_t step, int64_t steps);

// What gradients reach: a net, and by layer a projector and (BYOL, MoCo v3) a predictor; the last
// ones belong to the last layer. Without lower layers there is one of each.
struct Student {
  Vit net;
  std::vector<Head> projectors, predictors;

  Student() = default;
  // Streams: r / "net", "projectors" / i, "predictors" / i from the last layer on: i = 0 is its
  // head, so that a base and its self-distilled form begin alike.
  Student(const Random& r, const Options& o, const VitOptions& v);
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("projectors", self.projectors);
    part("predictors", self.predictors);
  }
};

// The moving average of a student's net and of its last projector: its last layer is the target.
struct Teacher {
  Vit net;
  Head projector;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("projector", self.projector);
  }
};
// Starts as the student's values; requires no gradients.
Teacher teacher_of(const Student& student);

// The three terms for two views [N,C,H,W] each, and their sum with the weight alpha. Undefined
// where a row has none.
struct Losses {
  Tensor out, mid, pred, total;
  Tensor keys;  // [2N,out], of unit length, detached: the targets (a guard against collapse)
};
// teacher: not read by SimCLR.
Losses losses(const Student& student, const Teacher& teacher, const Tensor& view1,
              const Tensor& view2, double alpha, const Options& o);

struct Learner {
  Student student;
  Teacher teacher;  // undefined tensors where the base has no target
  Adam::State adam;
  Lars::State lars;
  Tensor keys;  // the last step's, for the guard
  Options options;
  Training training;
  int64_t steps = 1;

  Learner() = default;
  Learner(const Random& r, const Options& o, const VitOptions& v, int64_t steps_of,
          const Training& t = {});
  // Step i: the loss before it. NumericError where it is no number.
  double learn(const Tensor& view1, const Tensor& view2, int64_t i);
  static void parts(auto& self, auto&& part) {
    part("student", self.student);
    if (self.options.has_target()) part("teacher", self.teacher);
    part("adam", self.adam);
    part("lars", self.lars);
  }
};

}  // namespace regrad::sdssl
