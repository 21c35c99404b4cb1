#include "op_draw.h"

#include <cmath>

#include <regrad/engine/ops.h>
#include <regrad/engine/ops/sparse.h>

namespace regrad::test {
namespace {

// As many entries as a structure of that length holds, each in some row and column.
Tensor draw_structure(const Random& r, int64_t length, int64_t rows, int64_t cols) {
  const int64_t nnz = (length - rows - cols - 2) / 3;
  std::vector<double> pointers(static_cast<size_t>(rows) + 1), columns;
  for (int64_t k = 0; k < nnz; ++k) {
    for (int64_t i = 1 + (r / "row").integer(static_cast<uint64_t>(k), rows); i <= rows; ++i)
      ++pointers[static_cast<size_t>(i)];
    columns.push_back(static_cast<double>((r / "column").integer(static_cast<uint64_t>(k), cols)));
  }
  return detail::pack_structure(tensor(pointers, {rows + 1}, DType::i64),
                                tensor(columns, {nnz}, DType::i64), rows, cols, "draw");
}

}  // namespace

Tensor draw(const Random& r, const Shape& s, const Domain& d) {
  const int64_t n = s.numel();
  std::vector<double> v(static_cast<size_t>(n));
  if (d.kind == Domain::csr)
    return draw_structure(r, n, static_cast<int64_t>(d.low), static_cast<int64_t>(d.high));
  if (d.kind == Domain::index || d.kind == Domain::place || d.kind == Domain::mask) {
    const auto low = static_cast<int64_t>(d.kind == Domain::mask ? 0 : d.low),
               high = static_cast<int64_t>(d.kind == Domain::mask ? 2 : d.high);
    for (size_t i = 0; i < v.size(); ++i)
      v[i] = static_cast<double>(low + r.integer(i, high - low));
    return tensor(v, s,
                  d.kind == Domain::mask    ? DType::b8
                  : d.kind == Domain::place ? DType::u8
                                            : DType::i64);
  }
  if (d.kind == Domain::distinct) {
    // A shuffled grid, so that no two values of one input come closer than 0.05; a fraction by
    // stream keeps two inputs apart.
    const Tensor order = randperm(r, n);
    for (size_t i = 0; i < v.size(); ++i)
      v[i] = 0.1 * (static_cast<double>(order.data<int64_t>()[i]) - static_cast<double>(n) / 2) +
             0.03 * r.uniform(i) + (r.key() % 2 ? 0.045 : 0);
    return tensor(v, s, DType::f64);
  }
  for (size_t i = 0; i < v.size(); ++i) {
    v[i] = d.low + (d.high - d.low) * r.uniform(i);
    if (std::abs(v[i]) < d.away_from_zero)
      v[i] = v[i] < 0 ? v[i] - d.away_from_zero : v[i] + d.away_from_zero;
    if (d.kind == Domain::spread) {
      const int64_t at = static_cast<int64_t>(i), row = at / s[-1] % s[-2], column = at % s[-1];
      if (row == column) v[i] += 2 * static_cast<double>(row + 1);
    }
  }
  return tensor(v, s, DType::f64);
}

std::vector<Tensor> draw_inputs(const Random& r, const Sample& s) {
  std::vector<Tensor> in;
  for (size_t i = 0; i < s.shapes.size(); ++i)
    in.push_back(draw(r / static_cast<int64_t>(i), s.shapes[i], domain(s, i)));
  // Two inputs of distinct values must not tie with each other: odd ones are moved by half a step.
  for (size_t i = 1; i < in.size(); i += 2)
    if (domain(s, i).kind == Domain::distinct) in[i] = in[i] + 0.0517;
  return in;
}

}  // namespace regrad::test
