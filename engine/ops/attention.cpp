// Scaled dot-product attention: y = softmax(scale q k^T) v for each of a batch. No [L, S] matrix
// outlives its batch entry, forward or (first order) backward; the vjp is the composition in plain
// ops, so that every order exists.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace regrad {
namespace {

using kernels::Gemm;

struct Attend {
  double scale;
  bool causal;  // query i sees keys 0..i only
};

struct Sizes {
  int64_t batch, l, s, d, dv;
  int t;
  int64_t item;
};
Sizes sizes(const Tensor& q, const Tensor& k, const Tensor& v) {
  return {q.shape()[0],        q.shape()[1], k.shape()[1],
          q.shape()[2],        v.shape()[2], q.dtype() == DType::f64,
          item_size(q.dtype())};
}

void attention_infer(const Call& c) {
  const Tensor &q = c.in(0), &k = c.in(1), &v = c.in(2);
  if (!is_floating(q.dtype()) || k.dtype() != q.dtype() || v.dtype() != q.dtype()) {
    throw DTypeError(std::string("attention: q, k, v are ") + name(q.dtype()) + ", " +
                     name(k.dtype()) + ", " + name(v.dtype()) + "; all must be f32 or all f64");
  }
  const bool fits = q.dim() == 3 && k.dim() == 3 && v.dim() == 3 && q.shape()[0] == k.shape()[0] &&
                    q.shape()[0] == v.shape()[0] && q.shape()[2] == k.shape()[2] &&
                    k.shape()[1] == v.shape()[1] && k.shape()[1] > 0;
  if (!fits)
    throw ShapeError("attention: q " + str(q.shape()) + ", k " + str(k.shape()) + ", v " +
                     str(v.shape()) + " are not [B,L,D], [B,S,D], [B,S,E] with S > 0");
  c.out({q.shape()[0], q.shape()[1], v.shape()[2]}, q.dtype());
}

// c [m,n] = a b, all dense; a and b may be transposed views of dense matrices.
struct Matrix {
  const void* data;
  bool transposed;
};
void multiply(int t, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, void* c) {
  detail::gemm(Gemm{.batch = 1,
                    .m = m,
                    .n = n,
                    .k = k,
                    .a = a.data,
                    .a_batch = 0,
                    .a_row = a.transposed ? 1 : k,
                    .a_col = a.transposed ? m : 1,
                    .b = b.data,
                    .b_batch = 0,
                    .b_row = b.transposed ? 1 : n,
                    .b_col = b.transposed ? k : 1,
                    .bias = nullptr,
                    .bias_batch = 0,
                    .bias_row = 0,
                    .bias_col = 0,
                    .c = c,
                    .c_batch = 0,
                    .c_row = n},
               t);
}

template <class T>
void scale_and_hide(T* p, const Sizes& z, const Attend& a) {
  for (int64_t i = 0; i < z.l; ++i)
    for (int64_t j = 0; j < z.s; ++j)
      p[i * z.s + j] = a.causal && j > i ? -std::numeric_limits<T>::infinity()
                                         : static_cast<T>(a.scale) * p[i * z.s + j];
}
// p [l,s] = softmax(scale q k^T) of one batch entry.
void weights(const Sizes& z, const Attend& a, const void* q, const void* k, void* p) {
  multiply(z.t, z.l, z.s, z.d, {q, false}, {k, true}, p);
  z.t ? scale_and_hide(static_cast<double*>(p), z, a)
      : scale_and_hide(static_cast<float*>(p), z, a);
  kernels::table().softmax[z.t](p, z.l, z.s, p);
}

const char* entry(const Tensor& x, int64_t b, int64_t elements) {
  return static_cast<const char*>(x.node()->raw()) + b * elements * item_size(x.dtype());
}
char* entry_of(const Tensor& x, int64_t b, int64_t elements) {
  return const_cast<char*>(entry(x, b, elements));
}

void attention_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor q = c.in(0).contiguous(), k = c.in(1).contiguous(), v = c.in(2).contiguous();
  const Sizes z = sizes(q, k, v);
  auto* y = static_cast<char*>(c.node()->raw());
  if (z.l == 0 || z.dv == 0) return;
  parallel_for(z.batch, [&](int64_t b) {
    const detail::Scratch p(z.l * z.s * z.item);
    weights(z, c.attrs<Attend>(), entry(q, b, z.l * z.d), entry(k, b, z.s * z.d), p.as<void>());
    multiply(z.t, z.l, z.dv, z.s, {p.as<void>(), false}, {entry(v, b, z.s * z.dv), false},
             y + b * z.l * z.dv * z.item);
  });
}

