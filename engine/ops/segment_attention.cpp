// Self-attention among the rows of each segment: texts of any length one after the other, without
// padding. A segment's rows meet in the order in which they stand, and nothing of another segment
// is read: its result has the same bits in any company. No [L, L] matrix outlives its segment and
// head, forward or (first order) backward; the vjp is the composition in plain ops over all pairs
// of rows, masked, so that every order exists.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace regrad {
namespace {

using kernels::Gemm;

struct Heads {
  int64_t count;
  double scale;
};

void segment_attention_infer(const Call& c) {
  const Tensor &x = c.in(0), &segment = c.in(1);
  const int64_t heads = c.attrs<Heads>().count;
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("segment_attention: qkv is ") + name(x.dtype()) +
                     ", must be f32 or f64");
  if (segment.dtype() != DType::i64)
    throw DTypeError(std::string("segment_attention: segment is ") + name(segment.dtype()) +
                     ", must be i64");
  if (heads < 1 || x.dim() != 2 || x.shape()[1] % (3 * heads) || segment.dim() != 1 ||
      segment.shape()[0] != x.shape()[0])
    throw ShapeError("segment_attention: qkv " + str(x.shape()) + " and segment " +
                     str(segment.shape()) + " are not [n, 3 D] and [n], D a multiple of " +
                     std::to_string(heads) + " heads");
  c.out({x.shape()[0], x.shape()[1] / 3}, x.dtype());
}

// Rows by segment: segment r has rows order[start[r] .. start[r + 1]).
struct Runs {
  std::vector<int64_t> order, start;
  bool as_they_stand;
};
Runs runs_of(const Tensor& segment) {
  const NoGrad quiet;
  const std::vector<int64_t> id = segment.to_vector<int64_t>();
  Runs r{std::vector<int64_t>(id.size()), {}, std::is_sorted(id.begin(), id.end())};
  std::iota(r.order.begin(), r.order.end(), int64_t{0});
  const auto at = [&](int64_t i) { return id[static_cast<size_t>(i)]; };
  if (!r.as_they_stand)
    std::stable_sort(r.order.begin(), r.order.end(),
                     [&](int64_t a, int64_t b) { return at(a) < at(b); });
  for (size_t i = 0; i < id.size(); ++i)
    if (i == 0 || at(r.order[i]) != at(r.order[i - 1])) r.start.push_back(static_cast<int64_t>(i));
  r.start.push_back(static_cast<int64_t>(id.size()));
  return r;
}

// Some heads of one segment.
struct Piece {
  int64_t row, l, head, end;
};
std::vector<Piece> pieces(const Runs& r, int64_t heads, int64_t d) {
  constexpr int64_t work = int64_t{1} << 18;
  std::vector<Piece> out;
  for (size_t i = 0; i + 1 < r.start.size(); ++i) {
    const int64_t l = r.start[i + 1] - r.start[i],
                  each = std::max<int64_t>(1, work / std::max<int64_t>(1, l * l * d));
    for (int64_t h = 0; h < heads; h += each)
      out.push_back({r.start[i], l, h, std::min(heads, h + each)});
  }
  return out;
}

struct Matrix {
  const void* data;
  int64_t row, col;
};
// c [m,n] = a [m,k] b [k,n]
void multiply(int t, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, void* c, int64_t c_row) {
  detail::gemm(Gemm{.batch = 1,
                    .m = m,
                    .n = n,
                    .k = k,
                    .a = a.data,
                    .a_batch = 0,
                    .a_row = a.row,
                    .a_col = a.col,
                    .b = b.data,
                    .b_batch = 0,
                    .b_row = b.row,
                    .b_col = b.col,
                    .bias = nullptr,
                    .bias_batch = 0,
                    .bias_row = 0,
                    .bias_col = 0,
                    .c = c,
                    .c_batch = 0,
                    .c_row = c_row},
               t);
}

template <class T>
void scale_all(T* p, int64_t n, double scale) {
  for (int64_t i = 0; i < n; ++i) p[i] *= static_cast<T>(scale);
}

// One segment's head in [n, 3 D]: where q, k and v begin.
template <class T>
struct Entry {
  int64_t l, d, row;  // row: elements from one row to the next
  T *q, *k, *v;
};
template <class T>
Entry<T> entry(T* qkv, const Piece& p, int64_t head, int64_t d, int64_t width) {
  T* first = qkv + p.row * 3 * width + head * d;
  return {p.l, d, 3 * width, first, first + width, first + 2 * width};
}

// w [l,l] = softmax(scale q k^T)
template <class T>
void weights(const Entry<const T>& e, double scale, T* w) {
  constexpr int t = sizeof(T) == 8;
  multiply(t, e.l, e.l, e.d, {e.q, e.row, 1}, {e.k, 1, e.row}, w, e.l);
  scale_all(w, e.l * e.l, scale);
  kernels::table().softmax[t](w, e.l, e.l, w);
}

