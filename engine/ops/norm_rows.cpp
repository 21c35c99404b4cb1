// The three norm rows. For x over one dim of m elements, v its variance (divided by m), r =
// 1/sqrt(v + eps):
//   h = standardize(x) = (x - mean x) r      inv_std(x) = r
//   P = norm_grad(g, h) = g - mean(g) - h mean(g h)
// They are closed: vjp of h at g is r P(g, h); of r at g is -(g r^2 / m) h; of P at u is P(u, h) to
// g and -(mean(g h) u + mean(u h) g) to h.
// Rows work on [outer, m, inner]; norm.cpp brings any dims of any layout there.
#include <regrad/engine/autograd.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/norm.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using detail::Scratch;

struct Eps {
  double eps;
};

struct Box {
  int64_t outer, m, inner;
  int t;         // 0: f32, 1: f64
  int64_t item;  // bytes
};
Box box(const Tensor& x) {
  return {x.shape()[0], x.shape()[1], x.shape()[2], x.dtype() == DType::f64, item_size(x.dtype())};
}

void box_infer(const Call& c) {
  same(c);
  const Shape& s = c.x().shape();
  if (s.size() != 3 || s[1] == 0)
    throw ShapeError(std::string(c.node()->op->name) +
                     ": works on [outer, m, inner] with m > 0, not " + str(s));
}

char* bytes_at(const void* p, int64_t i) {
  return const_cast<char*>(static_cast<const char*>(p)) + i;
}

constexpr int64_t block = 32768;  // elements a parallel block works on

// f(first, count) over blocks of rows of n elements.
template <class F>
void by_blocks(int64_t rows, int64_t n, F&& f) {
  const int64_t a_block = std::max<int64_t>(1, block / std::max<int64_t>(n, 1));
  parallel_for((rows + a_block - 1) / a_block,
               [&](int64_t b) { f(b * a_block, std::min(a_block, rows - b * a_block)); });
}

// The means over rows of what add(first, count, total) adds up, one per column, into out (in the
// tensor's dtype): partial sums of fixed blocks, added in order.
template <class F>
void column_means(const Box& b, void* out, F&& add) {
  const int64_t a_block = std::max<int64_t>(1, block / b.inner),
                pieces = (b.m + a_block - 1) / a_block;
  const Scratch partial(pieces * b.inner * int64_t{sizeof(double)});
  std::memset(partial.as<double>(), 0, static_cast<size_t>(pieces * b.inner) * sizeof(double));
  parallel_for(pieces, [&](int64_t p) {
    add(p * a_block, std::min(a_block, b.m - p * a_block), partial.as<double>() + p * b.inner);
  });
  for (int64_t j = 0; j < b.inner; ++j) {
    double total = 0;
    for (int64_t p = 0; p < pieces; ++p) total += partial.as<double>()[p * b.inner + j];
    total /= static_cast<double>(b.m);
    b.t ? static_cast<double*>(out)[j] = total
        : static_cast<float*>(out)[j] = static_cast<float>(total);
  }
}

void to_inverse_root(void* v, int64_t n, int t, double eps) {
  for (int64_t j = 0; j < n; ++j) {
    if (t) {
      static_cast<double*>(v)[j] = 1 / std::sqrt(static_cast<double*>(v)[j] + eps);
    } else {
      static_cast<float*>(v)[j] =
          static_cast<float>(1 / std::sqrt(static_cast<double>(static_cast<float*>(v)[j]) + eps));
    }
  }
}

// y (where given) = standardize(x), r [outer, inner] (where given) = inv_std(x), for a contiguous
// x.
void standardize_into(const Tensor& x, double eps, void* y, void* r) {
  const Box b = box(x);
  const kernels::Norm& k = kernels::table().norm[b.t];
  const void* from = x.node()->raw();
  if (b.inner == 1) {
    return by_blocks(b.outer, b.m, [&](int64_t first, int64_t count) {
      k.rows(bytes_at(from, first * b.m * b.item), count, b.m, eps,
             y ? bytes_at(y, first * b.m * b.item) : nullptr,
             r ? bytes_at(r, first * b.item) : nullptr);
    });
  }
  const Scratch stats(2 * b.inner * b.item);
  void* mean = stats.as<char>();
  for (int64_t o = 0; o < b.outer; ++o) {
    const char* plane = bytes_at(from, o * b.m * b.inner * b.item);
    void* scale = r ? bytes_at(r, o * b.inner * b.item) : stats.as<char>() + b.inner * b.item;
    const auto row = [&](const void* p, int64_t i) { return bytes_at(p, i * b.inner * b.item); };
    column_means(b, mean, [&](int64_t first, int64_t count, double* total) {
      k.sums(row(plane, first), count, b.inner, total);
    });
    column_means(b, scale, [&](int64_t first, int64_t count, double* total) {
      k.squares(row(plane, first), count, b.inner, mean, total);
    });
    to_inverse_root(scale, b.inner, b.t, eps);
    if (!y) continue;
    by_blocks(b.m, b.inner, [&](int64_t first, int64_t count) {
      k.columns(row(plane, first), count, b.inner, mean, scale, row(y, o * b.m + first));
    });
  }
}