// ds = scale p (dp - sum_j dp p), in place of dp.
template <class T>
void softmax_gradient(const T* p, T* dp, const Sizes& z, double scale) {
  for (int64_t i = 0; i < z.l; ++i, p += z.s, dp += z.s) {
    double sum = 0;  // of as many as there are keys
    for (int64_t j = 0; j < z.s; ++j) sum += static_cast<double>(p[j] * dp[j]);
    const T dot = static_cast<T>(sum);
    for (int64_t j = 0; j < z.s; ++j) dp[j] = static_cast<T>(scale) * (p[j] * (dp[j] - dot));
  }
}

void attention_fused(const Call& c, Tensor* out) {
  for (int i = 0; i < 3; ++i) c.need_kept(c.in(i));
  const Tensor q = c.in(0).contiguous(), k = c.in(1).contiguous(), v = c.in(2).contiguous(),
               g = c.g().contiguous();
  const Sizes z = sizes(q, k, v);
  for (int i = 0; i < 3; ++i) out[i] = zeros_like(c.in(i));
  if (z.l == 0 || z.dv == 0) return;
  parallel_for(z.batch, [&](int64_t b) {
    const detail::Scratch memory(2 * z.l * z.s * z.item);
    void *p = memory.as<void>(), *dp = memory.as<char>() + z.l * z.s * z.item;
    const void *qb = entry(q, b, z.l * z.d), *kb = entry(k, b, z.s * z.d),
               *gb = entry(g, b, z.l * z.dv);
    weights(z, c.attrs<Attend>(), qb, kb, p);
    multiply(z.t, z.s, z.dv, z.l, {p, true}, {gb, false}, entry_of(out[2], b, z.s * z.dv));
    multiply(z.t, z.l, z.s, z.dv, {gb, false}, {entry(v, b, z.s * z.dv), true}, dp);
    z.t ? softmax_gradient(static_cast<const double*>(p), static_cast<double*>(dp), z,
                           c.attrs<Attend>().scale)
        : softmax_gradient(static_cast<const float*>(p), static_cast<float*>(dp), z,
                           c.attrs<Attend>().scale);
    if (z.d == 0) return;
    multiply(z.t, z.l, z.d, z.s, {dp, false}, {kb, false}, entry_of(out[0], b, z.l * z.d));
    multiply(z.t, z.s, z.d, z.l, {dp, true}, {qb, false}, entry_of(out[1], b, z.s * z.d));
  });
}

// For as long as one lives, infinities raise no alarm: those of hidden keys are attention's own.
class OwnInfinities {
 public:
  OwnInfinities() : before_(std::exchange(detail::mode.anomaly, false)) {}
  ~OwnInfinities() { detail::mode.anomaly = before_; }
  OwnInfinities(const OwnInfinities&) = delete;
  OwnInfinities& operator=(const OwnInfinities&) = delete;

 private:
  bool before_;
};
Tensor lowest(const Tensor& like) {
  return scalar(-std::numeric_limits<double>::infinity(), like.dtype());
}

// scores where mask is not 0, else -inf; or scores + mask.
Tensor masked(const Tensor& scores, const Tensor& mask) {
  const OwnInfinities quiet;
  return is_floating(mask.dtype()) ? scores + mask : where(mask, scores, lowest(scores));
}
// softmax of masked scores. A row whose keys are all hidden attends to nothing: zeros, and no
// gradient.
Tensor weights_of_masked(const Tensor& scores, const Tensor& mask) {
  Tensor s = masked(scores, mask), nothing;
  const Tensor zero = scalar(0, s.dtype());
  {
    const OwnInfinities quiet;
    nothing = eq(amax(s.detach(), {-1}, true), lowest(s));
    if (any(nothing).item() == 0) return softmax(s, -1);
    s = where(nothing, zero, s);
  }
  return where(nothing, zero, softmax(s, -1));
}

// 1 where a query sees a key.
Tensor seen(int64_t l, int64_t s) {
  return arange(0, static_cast<double>(l)).reshape({l, 1}) >=
         arange(0, static_cast<double>(s)).reshape({1, s});
}

Tensor weights_of(const Tensor& q, const Tensor& k, const Attend& a) {
  const Tensor scores = matmul(q, k.mT()) * a.scale;
  if (!a.causal) return softmax(scores, -1);
  return softmax(masked(scores, seen(q.size(1), k.size(1))), -1);
}
// d loss / d (q k^T)
Tensor scores_gradient(const Call& c) {
  const Tensor p = weights_of(c.in(0), c.in(1), c.attrs<Attend>()),
               dp = matmul(c.g(), c.in(2).mT());
  return p * (dp - sum(dp * p, {-1}, true)) * c.attrs<Attend>().scale;
}