// dw <- scale w (dw - sum_j dw w), row by row.
template <class T>
void softmax_gradient(const T* w, T* dw, int64_t l, double scale) {
  for (int64_t i = 0; i < l; ++i, w += l, dw += l) {
    double sum = 0;
    for (int64_t j = 0; j < l; ++j) sum += static_cast<double>(w[j] * dw[j]);
    const T dot = static_cast<T>(sum);
    for (int64_t j = 0; j < l; ++j) dw[j] = static_cast<T>(scale) * (w[j] * (dw[j] - dot));
  }
}

Tensor in_order(const Tensor& x, const Runs& r) {
  return r.as_they_stand ? x.contiguous() : index_select(x, 0, tensor(r.order));
}
// The rows of sorted back where they stood.
Tensor back(const Tensor& sorted, const Runs& r) {
  std::vector<int64_t> to(r.order.size());
  for (size_t i = 0; i < to.size(); ++i)
    to[static_cast<size_t>(r.order[i])] = static_cast<int64_t>(i);
  return index_select(sorted, 0, tensor(to));
}

template <class T>
void attend(const T* qkv, int64_t width, const Heads& a, const Runs& r, T* y) {
  constexpr int t = sizeof(T) == 8;
  const int64_t d = width / a.count;
  const std::vector<Piece> list = pieces(r, a.count, d);
  parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i) {
    const Piece& p = list[static_cast<size_t>(i)];
    const detail::Scratch room(p.l * p.l * int64_t{sizeof(T)});
    for (int64_t h = p.head; h < p.end; ++h) {
      const Entry<const T> e = entry(qkv, p, h, d, width);
      weights(e, a.scale, room.as<T>());
      multiply(t, p.l, d, p.l, {room.as<T>(), p.l, 1}, {e.v, e.row, 1}, y + p.row * width + h * d,
               width);
    }
  });
}
template <class T>
void segment_attention_forward(const Call& c) {
  const NoGrad quiet;
  const Runs r = runs_of(c.in(1));
  const Tensor x = in_order(c.x(), r);
  const Shape& s = c.node()->shape;
  if (s.numel() == 0) return;
  if (r.as_they_stand) return attend(x.data<T>(), s[1], c.attrs<Heads>(), r, c.node()->ptr<T>());
  const Tensor sorted = detail::empty(s, x.dtype());
  attend(x.data<T>(), s[1], c.attrs<Heads>(), r, sorted.node()->ptr<T>());
  const Tensor y = back(sorted, r);
  std::copy_n(y.data<T>(), s.numel(), c.node()->ptr<T>());
}

template <class T>
void attend_back(const T* qkv, const T* g, int64_t width, const Heads& a, const Runs& r, T* out) {
  constexpr int t = sizeof(T) == 8;
  const int64_t d = width / a.count;
  const std::vector<Piece> list = pieces(r, a.count, d);
  parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i) {
    const Piece& p = list[static_cast<size_t>(i)];
    const int64_t l = p.l;
    const detail::Scratch room(2 * l * l * int64_t{sizeof(T)});
    T *w = room.as<T>(), *dw = w + l * l;
    for (int64_t h = p.head; h < p.end; ++h) {
      const Entry<const T> e = entry(qkv, p, h, d, width);
      const Entry<T> to = entry(out, p, h, d, width);
      const T* gh = g + p.row * width + h * d;
      weights(e, a.scale, w);
      multiply(t, l, d, l, {w, 1, l}, {gh, width, 1}, to.v, to.row);
      multiply(t, l, l, d, {gh, width, 1}, {e.v, 1, e.row}, dw, l);
      softmax_gradient(w, dw, l, a.scale);
      multiply(t, l, d, l, {dw, l, 1}, {e.k, e.row, 1}, to.q, to.row);
      multiply(t, l, d, l, {dw, 1, l}, {e.q, e.row, 1}, to.k, to.row);
    }
  });
}
template <class T>
void segment_attention_fused(const Call& c, Tensor* out) {
  c.need_kept(c.in(0));
  c.need_kept(c.in(1));
  const Runs r = runs_of(c.in(1));
  const Tensor x = in_order(c.x(), r), g = in_order(c.g(), r);
  const Tensor dx = detail::empty(x.shape(), x.dtype());
  if (dx.numel())
    attend_back(x.data<T>(), g.data<T>(), g.shape()[1], c.attrs<Heads>(), r, dx.node()->ptr<T>());
  out[0] = r.as_they_stand ? dx : back(dx, r);
}

