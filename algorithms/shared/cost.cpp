#include <regrad/algorithms/shared/cost.h>
#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/ops/list.h>

#include <set>

namespace regrad {
namespace {

int64_t nonzeros(const Tensor& t) { return t.numel() - zeros_in({t}); }

// One convolution or matrix product: `uses` outputs are made with each of the weight's entries.
void count(Cost& cost, const Tensor& weight, int64_t uses) {
  cost.macs += weight.numel() * uses;
  cost.sparse_macs += nonzeros(weight) * uses;
}

void count_node(Cost& cost, const detail::Node& n) {
  if (n.op == &conv2d_op) {
    count(cost, n.in(1), n.shape[0] * n.shape[2] * n.shape[3]);
  } else if (n.op == &matmul_op || n.op == &addmm_op) {
    const int x = n.op == &addmm_op;
    count(cost, n.in(x + 1), n.in(x).numel() / n.in(x).size(-1));
  }
}

}  // namespace

Cost cost_of(const Tensor& logits, const std::vector<Tensor>& params) {
  if (!logits.defined() || logits.is_leaf())
    throw Error(
        "cost_of: the logits have no graph; are the parameters leaves that require gradients?");
  Cost cost;
  for (const Tensor& p : params) {
    const int64_t kept = nonzeros(p);
    cost.parameters += p.numel();
    cost.nonzeros += kept;
    cost.bytes += 4 * kept + (kept < p.numel() ? (p.numel() + 7) / 8 : 0);
  }
  std::vector<const detail::Node*> open = {logits.node()};
  std::set<const detail::Node*> seen = {logits.node()};
  while (!open.empty()) {
    const detail::Node* n = open.back();
    open.pop_back();
    if (!n->op) continue;
    count_node(cost, *n);
    for (int i = 0; i < n->n_in; ++i) {
      const detail::Node* next = n->in(i).node();
      if (next && seen.insert(next).second) open.push_back(next);
    }
  }
  return cost;
}

}  // namespace regrad
