#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/linalg.h>
#include <regrad/engine/ops/list.h>

namespace regrad {
namespace linalg {

void need_matrices(const Tensor& x, const char* op) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string(op) + ": needs f32 or f64, not " + name(x.dtype()));
  if (x.dim() < 2)
    throw ShapeError(std::string(op) + ": needs matrices [.., m,n], not " + str(x.shape()));
  if (std::max(x.shape()[-1], x.shape()[-2]) > kernels::lapack_max)
    throw ShapeError(std::string(op) + ": " + str(x.shape()) + " has more than " +
                     std::to_string(kernels::lapack_max) + " rows or columns");
}
void need_square(const Tensor& x, const char* op) {
  need_matrices(x, op);
  if (x.shape()[-1] != x.shape()[-2])
    throw ShapeError(std::string(op) + ": needs square matrices [.., n,n], not " + str(x.shape()));
}
Shape solution_shape(const Tensor& a, const Tensor& b, const char* op) {
  need_square(a, op);
  if (b.dtype() != a.dtype())
    throw DTypeError(std::string(op) + ": a is " + name(a.dtype()) + ", b is " + name(b.dtype()) +
                     "; both must be equal");
  if (b.dim() < 2 || b.shape()[-2] != a.shape()[-1] || b.shape()[-1] > kernels::lapack_max) {
    throw ShapeError(std::string(op) + ": a " + str(a.shape()) + " needs a right side [.., " +
                     std::to_string(a.shape()[-1]) + ",r] with r up to " +
                     std::to_string(kernels::lapack_max) + ", not " + str(b.shape()));
  }
  return with_matrix(broadcast(batch_of(a.shape()), batch_of(b.shape()), op), b.shape()[-2],
                     b.shape()[-1]);
}

Shape batch_of(const Shape& s) { return Shape(s.begin(), s.end() - 2); }
Shape with_matrix(const Shape& batch, int64_t m, int64_t n) {
  Shape s = batch;
  s.push_back(m);
  s.push_back(n);
  return s;
}
int64_t broadcast_batch(int64_t i, const Shape& out, const Shape& in) {
  int64_t at = 0, stride = 1;
  for (int d = 1; d <= out.size(); ++d) {
    const int64_t k = i % out[-d];
    i /= out[-d];
    if (d > in.size()) continue;
    if (in[-d] != 1) at += k * stride;
    stride *= in[-d];
  }
  return at;
}

std::string of_matrix(const Shape& batch, int64_t i) {
  if (batch.empty()) return "";
  Shape at = batch;
  for (int d = batch.size() - 1; d >= 0; --d) {
    at[d] = i % batch[d];
    i /= batch[d];
  }
  return " of matrix " + str(at);
}

namespace {

template <class T>
void need_finite_as(const Tensor& x, const char* op, const char* argument, Part part) {
  const int64_t m = x.shape()[-2], n = x.shape()[-1];
  const T* p = static_cast<const T*>(x.node()->raw());
  for (int64_t row = 0; row < x.numel() / std::max<int64_t>(n, 1); ++row) {
    const int64_t i = row % m, first = part == Part::upper ? std::min(i, n) : 0,
                  last = part == Part::lower ? std::min(i + 1, n) : n;
    for (int64_t j = first; j < last; ++j) {
      if (std::isfinite(p[row * n + j])) continue;
      throw NumericError(std::string(op) + ": element " + str(Shape{i, j}) +
                         of_matrix(batch_of(x.shape()), row / m) + " of " + argument + " is " +
                         decimal(p[row * n + j]));
    }
  }
}

template <class T>
bool any_in_column(const T* g, int64_t p, int64_t k, int64_t j) {
  for (int64_t i = 0; i < p; ++i)
    if (g[i * k + j] != 0) return true;
  return false;
}

template <class T>
void need_distinct_as(const Tensor& values, const Tensor& g, int64_t side, bool with_zero,
                      const char* op, const char* what) {
  const int64_t k = values.shape()[-1], p = g.shape()[-2];
  const Shape batch = batch_of(g.shape());
  for (int64_t i = 0; i < batch.numel() && k > 0; ++i) {
    const T *v = static_cast<const T*>(values.node()->raw()) + i * k,
            *gi = static_cast<const T*>(g.node()->raw()) + i * p * k;
    const double tolerance = equal_within(side, values.dtype()) *
                             std::max(std::abs(double{v[0]}), std::abs(double{v[k - 1]}));
    for (int64_t j = 0; j + 1 < k; ++j) {
      if (std::abs(double{v[j + 1]} - double{v[j]}) > tolerance ||
          !(any_in_column(gi, p, k, j) || any_in_column(gi, p, k, j + 1)))
        continue;
      throw NumericError(std::string(op) + ": " + what + "s " + std::to_string(j) + " and " +
                         std::to_string(j + 1) + of_matrix(batch, i) + " are equal (" +
                         decimal(v[j]) + "): their vectors have no derivative");
    }
    if (with_zero && std::abs(double{v[k - 1]}) <= tolerance && any_in_column(gi, p, k, k - 1)) {
      throw NumericError(std::string(op) + ": " + what + " " + std::to_string(k - 1) +
                         of_matrix(batch, i) + " is 0: its vectors have no derivative");
    }
  }
}

}  // namespace

