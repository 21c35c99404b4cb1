// x W^T + b, each row of the result by itself: the small product's kernel at every size, which sums
// over k in ascending order from the bias (kernels.h), so that a row's bits are the same alone and
// in any company. matmul takes other paths as sizes grow, and other sums.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using kernels::Gemm;

void linear_rows_infer(const Call& c) {
  const Tensor &x = c.in(0), &w = c.in(1), &b = c.in(2);
  if (!is_floating(x.dtype()) || w.dtype() != x.dtype() || b.dtype() != x.dtype())
    throw DTypeError(std::string("linear_rows: x, weight, bias are ") + name(x.dtype()) + ", " +
                     name(w.dtype()) + ", " + name(b.dtype()) + "; all must be f32 or all f64");
  const bool fits = x.dim() == 2 && w.dim() == 2 && x.shape()[1] == w.shape()[1];
  const Shape out = fits ? Shape{x.shape()[0], w.shape()[0]} : Shape{};
  if (!fits || b.dim() > 2 || broadcast(b.shape(), out, "linear_rows") != out)
    throw ShapeError("linear_rows: x " + str(x.shape()) + ", weight " + str(w.shape()) + ", bias " +
                     str(b.shape()) + " are not [n,in], [out,in] and what broadcasts to [n,out]");
  c.out(out, x.dtype());
}

// One product cut into blocks of rows and columns, which no bit depends on.
void by_blocks(const Gemm& g, int t) {
  if (g.m == 0 || g.n == 0) return;
  // rows of A that a panel of B passes stay in the second cache
  constexpr int64_t work = int64_t{1} << 20;
  const int64_t rows_a_block = g.k > 512 ? 128 : 256, item = t ? 8 : 4,
                rows = std::min(g.m, rows_a_block), each = std::max<int64_t>(1, rows * g.k),
                columns = std::max<int64_t>(1, work / each / 64) * 64,
                row_cuts = (g.m + rows_a_block - 1) / rows_a_block,
                cuts = (g.n + columns - 1) / columns;
  parallel_for(row_cuts * cuts, [&](int64_t i) {
    const int64_t row = i / cuts * rows_a_block, column = i % cuts * columns;
    const auto at = [&](const void* p, int64_t offset) -> const void* {
      return p ? static_cast<const char*>(p) + offset * item : nullptr;
    };
    Gemm part = g;
    part.m = std::min(rows_a_block, g.m - row);
    part.n = std::min(columns, g.n - column);
    part.a = at(g.a, row * g.a_row);
    part.b = at(g.b, column * g.b_col);
    part.bias = at(g.bias, row * g.bias_row + column * g.bias_col);
    part.c = const_cast<void*>(at(g.c, row * g.c_row + column));
    detail::gemm(part, t);
  });
}

Tensor in_rows_or_columns(const Tensor& x) {
  return x.strides()[0] == 1 || x.strides()[1] == 1 ? x : x.contiguous();
}

Gemm product(int64_t m, int64_t n, int64_t k, const Tensor& a, bool a_turned, const Tensor& b,
             bool b_turned, void* c) {
  return {.batch = 1,
          .m = m,
          .n = n,
          .k = k,
          .a = a.node()->raw(),
          .a_batch = 0,
          .a_row = a.strides()[a_turned],
          .a_col = a.strides()[!a_turned],
          .b = b.node()->raw(),
          .b_batch = 0,
          .b_row = b.strides()[b_turned],
          .b_col = b.strides()[!b_turned],
          .bias = nullptr,
          .bias_batch = 0,
          .bias_row = 0,
          .bias_col = 0,
          .c = c,
          .c_batch = 0,
          .c_row = n};
}

void linear_rows_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = in_rows_or_columns(c.in(0)), w = in_rows_or_columns(c.in(1));
  const Shape& s = c.node()->shape;
  if (s.numel() == 0) return;
  const Tensor b = expand(c.in(2), s);
  Gemm g = product(s[0], s[1], x.shape()[1], x, false, w, true, c.node()->raw());
  g.bias = b.node()->raw();
  g.bias_row = b.strides()[0];
  g.bias_col = b.strides()[1];
  by_blocks(g, x.dtype() == DType::f64);
}

