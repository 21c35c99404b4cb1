// Distillation: a student's logits drawn to a teacher's.
#pragma once

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

namespace regrad {

// T^2 / B sum_b sum_c q_t (log q_t - log q_s), q = softmax(z / T), the teacher detached (Hinton et
// al. 2015; T^2 and the direction as in DCIL's code). Gradient of the student's logits: T (q_s -
// q_t) / B. floor: added to q_t after the softmax, without renormalizing (DCIL's code: 1e-7).
// student, teacher [B,C] -> []. ShapeError where they differ.
Tensor distillation(const Tensor& student, const Tensor& teacher, double temperature = 2,
                    double floor = 0);

}  // namespace regrad
