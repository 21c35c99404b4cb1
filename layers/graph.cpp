#include <regrad/layers/graph.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>

namespace regrad {
namespace {

Tensor indices(const std::vector<int64_t>& v) {
  return from_data(v.data(), {static_cast<int64_t>(v.size())}, DType::i64);
}

std::string at_node(const char* what, int64_t i) {
  return std::string(what) + " " + std::to_string(i);
}

void need_positive(const Tensor& sums, const Tensor& used, const char* what) {
  const std::vector<double> v = sums.to_vector();
  for (const int64_t i : used.to_vector<int64_t>())
    if (!(v[static_cast<size_t>(i)] > 0))
      throw NumericError("normalized: " + at_node(what, i) + " sums to " +
                         decimal(v[static_cast<size_t>(i)]) + "; it must be above 0");
}

// x W for parameters with or without a task dimension, then S of it, plus the bias.
Tensor convolved(const Csr& s, const Tensor& xw, const Tensor& bias) {
  const Tensor y = spmm(s, xw);
  if (!bias.defined()) return y;
  return y + (bias.dim() == 2 ? unsqueeze(bias, 1) : bias);
}

// The nodes within `hops` edges of centre, ascending.
std::vector<int64_t> ball(const std::vector<int64_t>& pointers, const std::vector<int64_t>& columns,
                          int64_t centre, int hops) {
  std::vector<int64_t> found{centre}, edge{centre};
  for (int hop = 0; hop < hops; ++hop) {
    std::vector<int64_t> next;
    for (const int64_t i : edge)
      next.insert(next.end(), columns.begin() + pointers[static_cast<size_t>(i)],
                  columns.begin() + pointers[static_cast<size_t>(i) + 1]);
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    edge.clear();
    std::set_difference(next.begin(), next.end(), found.begin(), found.end(),
                        std::back_inserter(edge));
    std::vector<int64_t> both;
    std::merge(found.begin(), found.end(), edge.begin(), edge.end(), std::back_inserter(both));
    found = std::move(both);
  }
  return found;
}

}  // namespace

Csr normalized(const Csr& a, Propagation kind) {
  if (kind == Propagation::symmetric && a.rows != a.cols)
    throw ShapeError("normalized: a matrix [" + std::to_string(a.rows) + "," +
                     std::to_string(a.cols) + "] is not square");
  const Tensor degrees = reshape(spmm(a, ones({a.cols, 1}, a.values.dtype())), {a.rows});
  const Tensor row = row_indices(a);
  need_positive(degrees, row, "row");
  if (kind == Propagation::random_walk)
    return with_values(a, a.values / index_select(degrees, 0, row));
  need_positive(degrees, a.columns, "row");
  const Tensor roots = rsqrt(degrees);
  return with_values(a, a.values * index_select(roots, 0, row) * index_select(roots, 0, a.columns));
}

Csr normalized_adjacency(const Tensor& edges, int64_t nodes, Propagation kind, DType t) {
  return normalized(csr_from_edges(edges, nodes, {.self_loops = true, .dtype = t}), kind);
}

Tensor propagate(const Csr& s, const Tensor& x, int times) {
  Tensor y = x;
  for (int i = 0; i < times; ++i) y = spmm(s, y);
  return y;
}

Tensor normalize_rows(const Tensor& x) {
  const Tensor sums = sum(x, {-1}, true);
  return x / where(eq(sums, zeros_like(sums)), ones_like(sums), sums);
}

GraphConv::GraphConv(const Random& r, int64_t in, int64_t out, bool with_bias, DType t) {
  const double b = 1 / std::sqrt(static_cast<double>(out));
  weight = uniform(r / "weight", {in, out}, -b, b, t).requires_grad_();
  if (with_bias) bias = uniform(r / "bias", {out}, -b, b, t).requires_grad_();
}
Tensor GraphConv::operator()(const Csr& s, const Tensor& x) const {
  return convolved(s, matmul(x, weight), bias);
}
Tensor GraphConv::operator()(const Csr& s, const Csr& x) const {
  return convolved(s, spmm(x, weight), bias);
}

Csr to_sparse(const Tensor& x) {
  if (x.dim() != 2) throw ShapeError("to_sparse: x " + str(x.shape()) + " must be [n,f]");
  const std::vector<double> v = x.to_vector();
  std::vector<int64_t> pointers{0}, columns, kept;
  for (size_t i = 0; i < v.size(); ++i) {
    if (v[i] != 0) {
      columns.push_back(static_cast<int64_t>(i) % x.size(1));
      kept.push_back(static_cast<int64_t>(i));
    }
    if (static_cast<int64_t>(i + 1) % x.size(1) == 0)
      pointers.push_back(static_cast<int64_t>(columns.size()));
  }
  pointers.resize(static_cast<size_t>(x.size(0)) + 1);  // without columns: all 0
  const Tensor values = index_select(reshape(x.detach(), {x.numel()}), 0, indices(kept));
  return sparse_csr_tensor(indices(pointers), indices(columns), values, x.size(0), x.size(1));
}

Csr index_rows(const Csr& a, const Tensor& index) {
  const std::vector<int64_t> from = a.row_pointers.to_vector<int64_t>();
  std::vector<int64_t> pointers{0}, entries;
  for (const int64_t i : index.to_vector<int64_t>()) {
    if (i < 0 || i >= a.rows)
      throw ShapeError("index_rows: " + at_node("row", i) + " of " + std::to_string(a.rows));
    for (int64_t k = from[static_cast<size_t>(i)]; k < from[static_cast<size_t>(i) + 1]; ++k)
      entries.push_back(k);
    pointers.push_back(static_cast<int64_t>(entries.size()));
  }
  const Tensor kept = indices(entries);
  return sparse_csr_tensor(indices(pointers), index_select(a.columns, 0, kept),
                           index_select(a.values, 0, kept), index.numel(), a.cols);
}

Subgraphs neighbourhoods(const Csr& a, const Tensor& centres, int hops) {
  if (a.rows != a.cols)
    throw ShapeError("neighbourhoods: a matrix [" + std::to_string(a.rows) + "," +
                     std::to_string(a.cols) + "] is not square");
  if (hops < 0) throw ConfigError("neighbourhoods: " + std::to_string(hops) + " hops; at least 0");
  const std::vector<int64_t> from = a.row_pointers.to_vector<int64_t>(),
                             across = a.columns.to_vector<int64_t>();
  std::vector<int64_t> nodes, pointers{0}, columns, entries, sizes{0};
  std::vector<double> shares;
  for (const int64_t centre : centres.to_vector<int64_t>()) {
    if (centre < 0 || centre >= a.rows)
      throw ShapeError("neighbourhoods: " + at_node("node", centre) + " of " +
                       std::to_string(a.rows));
    const std::vector<int64_t> here = ball(from, across, centre, hops);
    const auto first = static_cast<int64_t>(nodes.size());
    for (const int64_t i : here) {
      for (int64_t k = from[static_cast<size_t>(i)]; k < from[static_cast<size_t>(i) + 1]; ++k) {
        const auto at = std::lower_bound(here.begin(), here.end(), across[static_cast<size_t>(k)]);
        if (at == here.end() || *at != across[static_cast<size_t>(k)]) continue;
        columns.push_back(first + (at - here.begin()));
        entries.push_back(k);
      }
      pointers.push_back(static_cast<int64_t>(columns.size()));
    }
    nodes.insert(nodes.end(), here.begin(), here.end());
    shares.insert(shares.end(), here.size(), 1 / static_cast<double>(here.size()));
    sizes.push_back(static_cast<int64_t>(nodes.size()));
  }
  const auto m = static_cast<int64_t>(nodes.size());
  return {indices(nodes),
          sparse_csr_tensor(indices(pointers), indices(columns),
                            index_select(a.values, 0, indices(entries)), m, m),
          sparse_csr_tensor(indices(sizes), arange(0, static_cast<double>(m)),
                            tensor(shares, {m}, a.values.dtype()), centres.numel(), m)};
}

Tensor modulate(const Tensor& x, const Tensor& scale, double weight) {
  const Tensor factor = affine(scale, weight, 1);
  return x * (factor.dim() == 2 ? unsqueeze(factor, 1) : factor);
}

FeatureScale::FeatureScale(const Random& r, int64_t features, int64_t hidden, DType t)
    : down(init::torch_default(r / "down", {hidden, features}, features, t).requires_grad_()),
      up(init::torch_default(r / "up", {features, hidden}, hidden, t).requires_grad_()) {}
Tensor FeatureScale::operator()(const Tensor& mean_features) const {
  const bool by_task = mean_features.dim() == 2;
  const Tensor m = by_task ? unsqueeze(mean_features, 1) : mean_features;
  const Tensor y = tanh(linear(relu(linear(m, down)), up));
  return by_task ? squeeze(y, 1) : y;
}

}  // namespace regrad
