// Linear algebra by elimination, and sparse products.
#include <algorithm>
#include <cmath>

#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/sparse.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {
namespace {

// The last two dims' matrices, one after the other.
using Matrix = std::vector<Line>;
int64_t batches(const Shape& s) {
  int64_t n = 1;
  for (int d = 0; d < s.size() - 2; ++d) n *= s[d];
  return n;
}
Matrix matrix(const Array& x, int64_t batch) {
  for (const Jet& j : x.v) need(std::isfinite(j.v()));  // refused by the engine
  const int64_t r = x.shape[-2], c = x.shape[-1];
  Matrix m;
  for (int64_t i = 0; i < r; ++i) {
    const auto from = x.v.begin() + static_cast<std::ptrdiff_t>((batch * r + i) * c);
    m.emplace_back(from, from + static_cast<std::ptrdiff_t>(c));
  }
  return m;
}
// Solutions are as exact as their matrix is large: elimination in another order cancels other
// terms.
Matrix blurred(Matrix m) {
  for (int s = 0; s < 8; ++s) {
    double largest = 0;
    for (const Line& row : m)
      for (const Jet& x : row) largest = std::max(largest, std::abs(x.c[s].v));
    for (Line& row : m)
      for (Jet& x : row) x.c[s].e += 8 * static_cast<double>(m.size()) * rounding.unit * largest;
  }
  return m;
}
Array from_matrices(Shape lead, int64_t r, int64_t c, const std::function<Matrix(int64_t)>& f) {
  lead.push_back(r);
  lead.push_back(c);
  Array y(lead);
  y.v.clear();
  for (int64_t b = 0; b < batches(lead); ++b)
    for (const Line& row : f(b)) y.v.insert(y.v.end(), row.begin(), row.end());
  return y;
}
Shape lead_of(const Array& x) { return {x.shape.begin(), x.shape.end() - 2}; }

// Gaussian elimination with the largest pivot: a x = b; the determinant's factors with their signs.
Matrix eliminate(Matrix a, Matrix b, Line* pivots = nullptr) {
  const size_t n = a.size();
  for (size_t k = 0; k < n; ++k) {
    size_t best = k;
    for (size_t i = k; i < n; ++i)
      if (std::abs(a[i][k].v()) > std::abs(a[best][k].v())) best = i;
    need(a[best][k].v() != 0);
    const bool swapped = best != k;
    std::swap(a[k], a[best]);
    if (!b.empty()) std::swap(b[k], b[best]);
    if (pivots) pivots->push_back(swapped ? -a[k][k] : a[k][k]);
    for (size_t i = 0; i < n; ++i) {
      if (i == k || (b.empty() && i < k)) continue;
      const Jet f = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] = a[i][j] - f * a[k][j];
      if (!b.empty())
        for (size_t j = 0; j < b[i].size(); ++j) b[i][j] = b[i][j] - f * b[k][j];
    }
  }
  for (size_t i = 0; i < b.size(); ++i)
    for (Jet& x : b[i]) x = x / a[i][i];
  return b;
}
Matrix factor(const Matrix& m) {
  const size_t n = m.size();
  Matrix l(n, Line(n));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= i; ++j) {
      Jet s = (m[i][j] + m[j][i]) * Jet(0.5);
      for (size_t k = 0; k < j; ++k) s = s - l[i][k] * l[j][k];
      need(i != j || s.v() > 0);
      l[i][j] = i == j ? sqrt(s) : s / l[j][j];
    }
  return l;
}
Matrix turned(const Matrix& m) {
  Matrix t(m.empty() ? 0 : m[0].size(), Line(m.size()));
  for (size_t i = 0; i < m.size(); ++i)
    for (size_t j = 0; j < m[i].size(); ++j) t[j][i] = m[i][j];
  return t;
}
Matrix times(const Matrix& a, const Matrix& b) {
  Matrix y;
  for (const Line& row : a) {
    y.emplace_back();
    for (size_t j = 0; j < (b.empty() ? 0 : b[0].size()); ++j) {
      Line terms;
      for (size_t k = 0; k < row.size(); ++k) terms.push_back(row[k] * b[k][j]);
      y.back().push_back(total(terms));
    }
  }
  return y;
}
Matrix named_triangle(Matrix m, bool upper) {
  for (size_t i = 0; i < m.size(); ++i)
    for (size_t j = 0; j < m.size(); ++j)
      if (upper ? j < i : j > i) m[i][j] = Jet();
  return m;
}

