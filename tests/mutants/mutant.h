// Mutants of the vjps. mutants.py puts these in the place of c.g(), c.in(i), c.x(), c.y() and of
// the numbers of a copy of the rows; `active` is the single one of them that lies: site * kinds +
// kind.
#pragma once

#include <regrad/engine/ops.h>
#include <regrad/engine/ops/op.h>

namespace regrad::mutant {

inline int active = -1;
inline constexpr int kinds = 4;  // sign, scale, dropped, index
enum Kind { sign, scale, dropped, index };

inline bool is(int site, Kind kind) { return active == site * kinds + kind; }

inline Tensor lie(int site, const Tensor& t) {
  if (is(site, sign)) return -t;
  if (is(site, scale)) return t * 1.5;
  if (is(site, dropped)) return zeros_like(t);
  return t;
}
inline Tensor g(int site, const Call& c) { return lie(site, c.g()); }
inline Tensor y(int site, const Call& c) { return lie(site, c.y()); }
inline Tensor in(int site, const Call& c, int i) {
  return is(site, index) ? c.in((i + 1) % c.n_in()) : lie(site, c.in(i));
}
inline double number(int site, double v) {
  if (is(site, sign)) return -v;
  if (is(site, scale)) return 1.5 * v;
  return is(site, dropped) ? 0 : v;
}

}  // namespace regrad::mutant
