#include <regrad/algorithms/shared/distill.h>
#include <regrad/engine/error.h>

namespace regrad {

Tensor distillation(const Tensor& student, const Tensor& teacher, double temperature,
                    double floor) {
  if (student.dim() != 2 || student.shape() != teacher.shape())
    throw ShapeError("distillation: student " + str(student.shape()) + " and teacher " +
                     str(teacher.shape()) + " are not both [B,C]");
  const Tensor log_student = log_softmax(student / temperature, -1);
  Tensor q, log_q;
  {
    const NoGrad quiet;
    log_q = log_softmax(teacher.detach() / temperature, -1);
    q = exp(log_q);
    if (floor > 0) q = q + floor, log_q = log(q);
  }
  return sum(q * (log_q - log_student)) *
         (temperature * temperature / static_cast<double>(student.size(0)));
}

}  // namespace regrad