int square_leaf(Draw& d) {
  Shape s;
  if (d.once_in(3)) s.push_back(d.whole(0, 3));
  const int64_t n = d.once_in(8) ? 0 : d.whole(1, 4);
  s.push_back(n);
  s.push_back(n);
  return d.leaf(s, Fill::spread);
}
bool draw_square(Draw& d, Node& n) {
  n.in = {square_leaf(d)};
  return true;
}
bool draw_system(Draw& d, Node& n) {
  draw_square(d, n);
  Shape s = d.of(n.in[0]);
  s[-1] = d.whole(0, 3);
  n.in.push_back(d.like(s));
  n.i = {d.flag()};
  return true;
}
bool draw_any_matrix(Draw& d, Node& n) {
  n.in = {d.any(2, 3)};
  return d.of(n.in[0])[-1] <= 5 && d.of(n.in[0])[-2] <= 5;
}

void need_square(const Array& a) { need(a.dim() >= 2 && a.shape[-1] == a.shape[-2]); }
void need_system(const Array& a, const Array& b) {
  need_square(a);
  need(b.dim() == a.dim() && b.shape[-2] == a.shape[-1]);
  for (int k = 0; k < a.dim() - 2; ++k) need(a.shape[k] == b.shape[k]);
}
Array solved(const Array& a, const Array& b, const std::function<Matrix(Matrix)>& prepare) {
  need_system(a, b);
  return from_matrices(lead_of(b), b.shape[-2], b.shape[-1], [&](int64_t k) {
    return blurred(eliminate(prepare(matrix(a, k)), matrix(b, k)));
  });
}
Array inverted(const In& in) {
  need_square(in.x());
  const size_t n = static_cast<size_t>(in.x().shape[-1]);
  Matrix one(n, Line(n));
  for (size_t i = 0; i < n; ++i) one[i][i] = Jet(1.0);
  return from_matrices(lead_of(in.x()), in.x().shape[-1], in.x().shape[-1],
                       [&](int64_t k) { return blurred(eliminate(matrix(in.x(), k), one)); });
}
enum class Volume { det, log, sign };
Array volume(const In& in, Volume what) {
  need_square(in.x());
  Array y(lead_of(in.x()));
  for (size_t k = 0; k < y.v.size(); ++k) {
    Line pivots;
    eliminate(matrix(in.x(), static_cast<int64_t>(k)), {}, &pivots);
    Jet sum(0.0);
    double sign = 1;
    for (const Jet& p : pivots) {
      sum = sum + log(p.v() < 0 ? -p : p);
      sign *= p.v() < 0 ? -1 : 1;
    }
    y.v[k] = what == Volume::det ? exp(sum) * Jet(sign) : what == Volume::log ? sum : Jet(sign);
  }
  return y;
}