std::vector<double> attention_reference(const RefCall& c) {
  const Attend& a = c.attrs<Attend>();
  const Shape &qs = c.in[0].shape, &ks = c.in[1].shape;
  const int64_t l = qs[1], s = ks[1], d = qs[2], e = c.out[2];
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (int64_t b = 0; b < qs[0]; ++b) {
    for (int64_t i = 0; i < l; ++i) {
      std::vector<double> w(static_cast<size_t>(s));
      double total = 0;
      for (int64_t j = 0; j < (a.causal ? std::min(i + 1, s) : s); ++j) {
        double score = 0;
        for (int64_t p = 0; p < d; ++p)
          score += c.in[0].v[static_cast<size_t>((b * l + i) * d + p)] *
                   c.in[1].v[static_cast<size_t>((b * s + j) * d + p)];
        total += w[static_cast<size_t>(j)] = std::exp(a.scale * score);
      }
      for (int64_t j = 0; j < s; ++j)
        for (int64_t p = 0; p < e; ++p)
          y[static_cast<size_t>((b * l + i) * e + p)] +=
              w[static_cast<size_t>(j)] / total *
              c.in[2].v[static_cast<size_t>((b * s + j) * e + p)];
    }
  }
  return y;
}

}  // namespace

constinit const Op attention_op =
    row({.name = "attention",
         .doc = "y = softmax(scale q k^T) v, causal where asked",
         .arity = 3,
         .keep = keep_0 | keep_1 | keep_2,
         .infer = attention_infer,
         .forward = attention_forward,
         .vjp = {[](const Call& c) { return matmul(scores_gradient(c), c.in(1)); },
                 [](const Call& c) { return matmul(scores_gradient(c).mT(), c.in(0)); },
                 [](const Call& c) {
                   return matmul(weights_of(c.in(0), c.in(1), c.attrs<Attend>()).mT(), c.g());
                 }},
         .fused = attention_fused,
         .smooth = true,
         .reference = attention_reference,
         .samples = [](Samples& s) {
           for (bool causal : {false, true}) {
             const Attend a{0.7, causal};
             s.add({{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, {{}}, a);
             s.add({{2, 3, 2}, {2, 3, 2}, {2, 3, 2}}, {{}}, a);
             s.add({{1, 2, 3}, {1, 3, 3}, {1, 3, 1}}, {{}}, a);
             s.add({{2, 1, 2}, {2, 3, 2}, {2, 3, 2}}, {{}}, a);
             s.add({{0, 2, 2}, {0, 3, 2}, {0, 3, 2}}, {{}}, a);
           }
           s.bad({{2, 3}, {2, 3}, {2, 3}}, Attend{1, false});
           s.bad({{2, 3, 2}, {2, 3, 1}, {2, 3, 2}}, Attend{1, false});
           s.bad({{2, 3, 2}, {2, 0, 2}, {2, 0, 2}}, Attend{1, false});
         }});

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const detail::Called as("scaled_dot_product_attention(q, k, v, mask?)", q, k, v, options.mask);
  if (q.dim() < 2 || q.dim() != k.dim() || q.dim() != v.dim()) {
    throw ShapeError("scaled_dot_product_attention: q " + str(q.shape()) + ", k " + str(k.shape()) +
                     ", v " + str(v.shape()) + " must be [.., L, D], [.., S, D], [.., S, E]");
  }
  const double scale =
      options.scale.value_or(1 / std::sqrt(std::max(1.0, static_cast<double>(q.shape()[-1]))));
  const auto leading = [](const Tensor& x) {
    return Shape(x.shape().begin(), x.shape().end() - 2);
  };
  if (leading(q) != leading(k) || leading(q) != leading(v)) {
    throw ShapeError("scaled_dot_product_attention: leading dims of q " + str(q.shape()) + ", k " +
                     str(k.shape()) + " and v " + str(v.shape()) + " differ");
  }
  if (options.mask.defined()) {
    if (options.is_causal)
      throw ShapeError("scaled_dot_product_attention: give a mask or is_causal, not both");
    const Tensor scores = matmul(q, k.mT()) * scale;
    if (broadcast(options.mask.shape(), scores.shape(), "scaled_dot_product_attention") !=
        scores.shape())
      throw ShapeError("scaled_dot_product_attention: a mask " + str(options.mask.shape()) +
                       " does not broadcast to the scores, " + str(scores.shape()));
    return matmul(k.size(-2) ? weights_of_masked(scores, options.mask) : scores, v);
  }
  if (k.size(-2) == 0) return matmul(matmul(q, k.mT()), v);  // no key to see: zeros
  const auto flat = [&](const Tensor& x) {
    return reshape(x, {leading(x).numel(), x.shape()[-2], x.shape()[-1]});
  };
  Shape out = q.shape();
  out[-1] = v.shape()[-1];
  return reshape(apply3(attention_op, flat(q), flat(k), flat(v), Attend{scale, options.is_causal}),
                 out);
}

}  // namespace regrad
