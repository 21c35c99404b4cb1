// Graph convolution on sparse adjacency matrices, and what meta-learning on graphs builds of it.
//
//   const Csr s = normalized_adjacency(edges, nodes, Propagation::symmetric);
//   const Tensor features = propagate(s, normalize_rows(x), 2);  // SGC: S^2 X, once and for all
//   const GraphConv conv(Random(seed) / "conv", 1433, 16);
//   Tensor h = relu(conv(s, x));  // x [nodes,1433] -> [nodes,16]
//
// Parameters may have a leading task dimension, as Linear's: conv at [T,in,out] gives
// [T,nodes,out]. ShapeError and DTypeError as in sparse.h.
#pragma once

#include <regrad/engine/sparse.h>
#include <regrad/layers/init.h>
#include <regrad/layers/params.h>

namespace regrad {

// symmetric: D^-1/2 A D^-1/2 (Kipf and Welling 2017, eq. 2); random_walk: D^-1 A, whose rows sum to
// 1. D: the row sums of A.
enum class Propagation { symmetric, random_walk };

// Of a matrix that is given (recorded in its values; symmetric needs a square one). NumericError
// where a row with entries, or symmetric a column, has a sum that is not above 0.
Csr normalized(const Csr& a, Propagation kind);
// Of A + I, A the 0/1 adjacency of undirected edges i64 [2,e] without their self-loops.
Csr normalized_adjacency(const Tensor& edges, int64_t nodes, Propagation kind,
                         DType t = DType::f32);

// S^times x: SGC's features (Wu et al. 2019, eq. 6). x [..,nodes,f].
Tensor propagate(const Csr& s, const Tensor& x, int times);
// Each row divided by its sum; rows that sum to 0 stay as they are. x [n,f].
Tensor normalize_rows(const Tensor& x);

// y = S (x W) + b (Kipf and Welling 2017, eq. 2, without the activation).
struct GraphConv {
  Tensor weight, bias;  // [in,out] or [T,in,out]; [out] or [T,out]

  GraphConv() = default;
  // Both uniform in +-1/sqrt(out), as in Kipf's PyTorch code. Streams: r / "weight", r / "bias".
  GraphConv(const Random& r, int64_t in, int64_t out, bool with_bias = true, DType t = DType::f32);

  // s [m,nodes]; x [nodes,in] or [T,nodes,in] -> [m,out] or [T,m,out].
  Tensor operator()(const Csr& s, const Tensor& x) const;
  // The same at sparse features, [nodes,in]: few words of a vocabulary per node.
  Tensor operator()(const Csr& s, const Csr& x) const;
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

// The entries of a dense matrix that are not 0, [n,f]. Without a graph.
Csr to_sparse(const Tensor& x);
// Rows of a sparse matrix, in that order; index i64 [m] in [0, rows). Values gathered from a's
// (recorded).
Csr index_rows(const Csr& a, const Tensor& index);

// The neighbourhoods of some nodes, side by side (G-Meta: Huang and Zitnik 2020): the subgraph of
// the nodes within `hops` edges of each.
struct Subgraphs {
  Tensor nodes;   // i64 [m]: whose copy each row is, subgraph after subgraph, ascending within each
  Csr adjacency;  // [m,m]: a's values between nodes of one subgraph
  Csr mean;       // [centres,m]: 1/size over the rows of a subgraph
};
// a: square; its entries are the edges, self-loops among them or not. centres i64 [c].
Subgraphs neighbourhoods(const Csr& a, const Tensor& centres, int hops);

// AMM-GNN's modulation: features times 1 + weight * scale, feature by feature. x [..,n,f], scale
// [f] or [T,f]. Wang et al. 2020 learn the scale from the support set's attributes; what it is made
// of here is ours: FeatureScale.
Tensor modulate(const Tensor& x, const Tensor& scale, double weight = 0.01);

// Ours: scale = tanh(V relu(U m)), m the mean feature vector of a task's support nodes, [f] or
// [T,f] -> the same shape.
struct FeatureScale {
  Tensor down, up;  // U [hidden,f], V [f,hidden], or with a task dimension

  FeatureScale() = default;
  FeatureScale(const Random& r, int64_t features, int64_t hidden, DType t = DType::f32);

  Tensor operator()(const Tensor& mean_features) const;
  static void parts(auto& self, auto&& part) {
    part("down", self.down);
    part("up", self.up);
  }
};

}  // namespace regrad