// Eigenvalues of the symmetric part, ascending, by Jacobi rotations; values only.
std::vector<double> eigenvalues(const Matrix& m) {
  const size_t n = m.size();
  std::vector<std::vector<double>> a(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) a[i][j] = (m[i][j].v() + m[j][i].v()) / 2;
  for (int sweep = 0; sweep < 60; ++sweep)
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        if (a[p][q] == 0) continue;
        const double t = std::atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2, c = std::cos(t),
                     s = std::sin(t);
        for (size_t k = 0; k < n; ++k) {
          const double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
        }
      }
  std::vector<double> values;
  for (size_t i = 0; i < n; ++i) values.push_back(a[i][i]);
  std::sort(values.begin(), values.end());
  return values;
}
Array spectrum(const In& in, bool singular) {
  const Array& x = in.x();
  need(x.dim() >= 2 && (singular || x.shape[-1] == x.shape[-2]));
  double largest = 0, error = 0;
  for (const Jet& j : x.v) {
    largest = std::max(largest, std::abs(j.v()));
    error = std::max(error, j.c[0].e);
  }
  Shape s = lead_of(x);
  s.push_back(std::min(x.shape[-1], x.shape[-2]));
  Array y(s);
  y.v.clear();
  const double n = static_cast<double>(std::max(x.shape[-1], x.shape[-2]));
  for (int64_t b = 0; b < batches(x.shape); ++b) {
    Matrix m = matrix(x, b);
    // of [0 m; m' 0], whose eigenvalues are the singular values and their negatives
    if (singular) {
      const size_t r = m.size(), c = static_cast<size_t>(x.shape[-1]);
      Matrix both(r + c, Line(r + c));
      for (size_t i = 0; i < r; ++i)
        for (size_t j = 0; j < c; ++j) both[i][r + j] = both[r + j][i] = m[i][j];
      m = both;
    }
    std::vector<double> v = eigenvalues(m);
    if (singular) std::reverse(v.begin(), v.end());
    for (int64_t k = 0; k < s[-1]; ++k)
      y.v.push_back(Jet(
          Number{singular ? std::max(0.0, v[static_cast<size_t>(k)]) : v[static_cast<size_t>(k)],
                 n * error + 4 * n * rounding.unit * largest * n}));
  }
  return y;
}

// A sparse matrix of fixed structure: [3, 4] with an empty row, an entry that occurs twice, and one
// row of all.
const std::vector<double> pointers = {0, 2, 2, 7}, columns = {1, 3, 0, 2, 2, 1, 3};
constexpr int64_t entries = 7;
int64_t row_of(int64_t k) { return k < 2 ? 0 : 2; }
int64_t column_of(int64_t k) { return static_cast<int64_t>(columns[static_cast<size_t>(k)]); }
Csr csr(const Tensor& values) {
  return sparse_csr_tensor(tensor(pointers, {4}, DType::i64),
                           tensor(columns, {entries}, DType::i64), values, 3, 4);
}

bool draw_sparse(Draw& d, Node& n) {  // values, x; transposed
  n.i = {d.flag()};
  Shape s{n.i[0] ? 3 : 4, d.whole(0, 3)};
  if (d.once_in(4)) s.insert(0, d.whole(1, 2));
  n.in = {d.like({entries}), d.like(s)};
  return true;
}
bool draw_sampled(Draw& d, Node& n) {  // values for the structure's dtype, g, x
  const int64_t f = d.whole(1, 3);
  n.in = {d.like({entries}), d.like({3, f}), d.like({4, f})};
  return true;
}
bool draw_values(Draw& d, Node& n) {
  n.in = {d.like({entries})};
  return true;
}
Array sparse_product(const In& in) {
  const Array& x = in.x(1);
  const bool t = in.i(0);
  need(in.x(0).v.size() == entries && x.dim() >= 2 && x.shape[-2] == (t ? 3 : 4));
  Shape s = x.shape;
  s[-2] = t ? 4 : 3;
  return build(s, [&](Multi at) {
    Line terms;
    for (int64_t k = 0; k < entries; ++k) {
      if ((t ? column_of(k) : row_of(k)) != at[-2]) continue;
      Shape from = at;
      from[-2] = t ? row_of(k) : column_of(k);
      terms.push_back(in.x(0).v[static_cast<size_t>(k)] * x[from]);
    }
    return total(terms);
  });
}

}  // namespace

