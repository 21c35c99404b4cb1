// Distillation: a student's logits drawn to a teacher's.
#pragma once

#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

namespace regrad {

// T^2 / B sum_b sum_c q_t (log q_t - log q_s), q = softmax(z / T), the teacher detached (Hinton et
// al. 2015; T^2 and the direction as in DCIL's code). Gradient of the student's logits: T (q_s -
// q_t) / B. floor: added to q_t after the softmax, without renormalizing (DCIL's code: 1e-7).
// student, teacher [B,C] -> []. ShapeError where they differ.
inline Tensor distillation(const Tensor& student, const Tensor& teacher, double temperature = 2,
                           double floor = 0) {
  if (student.dim() != 2 || student.shape() != teacher.shape())
    throw ShapeError("distillation: student " + str(student.shape()) + " and teacher " +
                     str(teacher.shape()) + " are not both [B,C]");
  const Tensor log_student = log_softmax(student / temperature, -1);
  Tensor log_q = log_softmax(teacher.detach() / temperature, -1), q = exp(log_q);
  if (floor > 0) q = q + floor, log_q = log(q);
  return sum(q * (log_q - log_student)) *
         (temperature * temperature / static_cast<double>(student.size(0)));
}

}  // namespace regrad
