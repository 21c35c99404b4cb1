// The two-layer graph convolutional network of Kipf and Welling (2017, eq. 9): S relu(S X W1 + b1)
// W2 + b2.
//
//   const Gcn net(Random(seed) / "gcn", 1433, 7);
//   Tensor logits = net(s, x);
//   Context ctx{.training = true, .random = Random(seed) / "dropout" / step};
//   Tensor training = net(s, x, ctx);  // half of the hidden units are 0
#pragma once

#include <regrad/layers/context.h>
#include <regrad/layers/graph.h>

namespace regrad {

struct Gcn {
  GraphConv conv1, conv2;
  double p = 0.5;  // dropout's

  Gcn() = default;
  // in hidden + hidden + hidden out + out parameters. Streams: r / "conv1", r / "conv2".
  Gcn(const Random& r, int64_t in, int64_t out, int64_t hidden = 16, double dropout_p = 0.5,
      DType t = DType::f32)
      : conv1(r / "conv1", in, hidden, true, t),
        conv2(r / "conv2", hidden, out, true, t),
        p(dropout_p) {}

  // s [nodes,nodes]; x [nodes,in], dense or sparse -> [nodes,out], with a leading T where
  // parameters have one. Dropout by ctx.random, in training; graph convolutions are evaluated as
  // they are, whatever ctx.evaluate is.
  template <class X>
  Tensor operator()(const Csr& s, const X& x, const Context& ctx) const {
    Tensor h = relu(conv1(s, x));
    if (ctx.training && ctx.random) h = dropout(h, p, *ctx.random);
    return conv2(s, h);
  }
  template <class X>
  Tensor operator()(const Csr& s, const X& x) const {
    return out_of_training(*this, s, x);
  }
  static void parts(auto& self, auto&& part) {
    part("conv1", self.conv1);
    part("conv2", self.conv2);
  }
};

}  // namespace regrad