const Table& matrix_rows() {
  static const auto all = [](Matrix m) { return m; };
  static const Table table = {
      {"solve", draw_system, [](const In& in) { return solved(in.x(0), in.x(1), all); },
       [](const Args& a) { return solve(a[0], a[1]); }, "solve($0, $1)"},
      {"solve_triangular", draw_system,
       [](const In& in) {
         return solved(in.x(0), in.x(1), [&](Matrix m) { return named_triangle(m, in.i(0)); });
       },
       [](const Args& a) { return solve_triangular(a[0], a[1], a.i(0)); },
       "solve_triangular($0, $1, #0)"},
      {"cholesky_solve", draw_system,
       [](const In& in) {
         return solved(in.x(0), in.x(1), [&](const Matrix& m) {
           const Matrix l = named_triangle(m, in.i(0));
           return in.i(0) ? times(turned(l), l) : times(l, turned(l));
         });
       },
       [](const Args& a) { return cholesky_solve(a[1], a[0], a.i(0)); },
       "cholesky_solve($1, $0, #0)", 1},
      {"cholesky", draw_square,
       [](const In& in) {
         need_square(in.x());
         return from_matrices(lead_of(in.x()), in.x().shape[-1], in.x().shape[-1],
                              [&](int64_t k) { return blurred(factor(matrix(in.x(), k))); });
       },
       [](const Args& a) { return cholesky(a[0]); }, "cholesky($0)"},
      {"inverse", draw_square, inverted, [](const Args& a) { return inverse(a[0]); },
       "inverse($0)"},
      {"det", draw_square, [](const In& in) { return volume(in, Volume::det); },
       [](const Args& a) { return det(a[0]); }, "det($0)"},
      {"slogdet", draw_square, [](const In& in) { return volume(in, Volume::log); },
       [](const Args& a) { return slogdet(a[0]).logabsdet; }, "slogdet($0).logabsdet"},
      {"slogdet's sign", draw_square, [](const In& in) { return volume(in, Volume::sign); },
       [](const Args& a) { return slogdet(a[0]).sign; }, "slogdet($0).sign", 1},
      {"eigvalsh", draw_square, [](const In& in) { return spectrum(in, false); },
       [](const Args& a) { return eigvalsh(a[0]).detach(); }, "eigvalsh($0).detach()", 1},
      {"svdvals", draw_any_matrix, [](const In& in) { return spectrum(in, true); },
       [](const Args& a) { return svdvals(a[0]).detach(); }, "svdvals($0).detach()", 1},
      {"spmm", draw_sparse, sparse_product,
       [](const Args& a) {
         return a.i(0) ? spmm(transpose(csr(a[0])), a[1]) : spmm(csr(a[0]), a[1]);
       },
       "spmm(#0 ? transpose(csr($0)) : csr($0), $1)", 3},
      {"sddmm", draw_sampled,
       [](const In& in) {
         const Array &g = in.x(1), &x = in.x(2);
         need(g.dim() == 2 && x.dim() == 2 && g.shape[0] == 3 && x.shape[0] == 4 &&
              g.shape[1] == x.shape[1]);
         return build({entries}, [&](Multi at) {
           Line terms;
           for (int64_t f = 0; f < g.shape[1]; ++f)
             terms.push_back(g[{row_of(at[0]), f}] * x[{column_of(at[0]), f}]);
           return total(terms);
         });
       },
       [](const Args& a) { return sddmm(csr(a[0]), a[1], a[2]); }, "sddmm(csr($0), $1, $2)", 1},
      {"to_dense", draw_values,
       [](const In& in) {
         need(in.x().shape == Shape{entries});
         return build({3, 4}, [&](Multi at) {
           Line terms;
           for (int64_t k = 0; k < entries; ++k)
             if (row_of(k) == at[0] && column_of(k) == at[1])
               terms.push_back(in.x().v[static_cast<size_t>(k)]);
           return total(terms);
         });
       },
       [](const Args& a) { return to_dense(csr(a[0])); }, "to_dense(csr($0))", 1},
  };
  return table;
}

}  // namespace regrad::programs
