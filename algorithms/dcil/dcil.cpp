#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/shared/distill.h>

namespace regrad::dcil {

Tensor loss(const Tensor& sparse, const Tensor& dense, const Tensor& y, const LossOptions& o) {
  Tensor sparse_loss = cross_entropy(sparse, y), dense_loss = cross_entropy(dense, y);
  if (o.distill) {
    sparse_loss = sparse_loss + distillation(sparse, dense, o.temperature, o.floor);
    dense_loss = dense_loss + distillation(dense, sparse, o.temperature, o.floor);
  }
  if (o.sparse != 1) sparse_loss = sparse_loss * o.sparse;
  if (o.dense != 1) dense_loss = dense_loss * o.dense;
  return sparse_loss + dense_loss;
}

Tensor refined(const Tensor& mask, const Tensor& sparse, const Tensor& dense) {
  return mask * sparse + (1 - mask) * dense;
}

}  // namespace regrad::dcil
