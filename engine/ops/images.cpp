#include <regrad/engine/autograd.h>
#include <regrad/engine/ops/images.h>

namespace regrad {

Tensor channels_last(const Tensor& x) {
  const Shape &s = x.shape(), &have = x.strides(), want = channels_last_strides(s);
  bool dense = true;
  for (int d = 1; d <= 4; ++d) dense = dense && (s[-d] == 1 || have[-d] == want[-d]);
  if (dense) return x;
  const NoGrad quiet;
  if (x.dim() == 4) return contiguous(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
  return contiguous(x.permute({0, 1, 3, 4, 2})).permute({0, 1, 4, 2, 3});
}

Images::Images(const Tensor& any) : x(channels_last(any)) {
  const Shape& s = x.shape();
  const bool many = s.size() == 5;
  tasks = many ? s[0] : 1;
  n = s[-4], c = s[-3], h = s[-2], w = s[-1];
  task_stride = many ? x.strides()[0] : 0;
}

}  // namespace regrad
