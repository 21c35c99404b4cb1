#include <regrad/algorithms/sdssl/knn.h>
#include <regrad/algorithms/sdssl/losses.h>
#include <regrad/engine/error.h>

#include <cmath>
#include <limits>

namespace regrad::sdssl {
namespace {

// Stacks of candidates.size(0) anchors.
int64_t stacks(const char* who, const Tensor& anchors, const Tensor& candidates) {
  if (anchors.dim() != 2 || candidates.dim() != 2 || anchors.size(1) != candidates.size(1) ||
      candidates.size(0) < 1 || anchors.size(0) % candidates.size(0) || anchors.size(0) == 0)
    throw ShapeError(std::string(who) + ": anchors " + str(anchors.shape()) + " for candidates " +
                     str(candidates.shape()) + "; they are [A N,d] and [N,d]");
  return anchors.size(0) / candidates.size(0);
}

// 0 .. n - 1, `times` times over, shifted by half a turn.
Tensor own(int64_t n, int64_t times, int64_t shift) {
  std::vector<int64_t> out;
  for (int64_t a = 0; a < times; ++a)
    for (int64_t i = 0; i < n; ++i) out.push_back((i + shift) % n);
  return tensor(out);
}

}  // namespace

Tensor nt_xent(const Tensor& q, const Tensor& z, double tau) {
  const int64_t a = stacks("nt_xent", q, z), n = z.size(0);
  if (n < 2 || n % 2)
    throw ShapeError("nt_xent: " + std::to_string(n) + " views; there are two of each image");
  const Tensor like = matmul(l2_normalize(q), transpose(l2_normalize(z), 0, 1)) / tau,
               itself = repeat(eye(n, DType::b8), {a, 1});
  return cross_entropy(masked_fill(like, itself, -std::numeric_limits<double>::infinity()),
                       own(n, a, n / 2));
}

Tensor info_nce(const Tensor& q, const Tensor& k, double tau) {
  const int64_t a = stacks("info_nce", q, k);
  const Tensor like = matmul(l2_normalize(q), transpose(l2_normalize(k), 0, 1)) / tau;
  return cross_entropy(like, own(k.size(0), a, 0)) * (2 * tau);
}

Tensor byol(const Tensor& q, const Tensor& k) {
  const int64_t a = stacks("byol", q, k);
  return 2 - 2 * mean(sum(l2_normalize(q) * l2_normalize(repeat(k, {a, 1})), {-1}));
}

}  // namespace regrad::sdssl
