// Elements by mask, place and rank; borders made of elements again.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <regrad/engine/functional.h>

#include "draw.h"

namespace regrad::programs {
namespace {

bool draw_chosen(Draw& d, Node& n) {
  n.in = {d.any()};
  Shape s = d.of(n.in[0]);
  while (!s.empty() && d.once_in(3)) s.erase(0);
  for (int64_t& k : s)
    if (d.once_in(3)) k = 1;
  n.in.push_back(d.mask(s));
  return true;
}
// x, dim, an index no larger than x but along dim, and (by draw_scatter) a source of its shape.
bool draw_places(Draw& d, Node& n) {
  draw_dim(d, n);
  Shape s = d.of(n.in[0]);
  const int at = static_cast<int>(n.i[0]);
  const int64_t size = s[at];
  if (size == 0) return false;
  for (int64_t& k : s)
    if (k > 1 && d.once_in(3)) k = d.whole(1, k);
  s[at] = d.whole(0, 4);
  n.in.push_back(d.index(s, -size, size));
  n.d = {d.real()};
  return true;
}
bool draw_scatter(Draw& d, Node& n) {
  if (!draw_places(d, n)) return false;
  n.in.push_back(d.like(d.of(n.in[1])));
  return true;
}
bool draw_index_add(Draw& d, Node& n) {
  draw_dim(d, n);
  Shape s = d.of(n.in[0]);
  const int at = static_cast<int>(n.i[0]);
  const int64_t size = s[at];
  if (size == 0) return false;
  s[at] = d.whole(0, 4);
  n.in.push_back(d.index({s[at]}, -size, size));
  n.in.push_back(d.like(s));
  n.d = {d.flag() ? 1 : 0.5};
  return true;
}
bool draw_embedding(Draw& d, Node& n) {
  const int64_t rows = d.whole(1, 4);
  n.in = {d.leaf({rows, d.whole(0, 3)})};
  n.in.push_back(d.index(d.shape(0, 2), 0, rows));
  n.i = {d.whole(-rows, rows - 1)};
  return true;
}
bool draw_median(Draw& d, Node& n) {
  draw_dim(d, n);
  return d.of(n.in[0])[static_cast<int>(n.i[0])] > 0;
}
bool draw_diag(Draw& d, Node& n) {
  n.in = {d.any(1, 2)};
  n.i = {d.whole(-2, 2)};
  return true;
}
bool draw_border(Draw& d, Node& n) {  // mode, pads..
  n.in = {d.any(1)};
  const Shape s = d.of(n.in[0]);
  n.i = {d.whole(1, 3)};
  for (int k = 1; k <= static_cast<int>(d.whole(1, s.size())) && k <= s.size(); ++k) {
    const int64_t most = s[-k] - (n.i[0] == 1 ? 1 : 0);
    if (most < 0 || s[-k] == 0) return false;
    for (int side = 0; side < 2; ++side)
      n.i.push_back(d.whole(0, n.i[0] == 2 ? 3 : std::min<int64_t>(most, 3)));
  }
  return true;
}

double number(double v) {
  return rounding.single() ? static_cast<double>(static_cast<float>(v)) : v;
}

Array chosen(const In& in) {
  const Array mask = broadcast_to(in.x(1), in.x().shape);
  Line out;
  for (size_t k = 0; k < mask.v.size(); ++k)
    if (mask.v[k].v() != 0) out.push_back(in.x().v[k]);
  Array y(Shape{static_cast<int64_t>(out.size())});
  y.v = out;
  return y;
}
// f(place in x, place in the index) in the index's order.
void each_place(const In& in, const std::function<void(size_t, size_t)>& f) {
  const int d = in.x().wrap(in.i(0));
  size_t e = 0;
  each(in.x(1).shape, [&](Multi o) {
    Shape to = o;
    const double k = in.x(1)[o].v();
    to[d] = static_cast<int64_t>(k) + (k < 0 ? in.x().shape[d] : 0);
    f(in.x().place(to), e++);
  });
}
Array scattered(const In& in, bool one) {
  Array y = in.x();
  if (!one) need(in.x(1).shape == in.x(2).shape);
  each_place(in, [&](size_t to, size_t k) { y.v[to] = one ? Jet(number(in.d(0))) : in.x(2).v[k]; });
  return y;
}
Array index_added(const In& in) {
  const Array& x = in.x();
  const int d = x.wrap(in.i(0));
  const std::vector<int64_t> at = in.whole(1, x.shape[d]);
  std::vector<Line> terms(x.v.size());
  for (size_t k = 0; k < terms.size(); ++k) terms[k] = {x.v[k]};
  need(in.x(2).shape[d] == static_cast<int64_t>(at.size()));
  each(in.x(2).shape, [&](Multi o) {
    Shape to = o;
    to[d] = at[static_cast<size_t>(o[d])];
    terms[x.place(to)].push_back(in.x(2)[o] * Jet(in.d(0)));
  });
  Array y = x;
  for (size_t k = 0; k < terms.size(); ++k) y.v[k] = total(terms[k]);
  return y;
}
Array embedded(const In& in) {
  const Array& w = in.x();
  need(w.dim() == 2 && in.i(0) >= -w.shape[0] && in.i(0) < w.shape[0]);
  const int64_t padding = in.i(0) + (in.i(0) < 0 ? w.shape[0] : 0);
  Shape s = in.x(1).shape;
  s.push_back(w.shape[1]);
  return build(s, [&](Multi at) {
    Shape from = at;
    from.erase(from.size() - 1);
    const auto row = static_cast<int64_t>(in.x(1)[from].v());
    need(row >= 0 && row < w.shape[0]);
    const Jet& e = w[Shape{row, at[-1]}];
    return row == padding ? frozen(e) : e;
  });
}
Array middle(const In& in) {
  return along(in.x(), in.i(0), [](const Line& v) {
    need(!v.empty());
    std::vector<size_t> at(v.size());
    std::iota(at.begin(), at.end(), size_t{0});
    for (size_t a = 0; a < v.size(); ++a) {
      if (std::isnan(v[a].v())) return Line{v[a]};
      for (size_t b = 0; b < a; ++b) below(v[a], v[b]);
    }
    std::stable_sort(at.begin(), at.end(), [&](size_t a, size_t b) { return v[a].v() < v[b].v(); });
    return Line{v[at[(v.size() - 1) / 2]]};
  });
}
Array diagonals(const In& in) {
  const Array& x = in.x();
  const int64_t k = in.i(0), up = std::max<int64_t>(k, 0), down = std::max<int64_t>(-k, 0);
  need(x.dim() == 1 || x.dim() == 2);
  if (x.dim() == 1) {
    const int64_t n = x.shape[0] + up + down;
    return build({n, n},
                 [&](Multi at) { return at[1] - at[0] == k ? x[Shape{at[0] - down}] : Jet(0.0); });
  }
  const int64_t n = std::max<int64_t>(0, std::min(x.shape[0] - down, x.shape[1] - up));
  return build({n}, [&](Multi at) { return x[Shape{at[0] + down, at[0] + up}]; });
}
Array bordered(const In& in) {
  const Array& x = in.x();
  const std::vector<int64_t> pads = in.rest(1);
  Shape s = x.shape, before = x.shape;
  for (int64_t& k : before) k = 0;
  need(pads.size() % 2 == 0 && static_cast<int>(pads.size()) <= 2 * x.dim());
  for (size_t k = 0; k < pads.size() / 2; ++k) {
    const int d = x.dim() - 1 - static_cast<int>(k);
    const int64_t most = std::max(pads[2 * k], pads[2 * k + 1]);
    need(std::min(pads[2 * k], pads[2 * k + 1]) >= 0 && s[d] > 0);
    need(in.i(0) == 2 || most <= s[d] - (in.i(0) == 1));
    before[d] = pads[2 * k];
    s[d] += pads[2 * k] + pads[2 * k + 1];
  }
  return build(s, [&](Multi at) {
    Shape from = at;
    for (int d = 0; d < x.dim(); ++d) {
      const int64_t n = x.shape[d];
      int64_t i = at[d] - before[d];
      while (i < 0 || i >= n)
        i = in.i(0) == 1   ? (i < 0 ? -i : 2 * n - 2 - i)
            : in.i(0) == 2 ? (i < 0 ? 0 : n - 1)
                           : (i < 0 ? i + n : i - n);
      from[d] = i;
    }
    return x[from];
  });
}

}  // namespace

const Table& selection_rows() {
  static const Table table = {
      {"masked_select", draw_chosen, chosen,
       [](const Args& a) { return masked_select(a[0], a[1]); }, "masked_select($0, $1)"},
      {"scatter", draw_scatter, [](const In& in) { return scattered(in, false); },
       [](const Args& a) { return scatter(a[0], a.i(0), a[1], a[2]); }, "scatter($0, #0, $1, $2)"},
      {"scatter a number", draw_places, [](const In& in) { return scattered(in, true); },
       [](const Args& a) { return scatter(a[0], a.i(0), a[1], a.d(0)); },
       "scatter($0, #0, $1, @0)"},
      {"index_add", draw_index_add, index_added,
       [](const Args& a) { return index_add(a[0], a.i(0), a[1], a[2], a.d(0)); },
       "index_add($0, #0, $1, $2, @0)"},
      {"embedding", draw_embedding, embedded,
       [](const Args& a) { return embedding(a[1], a[0], a.i(0)); }, "embedding($1, $0, #0)", 1},
      {"median", draw_median, middle,
       [](const Args& a) { return median(a[0], a.i(0), true).values; },
       "median($0, #0, true).values"},
      {"diag", draw_diag, diagonals, [](const Args& a) { return diag(a[0], a.i(0)); },
       "diag($0, #0)", 1},
      {"pad by mode", draw_border, bordered,
       [](const Args& a) {
         return pad(a[0], {a.node.i.begin() + 1, a.node.i.end()}, static_cast<PadMode>(a.i(0)));
       },
       "pad($0, {#1..}, PadMode(#0))"},
  };
  return table;
}

}  // namespace regrad::programs