// y = r P(g, h), r [outer, inner] or null for 1; g and h contiguous.
void norm_grad_into(const Tensor& g, const Tensor& h, const void* r, void* y) {
  const Box b = box(g);
  const kernels::Norm& k = kernels::table().norm[b.t];
  const void *gp = g.node()->raw(), *hp = h.node()->raw();
  if (b.inner == 1) {
    return by_blocks(b.outer, b.m, [&](int64_t first, int64_t count) {
      const int64_t at = first * b.m * b.item;
      k.grad_rows(bytes_at(gp, at), bytes_at(hp, at), r ? bytes_at(r, first * b.item) : nullptr,
                  count, b.m, bytes_at(y, at));
    });
  }
  const Scratch stats(3 * b.inner * b.item);
  char *mean_g = stats.as<char>(), *mean_gh = mean_g + b.inner * b.item,
       *ones = mean_gh + b.inner * b.item;
  for (int64_t j = 0; j < b.inner; ++j)
    b.t ? reinterpret_cast<double*>(ones)[j] = 1 : reinterpret_cast<float*>(ones)[j] = 1;
  for (int64_t o = 0; o < b.outer; ++o) {
    const auto row = [&](const void* p, int64_t i) {
      return bytes_at(p, (o * b.m + i) * b.inner * b.item);
    };
    column_means(b, mean_g, [&](int64_t first, int64_t count, double* total) {
      k.sums(row(gp, first), count, b.inner, total);
    });
    column_means(b, mean_gh, [&](int64_t first, int64_t count, double* total) {
      k.products(row(gp, first), row(hp, first), count, b.inner, total);
    });
    const void* scale = r ? bytes_at(r, o * b.inner * b.item) : ones;
    by_blocks(b.m, b.inner, [&](int64_t first, int64_t count) {
      k.grad_columns(row(gp, first), row(hp, first), mean_g, mean_gh, scale, count, b.inner,
                     row(y, first));
    });
  }
}

void standardize_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  if (x.numel() == 0) return;
  const bool again = c.x().requires_grad();
  detail::Storage* r =
      again ? detail::new_storage(x.shape()[0] * x.shape()[2] * item_size(x.dtype())) : nullptr;
  standardize_into(x, c.attrs<Eps>().eps, c.node()->raw(), r ? r->data : nullptr);
  c.node()->aux.store(r, std::memory_order_relaxed);
}
// The first-order gradient in one kernel, with the r that the forward pass left.
void standardize_fused(const Call& c, Tensor* out) {
  c.need_kept(c.y());
  const detail::Storage* r = c.node()->aux.load(std::memory_order_relaxed);
  const Tensor g = c.g().contiguous();
  out[0] = detail::empty(g.shape(), g.dtype());
  if (g.numel()) norm_grad_into(g, c.y(), r->data, out[0].node()->raw());
}

void inv_std_infer(const Call& c) {
  box_infer(c);
  c.node()->shape[1] = 1;
}
void inv_std_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  if (x.numel()) standardize_into(x, c.attrs<Eps>().eps, nullptr, c.node()->raw());
}

void norm_grad_infer(const Call& c) {
  box_infer(c);
  if (c.in(0).shape() != c.in(1).shape())
    throw ShapeError("norm_grad: g " + str(c.in(0).shape()) + " and h " + str(c.in(1).shape()) +
                     " differ");
  if (c.in(0).dtype() != c.in(1).dtype())
    throw DTypeError(std::string("norm_grad: ") + name(c.in(0).dtype()) + " with " +
                     name(c.in(1).dtype()));
}
void norm_grad_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor g = c.in(0).contiguous(), h = c.in(1).contiguous();
  if (g.numel()) norm_grad_into(g, h, nullptr, c.node()->raw());
}

