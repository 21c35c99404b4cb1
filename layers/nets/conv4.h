// The four-block convolutional net of few-shot learning (Vinyals et al. 2016; Finn et al. 2017),
// and its co-learner for CML, in the layout of the authors' code: the branch stands after the
// fourth block's conv, norm and ReLU, before its pooling.
//
//   body    3 x [conv 3x3, norm, ReLU, max pool 2] and [conv 3x3, norm, ReLU]
//   head    max pool 2, flatten, linear
//   cohead  [conv, norm, ReLU], [conv, norm, ReLU, max pool 2], flatten, linear
//
// Norms always take the batch's own statistics, so a query is normalized with its task's other
// queries (transductive). Where the map before a pooling is one pixel wide, that pooling is left
// out. Parameters may have a task dimension, with images [T,N,C,H,W].
#pragma once

#include <regrad/layers/conv.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/norm.h>

namespace regrad {

// Conv 3x3 (padding 1), batch norm by the batch's statistics, ReLU, and max pool 2 where asked for.
struct ConvBlock {
  Conv2d conv;
  BatchNorm norm;

  ConvBlock() = default;
  ConvBlock(const Random& r, int64_t in, int64_t out, bool with_bias = true, DType t = DType::f32);
  Tensor operator()(const Tensor& x, bool pool, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
  }
};

struct Conv4Options {
  int64_t in_channels = 1, channels = 64, size = 28;  // of square images
  bool conv_bias = true;
  DType dtype = DType::f32;
};

struct Conv4Body {
  std::vector<ConvBlock> blocks;

  Conv4Body() = default;
  Conv4Body(const Random& r, const Conv4Options& o);
  Tensor operator()(const Tensor& x, Context& ctx) const;  // [N,C,S,S] -> [N,channels,S/8,S/8]
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  // after each block; the last one is the body's output
  std::vector<Tensor> activations(const Tensor& x) const;
  static void parts(auto& self, auto&& part) { part("blocks", self.blocks); }
};

struct Conv4Head {
  Linear linear;

  Conv4Head() = default;
  Conv4Head(const Random& r, const Conv4Options& o, int64_t ways);
  Tensor operator()(const Tensor& features, Context& ctx) const;  // -> [N,ways]
  Tensor operator()(const Tensor& features) const { return out_of_training(*this, features); }
  static void parts(auto& self, auto&& part) { part("linear", self.linear); }
};

struct Conv4CoHead {
  std::vector<ConvBlock> blocks;
  Linear linear;

  Conv4CoHead() = default;
  // convs: blocks before the linear map, 0 to 4 in the paper
  Conv4CoHead(const Random& r, const Conv4Options& o, int64_t ways, int convs = 2);
  Tensor operator()(const Tensor& features, Context& ctx) const;
  Tensor operator()(const Tensor& features) const { return out_of_training(*this, features); }
  static void parts(auto& self, auto&& part) {
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

// Body and head: what is deployed.
struct Conv4 {
  Conv4Body body;
  Conv4Head head;

  Conv4() = default;
  Conv4(const Random& r, const Conv4Options& o, int64_t ways)
      : body(r / "body", o), head(r / "head", o, ways) {}
  Tensor operator()(const Tensor& x, Context& ctx) const { return head(body(x, ctx), ctx); }
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("body", self.body);
    part("head", self.head);
  }
};

}  // namespace regrad
