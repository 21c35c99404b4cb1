#include <regrad/engine/autograd.h>
#include <regrad/layers/attention.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

void need_heads(const char* who, int64_t width, int64_t heads) {
  if (width < 1 || heads < 1 || width % heads)
    throw ConfigError(std::string(who) + ": width " + std::to_string(width) + " in " +
                      std::to_string(heads) + " heads; heads must divide it");
}

void need_batch(const char* who, const Tensor& x) {
  if (x.dim() != 3)
    throw ShapeError(std::string(who) + ": x " + str(x.shape()) + " is not [N,L,E]");
}

// The block's residual branches around `attend(x)`, at some rows or at all.
template <class Attend>
Tensor encode(const TransformerEncoderLayer& b, const Tensor& x, const Tensor& rows, Context& ctx,
              Attend&& attend) {
  const Tensor kept = rows.defined() ? index_select(x, 0, rows) : x;
  const auto attention = [&](const Tensor& h) {
    return dropout(attend(h), b.dropout_p, "attention", ctx);
  };
  const auto norm = [&](const LayerNorm& f, const Tensor& h) {
    const Recompute lean(b.recompute);
    return f(h);
  };
  const auto active = [&](const Tensor& h) {
    const Recompute lean(b.recompute);
    return dropout(apply(b.activation, h), b.inner_dropout_p, "inner", ctx);
  };
  const auto mlp = [&](const Tensor& h) {
    const Tensor inner = active(by_rows(b.linear1, h, ctx));
    return dropout(by_rows(b.linear2, inner, ctx), b.dropout_p, "outer", ctx);
  };
  if (b.norm_first) {
    const Tensor h = kept + attention(norm(b.norm1, x));
    return h + mlp(norm(b.norm2, h));
  }
  const Tensor h = norm(b.norm1, kept + attention(x));
  return norm(b.norm2, h + mlp(h));
}

}  // namespace

Tensor segments(int64_t n, int64_t l) {
  return reshape(expand(reshape(arange(0, static_cast<double>(n)), {n, 1}), {n, l}), {n * l});
}

Tensor by_rows(const Tensor& weight, const Tensor& bias, const Tensor& x, Context& ctx) {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::linear, .x = x, .weight = weight, .bias = bias}; },
      [&] { return linear_rows(x, weight, bias); });
}
Tensor by_rows(const Linear& layer, const Tensor& x, Context& ctx) {
  return by_rows(layer.weight, layer.bias, x, ctx);
}

Tensor apply(Nonlinearity f, const Tensor& x) {
  switch (f) {
    case Nonlinearity::gelu: return gelu(x);
    case Nonlinearity::relu: return relu(x);
    case Nonlinearity::gelu_tanh: break;
  }
  // x/2 (1 + tanh u) = x sigmoid(2 u)
  const double twice = 2 * std::sqrt(2 / 3.14159265358979323846);
  return x * sigmoid((x + square(x) * x * 0.044715) * twice);
}

MultiheadAttention::MultiheadAttention(const Random& r, int64_t width, int64_t heads_of,
                                       bool qkv_bias, DType t)
    : heads(heads_of) {
  need_heads("MultiheadAttention", width, heads);
  in_proj_weight = init::xavier_uniform(r / "in_proj", {3 * width, width}, 1, t).requires_grad_();
  if (qkv_bias) in_proj_bias = zeros({3 * width}, t).requires_grad_();
  out_proj = Linear(r / "out_proj", width, width, true, t);
  out_proj.bias = zeros({width}, t).requires_grad_();
}

Tensor MultiheadAttention::operator()(const Tensor& x, const Tensor& segment, Context& ctx,
                                      const Tensor& rows) const {
  const Tensor qkv = by_rows(in_proj_weight, in_proj_bias, x, ctx),
               y = segment_attention(qkv, segment, heads);
  return by_rows(out_proj, rows.defined() ? index_select(y, 0, rows) : y, ctx);
}

Tensor MultiheadAttention::padded(const Tensor& x, const Tensor& key_padding_mask,
                                  Context& ctx) const {
  need_batch("MultiheadAttention", x);
  const int64_t n = x.size(0), l = x.size(1), width = x.size(2);
  if (!key_padding_mask.defined())
    return reshape((*this)(reshape(x, {n * l, width}), segments(n, l), ctx), x.shape());
  if (key_padding_mask.dtype() != DType::b8)
    throw DTypeError(std::string("MultiheadAttention: key_padding_mask is ") +
                     name(key_padding_mask.dtype()) + ", must be b8");
  if (key_padding_mask.shape() != Shape{n, l})
    throw ShapeError("MultiheadAttention: key_padding_mask " + str(key_padding_mask.shape()) +
                     " for x " + str(x.shape()));
  const Tensor qkv = by_rows(in_proj_weight, in_proj_bias, x, ctx),
               by_head = permute(reshape(qkv, {n, l, 3, heads, width / heads}), {2, 0, 3, 1, 4}),
               seen = reshape(logical_not(key_padding_mask), {n, 1, 1, l});
  const Tensor y = scaled_dot_product_attention(by_head[0], by_head[1], by_head[2], {.mask = seen});
  return by_rows(out_proj, reshape(permute(y, {0, 2, 1, 3}), x.shape()), ctx);
}

TransformerEncoderLayer::TransformerEncoderLayer(const Random& r, const EncoderOptions& o)
    : self_attn(r / "self_attn", o.width, o.heads, o.qkv_bias, o.dtype),
      norm1({o.width}, o.dtype),
      norm2({o.width}, o.dtype),
      dropout_p(o.dropout),
      inner_dropout_p(o.inner_dropout.value_or(o.dropout)),
      norm_first(o.norm_first),
      activation(o.activation),
      recompute(o.recompute) {
  if (o.inner < 1)
    throw ConfigError("TransformerEncoderLayer: inner " + std::to_string(o.inner) +
                      " must be at least 1");
  linear1 = Linear(r / "linear1", o.width, o.inner, true, o.dtype);
  linear2 = Linear(r / "linear2", o.inner, o.width, true, o.dtype);
  norm1.eps = norm2.eps = o.eps;
}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const Tensor& segment, Context& ctx,
                                           const Tensor& rows) const {
  return encode(*this, x, rows, ctx,
                [&](const Tensor& h) { return self_attn(h, segment, ctx, rows); });
}
Tensor TransformerEncoderLayer::padded(const Tensor& x, const Tensor& key_padding_mask,
                                       Context& ctx) const {
  need_batch("TransformerEncoderLayer", x);
  if (key_padding_mask.defined())
    return encode(*this, x, {}, ctx,
                  [&](const Tensor& h) { return self_attn.padded(h, key_padding_mask, ctx); });
  const int64_t n = x.size(0), l = x.size(1);
  return reshape((*this)(reshape(x, {n * l, x.size(2)}), segments(n, l), ctx), x.shape());
}

}  // namespace regrad