// [n, D] or a third of [n, 3 D] as [heads, n, D / heads], and back.
Tensor split_heads(const Tensor& x, int64_t third, int64_t width, int64_t heads) {
  const Tensor part = slice(x, 1, third * width, (third + 1) * width);
  return permute(reshape(part, {x.size(0), heads, width / heads}), {1, 0, 2});
}
Tensor join_heads(const Tensor& x) {
  return reshape(permute(x, {1, 0, 2}), {x.size(1), x.size(0) * x.size(2)});
}

Tensor segment_attention_vjp(const Call& c) {
  const Heads& a = c.attrs<Heads>();
  const int64_t n = c.in(0).size(0), width = c.in(0).size(1) / 3;
  const auto part = [&](int64_t third) { return split_heads(c.in(0), third, width, a.count); };
  const Tensor q = part(0), k = part(1), v = part(2), g = split_heads(c.g(), 0, width, a.count),
               same_segment = eq(reshape(c.in(1), {n, 1}), reshape(c.in(1), {1, n}));
  // every row sees itself, so a score far below all others is as good as minus infinity
  const Tensor w = softmax(
                   where(same_segment, matmul(q, k.mT()) * a.scale, scalar(-1e30, c.in(0).dtype())),
                   -1),
               dw = matmul(g, v.mT()), ds = w * (dw - sum(dw * w, {-1}, true)) * a.scale;
  return cat(
      {join_heads(matmul(ds, k)), join_heads(matmul(ds.mT(), q)), join_heads(matmul(w.mT(), g))},
      1);
}

std::vector<double> segment_attention_reference(const RefCall& c) {
  const Heads& a = c.attrs<Heads>();
  const int64_t n = c.out[0], width = c.out[1], d = a.count ? width / a.count : 0;
  std::vector<double> y(static_cast<size_t>(n * width));
  const auto in = [&](int64_t i, int64_t third, int64_t j) {
    return c.in[0].v[static_cast<size_t>(i * 3 * width + third * width + j)];
  };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t h = 0; h < a.count; ++h) {
      double total = 0;
      std::vector<double> w(static_cast<size_t>(n));
      for (int64_t j = 0; j < n; ++j) {
        if (c.in[1].v[static_cast<size_t>(j)] != c.in[1].v[static_cast<size_t>(i)]) continue;
        double score = 0;
        for (int64_t p = h * d; p < (h + 1) * d; ++p) score += in(i, 0, p) * in(j, 1, p);
        total += w[static_cast<size_t>(j)] = std::exp(a.scale * score);
      }
      for (int64_t j = 0; j < n; ++j)
        for (int64_t p = h * d; p < (h + 1) * d; ++p)
          y[static_cast<size_t>(i * width + p)] += w[static_cast<size_t>(j)] / total * in(j, 2, p);
    }
  }
  return y;
}

constexpr Domain segments(double n) { return {.low = 0, .high = n, .kind = Domain::index}; }

}  // namespace

constinit const Op segment_attention_op =
    row({.name = "segment_attention",
         .doc = "y = softmax(scale q k^T) v by heads, among the rows of one segment",
         .arity = 2,
         .keep = keep_0 | keep_1,
         .infer = segment_attention_infer,
         .forward = typed<segment_attention_forward<float>, segment_attention_forward<double>>,
         .vjp = {segment_attention_vjp, declared_zero},
         .fused = typed<segment_attention_fused<float>, segment_attention_fused<double>>,
         .smooth = true,
         .reference = segment_attention_reference,
         .samples = [](Samples& s) {
           s.add({{1, 3}, {1}}, {{}, segments(1)}, Heads{1, 1});
           s.add({{4, 6}, {4}}, {{}, segments(1)}, Heads{1, 0.7});
           s.add({{5, 6}, {5}}, {{}, segments(2)}, Heads{2, 0.7});
           s.add({{6, 12}, {6}}, {{}, segments(3)}, Heads{2, 0.5});
           s.add({{0, 6}, {0}}, {{}, segments(2)}, Heads{1, 1});
           s.bad({{4, 6}, {4}}, Heads{4, 1});
           s.bad({{4, 6}, {4}}, Heads{0, 1});
           s.bad({{4, 6}, {3}}, Heads{1, 1});
           s.bad({{4}, {4}}, Heads{1, 1});
         }});

Tensor segment_attention(const Tensor& qkv, const Tensor& segment, int64_t heads,
                         std::optional<double> scale) {
  const detail::Called as("segment_attention(qkv, segment)", qkv, segment);
  const double d =
      qkv.dim() == 2 && heads > 0 ? static_cast<double>(qkv.shape()[1] / (3 * heads)) : 1;
  return apply2(segment_attention_op, qkv, segment,
                Heads{heads, scale.value_or(1 / std::sqrt(std::max(1.0, d)))});
}

}  // namespace regrad
