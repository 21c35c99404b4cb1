// Self-attention, and the encoder blocks made of it: pre-norm (ViT, our text nets) and post-norm
// (BERT). Rows are packed tokens [M,E], texts (or images) told apart by their numbers, so that
// padding does not exist (packed.h); or padded [N,L,E] with PyTorch's mask.
//
//   const TransformerEncoderLayer block(Random(seed) / 0, {.width = 64, .heads = 4, .inner = 256});
//   Tensor y = block(x, texts.segment, ctx);             // [M,64] -> [M,64]
//   Tensor z = block.padded(images, {}, ctx);            // [N,L,64] -> [N,L,64]
#pragma once

#include <regrad/layers/dropout.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/norm.h>

namespace regrad {

// i64 [n l]: 0 .. n - 1, each l times, the segments of n texts (or images) of l tokens.
Tensor segments(int64_t n, int64_t l);

// A linear layer each of whose rows has bits of its own (linear_rows), as a step of the pass.
Tensor by_rows(const Linear& layer, const Tensor& x, Context& ctx);
Tensor by_rows(const Tensor& weight, const Tensor& bias, const Tensor& x, Context& ctx);

// erf: x Phi(x); tanh: its approximation x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
// (Hendrycks and Gimpel 2016).
enum class Nonlinearity { gelu, gelu_tanh, relu };
Tensor apply(Nonlinearity f, const Tensor& x);

// y = [heads' softmax(q k^T / sqrt(E / heads)) v] W_out^T + b_out, q, k, v the thirds of x W_in^T +
// b_in: self-attention with PyTorch's names. Attention weights are not dropped out.
struct MultiheadAttention {
  Tensor in_proj_weight, in_proj_bias;  // [3E,E], [3E]
  Linear out_proj;
  int64_t heads = 1;

  MultiheadAttention() = default;
  // in_proj_weight as Glorot's uniform, its bias and out_proj's 0, out_proj.weight as Linear's
  // (PyTorch's). Streams: r / "in_proj", r / "out_proj". ConfigError: heads below 1 or no divisor
  // of width.
  MultiheadAttention(const Random& r, int64_t width, int64_t heads, bool qkv_bias = true,
                     DType t = DType::f32);

  // x [M,E], segment i64 [M]: rows of equal numbers see each other. rows i64 [n]: of the result
  // those alone, [n,E], with the same bits; undefined: all.
  Tensor operator()(const Tensor& x, const Tensor& segment, Context& ctx,
                    const Tensor& rows = {}) const;
  // x [N,L,E]; key_padding_mask b8 [N,L], 1: a key that nobody sees; undefined: all are seen. Rows
  // of padding have values too (PyTorch's). Where all keys are hidden, the attention is 0.
  Tensor padded(const Tensor& x, const Tensor& key_padding_mask, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("in_proj_weight", self.in_proj_weight);
    part("in_proj_bias", self.in_proj_bias);
    part("out_proj", self.out_proj);
  }
};

struct EncoderOptions {
  int64_t width = 64, heads = 4;
  int64_t inner = 256;  // of the two linear layers in between; ViT's MLP ratio is inner / width
  double dropout = 0;   // of both branches and between the linear layers
  std::optional<double> inner_dropout = {};  // between the linear layers, if not that one (BERT: 0)
  double eps = 1e-5;                         // of the norms
  bool norm_first = true;                    // pre-norm
  bool qkv_bias = true;
  Nonlinearity activation = Nonlinearity::gelu;
  // results of the norms and of the nonlinearity are computed again in the backward pass instead of
  // kept: two fifths of a block's memory for a few percent of its time, and the same bits
  bool recompute = false;
  DType dtype = DType::f32;
};

// PyTorch's, in names and order:
//   norm_first:  x <- x + attention(norm1(x));  x <- x + linear2(f(linear1(norm2(x))))
//   else:        x <- norm1(x + attention(x));  x <- norm2(x + linear2(f(linear1(x))))
struct TransformerEncoderLayer {
  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  double dropout_p = 0, inner_dropout_p = 0;
  bool norm_first = true;
  Nonlinearity activation = Nonlinearity::gelu;
  bool recompute = false;

  TransformerEncoderLayer() = default;
  // Streams: r / "self_attn", "linear1", "linear2". ConfigError as MultiheadAttention, inner < 1.
  TransformerEncoderLayer(const Random& r, const EncoderOptions& o);

  // x [M,E] with segment i64 [M]; dropout's places: "attention", "inner", "outer". rows as
  // MultiheadAttention's: behind the last layer a classifier reads one row of each text, and most
  // of that layer's work goes row by row.
  Tensor operator()(const Tensor& x, const Tensor& segment, Context& ctx,
                    const Tensor& rows = {}) const;
  // x [N,L,E]; key_padding_mask as MultiheadAttention's. Without one each row's bits are those of
  // the packed form.
  Tensor padded(const Tensor& x, const Tensor& key_padding_mask, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("self_attn", self.self_attn);
    part("linear1", self.linear1);
    part("linear2", self.linear2);
    part("norm1", self.norm1);
    part("norm2", self.norm2);
  }
};

}  // namespace regrad