// Mean over the middle of a box, for references: at(o, i, f) = sum over k of f(flat index) / m.
template <class F>
void each_line(const Shape& s, F&& f) {
  for (int64_t o = 0; o < s[0]; ++o)
    for (int64_t i = 0; i < s[2]; ++i) f(o * s[1] * s[2] + i);
}
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const std::vector<double>& v, int64_t first, const Shape& s) {
  Moments r;
  for (int64_t k = 0; k < s[1]; ++k)
    r.mean += v[static_cast<size_t>(first + k * s[2])] / static_cast<double>(s[1]);
  for (int64_t k = 0; k < s[1]; ++k)
    r.variance +=
        std::pow(v[static_cast<size_t>(first + k * s[2])] - r.mean, 2) / static_cast<double>(s[1]);
  return r;
}
std::vector<double> standardize_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  const Shape& s = c.in[0].shape;
  each_line(s, [&](int64_t first) {
    const Moments m = moments(c.in[0].v, first, s);
    for (int64_t k = 0; k < s[1]; ++k) {
      double& v = y[static_cast<size_t>(first + k * s[2])];
      v = (v - m.mean) / std::sqrt(m.variance + c.attrs<Eps>().eps);
    }
  });
  return y;
}
std::vector<double> inv_std_reference(const RefCall& c) {
  std::vector<double> y;
  const Shape& s = c.in[0].shape;
  each_line(s, [&](int64_t first) {
    y.push_back(1 / std::sqrt(moments(c.in[0].v, first, s).variance + c.attrs<Eps>().eps));
  });
  return y;
}
std::vector<double> norm_grad_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  const Shape& s = c.in[0].shape;
  each_line(s, [&](int64_t first) {
    double g = 0, gh = 0;
    for (int64_t k = 0; k < s[1]; ++k) {
      const auto at = static_cast<size_t>(first + k * s[2]);
      g += c.in[0].v[at] / static_cast<double>(s[1]);
      gh += c.in[0].v[at] * c.in[1].v[at] / static_cast<double>(s[1]);
    }
    for (int64_t k = 0; k < s[1]; ++k) {
      const auto at = static_cast<size_t>(first + k * s[2]);
      y[at] -= g + c.in[1].v[at] * gh;
    }
  });
  return y;
}
const Shape boxes[] = {{1, 1, 1}, {1, 5, 1}, {3, 4, 1},  {2, 7, 1}, {1, 4, 3}, {1, 6, 2},
                       {2, 3, 4}, {3, 2, 2}, {2, 17, 1}, {1, 1, 4}, {0, 3, 1}, {2, 3, 0}};

}  // namespace

constinit const Op standardize_op =
    row({.name = "standardize",
         .doc = "h = (x - mean) r over the middle of [outer, m, inner]; dx = r P(g, h)",
         .keep = keep_0 | keep_y,
         .infer = box_infer,
         .forward = standardize_forward,
         .vjp = {[](const Call& c) {
           return inv_std_box(c.x(), c.attrs<Eps>().eps) * norm_grad(c.g(), c.y());
         }},
         .fused = standardize_fused,
         .smooth = true,
         .reference = standardize_reference,
         .samples = [](Samples& s) {
           for (const Shape& b : boxes) s.add({b}, {{}}, Eps{0.5});
           s.bad({{2, 3}}, Eps{0.5});
           s.bad({{2, 0, 3}}, Eps{0.5});
         }});

constinit const Op inv_std_op =
    row({.name = "inv_std",
         .doc = "r = 1/sqrt(var + eps) over the middle dim; dx = -(g r^2 / m) h",
         .keep = keep_0 | keep_y,
         .infer = inv_std_infer,
         .forward = inv_std_forward,
         .vjp = {[](const Call& c) {
           const double m = static_cast<double>(c.x().shape()[1]);
           return (c.g() * square(c.y()) / -m) * standardize_box(c.x(), c.attrs<Eps>().eps);
         }},
         .smooth = true,
         .reference = inv_std_reference,
         .samples = [](Samples& s) {
           for (const Shape& b : boxes) s.add({b}, {{}}, Eps{0.5});
           s.bad({{2, 3}}, Eps{0.5});
         }});

constinit const Op norm_grad_op =
    row({.name = "norm_grad",
         .doc = "P(g, h) = g - mean(g) - h mean(g h)",
         .arity = 2,
         .keep = keep_0 | keep_1,
         .infer = norm_grad_infer,
         .forward = norm_grad_forward,
         .vjp = {[](const Call& c) { return norm_grad(c.g(), c.in(1)); },
                 [](const Call& c) {
                   const Tensor &u = c.g(), &g = c.in(0), &h = c.in(1);
                   return -(mean(g * h, {1}, true) * u + mean(u * h, {1}, true) * g);
                 }},
         .smooth = true,
         .reference = norm_grad_reference,
         .samples = [](Samples& s) {
           for (const Shape& b : boxes) s.add({b, b}, {{}});
           s.bad({{2, 3, 1}, {2, 3, 2}});
         }});

Tensor standardize_box(const Tensor& x, double eps) { return apply(standardize_op, x, Eps{eps}); }
Tensor inv_std_box(const Tensor& x, double eps) { return apply(inv_std_op, x, Eps{eps}); }
Tensor norm_grad(const Tensor& g, const Tensor& h) { return apply2(norm_grad_op, g, h); }

}  // namespace regrad
