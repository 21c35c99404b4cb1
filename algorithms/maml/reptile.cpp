#include <regrad/algorithms/maml/reptile.h>

namespace regrad::reptile {

Tensor rows(const Tensor& x, const Rule& rule, int j) {
  if (rule.minibatch == 0) return x;
  const int64_t k = x.size(1);
  if (rule.minibatch < 0 || k % rule.minibatch != 0)
    throw ConfigError("reptile: a minibatch of " + std::to_string(rule.minibatch) +
                      " does not divide the support set of " + std::to_string(k));
  const int64_t from = j * rule.minibatch % k;
  return slice(x, 1, from, from + rule.minibatch);
}

}  // namespace regrad::reptile