void linear_rows_fused(const Call& c, Tensor* out) {
  c.need_kept(c.in(0));
  c.need_kept(c.in(1));
  const Tensor x = in_rows_or_columns(c.in(0)), w = in_rows_or_columns(c.in(1)),
               g = in_rows_or_columns(c.g());
  const int64_t n = x.shape()[0], in = x.shape()[1], m = w.shape()[0];
  const int t = x.dtype() == DType::f64;
  if (c.in(0).requires_grad()) {
    out[0] = detail::empty({n, in}, x.dtype());
    by_blocks(product(n, in, m, g, false, w, false, out[0].node()->raw()), t);
  }
  if (c.in(1).requires_grad()) {
    out[1] = detail::empty({m, in}, x.dtype());
    by_blocks(product(m, in, n, g, true, x, false, out[1].node()->raw()), t);
  }
  if (c.in(2).requires_grad()) out[2] = sum_to(c.g(), c.in(2).shape());
}

std::vector<double> linear_rows_reference(const RefCall& c) {
  const int64_t n = c.out[0], m = c.out[1], k = c.in[0].shape[1];
  std::vector<double> y(static_cast<size_t>(n * m));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      double sum = broadcast_at(c.in[2], c.out, i * m + j);
      for (int64_t p = 0; p < k; ++p)
        sum +=
            c.in[0].v[static_cast<size_t>(i * k + p)] * c.in[1].v[static_cast<size_t>(j * k + p)];
      y[static_cast<size_t>(i * m + j)] = sum;
    }
  }
  return y;
}

}  // namespace

constinit const Op linear_rows_op =
    row({.name = "linear_rows",
         .doc = "y = x W^T + b, each row's bits its own; dx = g W, dW = g^T x",
         .arity = 3,
         .keep = keep_0 | keep_1,
         .infer = linear_rows_infer,
         .forward = linear_rows_forward,
         .vjp = {[](const Call& c) { return matmul(c.g(), c.in(1)); },
                 [](const Call& c) { return matmul(c.g().mT(), c.in(0)); },
                 [](const Call& c) { return sum_to(c.g(), c.in(2).shape()); }},
         .fused = linear_rows_fused,
         .smooth = true,
         .reference = linear_rows_reference,
         .samples = [](Samples& s) {
           s.add({{1, 1}, {1, 1}, {1}}, {{}});
           s.add({{2, 3}, {4, 3}, {4}}, {{}});
           s.add({{5, 2}, {3, 2}, {5, 3}}, {{}});
           s.add({{3, 4}, {1, 4}, {3, 1}}, {{}});
           s.add({{3, 1}, {5, 1}, {}}, {{}});
           s.add({{2, 0}, {3, 0}, {3}}, {{}});
           s.add({{0, 2}, {3, 2}, {3}}, {{}});
           s.bad({{2, 3}, {3, 4}, {3}});
           s.bad({{2, 3}, {4, 3}, {3}});
           s.bad({{2, 3}, {4, 3}, {2, 2, 4}});
           s.bad({{3}, {4, 3}, {4}});
         }});

Tensor linear_rows(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const detail::Called as("linear_rows(x, weight, bias?)", x, weight, bias);
  if (x.dim() == 0) throw ShapeError("linear_rows: x " + str(x.shape()) + " must be [..,in]");
  const Tensor b = bias.defined() ? bias : scalar(0, weight.dtype());
  if (x.dim() == 2) return apply3(linear_rows_op, x, weight, b);
  const Shape lead(x.shape().begin(), x.shape().end() - 1);
  Shape out = lead;
  out.push_back(weight.dim() ? weight.shape()[0] : 0);
  const Tensor rows = reshape(x, {lead.numel(), x.shape()[-1]});
  return reshape(apply3(linear_rows_op, rows, weight, b), out);
}

}  // namespace regrad