void need_finite(const Tensor& x, const char* op, const char* argument, Part part) {
  by_dtype(x.dtype(), [&](auto zero) { need_finite_as<decltype(zero)>(x, op, argument, part); });
}
void not_converged(const char* op, const Shape& batch, int64_t i) {
  throw NumericError(std::string(op) + ": the decomposition" + of_matrix(batch, i) +
                     " did not converge");
}
void need_distinct(const Tensor& values, const Tensor& g, int64_t side, bool with_zero,
                   const char* op, const char* what) {
  const NoGrad quiet;
  const Tensor v = values.contiguous(), gc = g.contiguous();
  by_dtype(v.dtype(),
           [&](auto zero) { need_distinct_as<decltype(zero)>(v, gc, side, with_zero, op, what); });
}

Tensor diagonal_matrices(const Tensor& x) {
  return unsqueeze(x, -1) * eye(x.shape()[-1], x.dtype());
}
Tensor triangle(int64_t n, double below, double on, double above, DType t) {
  const Tensor x = detail::empty({n, n}, t);
  by_dtype(t, [&](auto zero) {
    using T = decltype(zero);
    T* p = x.node()->ptr<T>();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        p[i * n + j] = static_cast<T>(j < i ? below : j == i ? on : above);
  });
  return x;
}

void square_samples(Samples& s) {
  for (const Shape& shape : {Shape{1, 1}, Shape{2, 2}, Shape{3, 3}, Shape{4, 4}, Shape{5, 5},
                             Shape{2, 2, 2}, Shape{2, 3, 3}, Shape{1, 2, 2}, Shape{3, 1, 1},
                             Shape{2, 2, 2, 2}, Shape{0, 0}, Shape{2, 0, 0}, Shape{0, 2, 2}})
    s.add({shape}, {spread});
  s.bad({{3}});
  s.bad({{2, 3}});
  s.bad({{2, 2, 1}});
}

}  // namespace linalg

namespace {

using linalg::batch_of;

using linalg::Gaps;

struct Over {
  const char* op;
  Gaps gaps;
};

void over_gaps_infer(const Call& c) {
  const Tensor &m = c.in(0), &a = c.in(1), &b = c.in(2);
  linalg::need_matrices(m, "over_gaps");
  if (a.dtype() != m.dtype() || b.dtype() != m.dtype())
    throw DTypeError(std::string("over_gaps: ") + name(m.dtype()) + " over " + name(a.dtype()) +
                     " and " + name(b.dtype()));
  Shape rows = batch_of(m.shape()), columns = rows;
  rows.push_back(m.shape()[-2]);
  columns.push_back(m.shape()[-1]);
  if (a.shape() != rows || b.shape() != columns)
    throw ShapeError("over_gaps: m " + str(m.shape()) + " needs a " + str(rows) + " and b " +
                     str(columns) + ", not " + str(a.shape()) + " and " + str(b.shape()));
  c.out(m.shape(), m.dtype());
}

template <class T>
void over_gaps_as(const Call& c, const Tensor& m, const Tensor& a, const Tensor& b) {
  const int64_t p = m.shape()[-2], q = m.shape()[-1];
  const Shape batch = batch_of(m.shape());
  for (int64_t i = 0; i < batch.numel(); ++i) {
    const T *mi = m.node()->ptr<T>() + i * p * q, *ai = a.node()->ptr<T>() + i * p,
            *bi = b.node()->ptr<T>() + i * q;
    T* y = c.node()->ptr<T>() + i * p * q;
    T largest = 0;
    for (int64_t r = 0; r < p; ++r) largest = std::max(largest, std::abs(ai[r]));
    for (int64_t s = 0; s < q; ++s) largest = std::max(largest, std::abs(bi[s]));
    const double tolerance = linalg::equal_within(std::max(p, q), m.dtype()) * double{largest};
    for (int64_t r = 0; r < p; ++r) {
      for (int64_t s = 0; s < q; ++s) {
        const T over = c.attrs<Over>().gaps == Gaps::off_diagonal && r == s ? T(0) : mi[r * q + s],
                gap = bi[s] - ai[r];
        if (over != 0 && std::abs(double{gap}) <= tolerance) {
          throw NumericError(std::string(c.attrs<Over>().op) + ": values " + std::to_string(r) +
                             " and " + std::to_string(s) + linalg::of_matrix(batch, i) +
                             " are equal (" + decimal(bi[s]) +
                             "): their vectors have no derivative");
        }
        y[r * q + s] = over == 0 ? T(0) : over / gap;
      }
    }
  }
}
void over_gaps_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor m = c.in(0).contiguous(), a = c.in(1).contiguous(), b = c.in(2).contiguous();
  linalg::by_dtype(m.dtype(), [&](auto zero) { over_gaps_as<decltype(zero)>(c, m, a, b); });
}

Tensor over_again(const Call& c, const Tensor& m) {
  return apply3(over_gaps_op, m, c.in(1), c.in(2), c.attrs<Over>());
}

std::vector<double> over_gaps_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  const int64_t p = c.out[-2], q = c.out[-1];
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    y[i] /= c.in[2].v[static_cast<size_t>(at / (p * q) * q + at % q)] -
            c.in[1].v[static_cast<size_t>(at / q)];
    if (c.attrs<Over>().gaps == Gaps::off_diagonal && at / q % p == at % q) y[i] = 0;
  }
  return y;
}

// a in [-0.5, 0.5] and b above it.
void over_gaps_samples(Samples& s) {
  const Domain low{.low = -0.5, .high = 0.5}, high{.low = 1, .high = 2};
  for (const Shape& m :
       {Shape{1, 1}, Shape{2, 3}, Shape{3, 3}, Shape{4, 1}, Shape{1, 3}, Shape{2, 2, 3},
        Shape{2, 3, 2}, Shape{2, 1, 2, 2}, Shape{0, 2}, Shape{2, 0}, Shape{0, 2, 2}}) {
    Shape a = batch_of(m), b = a;
    a.push_back(m[-2]);
    b.push_back(m[-1]);
    for (const Gaps gaps : {Gaps::all, Gaps::off_diagonal})
      s.add({m, a, b}, {{}, low, high}, Over{"over_gaps", gaps});
  }
  s.bad({{3}, {3}, {3}}, Over{"over_gaps", Gaps::all});
  s.bad({{2, 3}, {3}, {2}}, Over{"over_gaps", Gaps::all});
  s.bad({{2, 2, 3}, {2}, {3}}, Over{"over_gaps", Gaps::all});
}

}  // namespace

constinit const Op over_gaps_op = row(
    {.name = "over_gaps",
     .doc = "y_ij = m_ij / (b_j - a_i), the quotient that gradients of eigenvectors are made of",
     .arity = 3,
     .keep = keep_1 | keep_2 | keep_y,
     .infer = over_gaps_infer,
     .forward = over_gaps_forward,
     .vjp = {[](const Call& c) { return over_again(c, c.g()); },
             [](const Call& c) { return sum(over_again(c, c.g() * c.y()), {-1}); },
             [](const Call& c) { return -sum(over_again(c, c.g() * c.y()), {-2}); }},
     .smooth = true,
     .reference = over_gaps_reference,
     .samples = over_gaps_samples});

Tensor linalg::over_gaps(const Tensor& m, const Tensor& a, const Tensor& b, Gaps gaps,
                         const char* op) {
  return apply3(over_gaps_op, m, a, b, Over{op, gaps});
}

}  // namespace regrad
