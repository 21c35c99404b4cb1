// Indexing by tensors of whole numbers, and masks.
#include <algorithm>

#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {
namespace {

bool draw_select(Draw& d, Node& n) {
  draw_dim(d, n);
  const int64_t size = d.of(n.in[0])[static_cast<int>(n.i[0])], count = d.whole(0, 5);
  if (size == 0 && count > 0) return false;
  n.in.push_back(d.index({count}, -size, std::max<int64_t>(size, -size + 1)));
  return true;
}
// x, dim, and an index no larger than x but along dim.
bool draw_gather(Draw& d, Node& n) {
  draw_dim(d, n);
  Shape s = d.of(n.in[0]);
  const int at = static_cast<int>(n.i[0]);
  const int64_t size = s[at];
  if (size == 0) return false;
  for (int64_t& k : s)
    if (k > 1 && d.once_in(3)) k = d.whole(1, k);
  s[at] = d.whole(0, 4);
  n.in.push_back(d.index(s, -size, size));
  return true;
}
bool draw_scatter(Draw& d, Node& n) {
  if (!draw_gather(d, n)) return false;
  n.in.push_back(d.like(d.of(n.in[1])));
  return true;
}
bool draw_fill(Draw& d, Node& n) {
  n.in = {d.any()};
  Shape s = d.of(n.in[0]);
  while (!s.empty() && d.once_in(3)) s.erase(0);
  for (int64_t& k : s)
    if (d.once_in(3)) k = 1;
  n.in.push_back(d.mask(s));
  n.d = {d.real()};
  return true;
}
bool draw_put(Draw& d, Node& n) {  // x, values, indices..; accumulate
  n.in = {d.any(1)};
  const Shape s = d.of(n.in[0]);
  const Shape at = d.shape(0, 2);
  const int64_t count = d.whole(1, std::min(2, s.size()));
  if (s.numel() == 0 || at.numel() == 0) return false;
  Shape v = at;
  for (int k = static_cast<int>(count); k < s.size(); ++k) v.push_back(s[k]);
  n.in.push_back(d.to(v));
  for (int k = 0; k < count; ++k)
    n.in.push_back(d.index(d.once_in(4) ? Shape{1} : at, -s[k], s[k]));
  for (int k = 2; k < 2 + count; ++k)
    if (d.of(n.in[static_cast<size_t>(k)]) != at)
      n.in[static_cast<size_t>(k)] = d.index(at, -s[k - 2], s[k - 2]);
  n.i = {d.flag()};
  return true;
}
bool draw_classes(Draw& d, Node& n) {
  const int64_t classes = d.whole(1, 4);
  n.in = {d.index(d.shape(0, 3), 0, classes)};
  n.i = {classes};
  return true;
}
bool draw_whole(Draw& d, Node& n) {
  n.in = {d.any()};
  Shape s = d.of(n.in[0]);
  for (int64_t& k : s)
    if (d.once_in(3)) k = 1;
  n.in.push_back(d.index(s, -3, 4));
  return true;
}
bool draw_gumbel(Draw& d, Node& n) {  // dim, hard, seed; tau
  draw_dim(d, n);
  n.i.insert(n.i.end(), {d.flag(), d.whole(0, 1000)});
  n.d = {d.flag() ? 1 : 0.5};
  return d.of(n.in[0]).numel() > 0;
}
bool draw_dropout(Draw& d, Node& n) {
  n.in = {d.any()};
  n.i = {d.whole(0, 1000)};
  n.d = {d.once_in(6) ? static_cast<double>(d.flag()) : d.unit()};
  return true;
}

int64_t checked(int64_t k, int64_t n) {
  need(k >= 0 && k < n);
  return k;
}
Array selected(const In& in) {
  const int d = in.x().wrap(in.i(0));
  const std::vector<int64_t> at = in.whole(1, in.x().shape[d]);
  Shape s = in.x().shape;
  s[d] = static_cast<int64_t>(at.size());
  return build(s, [&](Multi o) {
    Shape from = o;
    from[d] = at[static_cast<size_t>(o[d])];
    return in.x()[from];
  });
}
Array gathered(const In& in) {
  const int d = in.x().wrap(in.i(0));
  return build(in.x(1).shape, [&](Multi o) {
    Shape from = o;
    const double k = in.x(1)[o].v();
    from[d] = static_cast<int64_t>(k) + (k < 0 ? in.x().shape[d] : 0);
    return in.x()[from];
  });
}
Array scattered(const In& in) {
  const Array& x = in.x();
  const int d = x.wrap(in.i(0));
  std::vector<Line> terms(x.v.size());
  for (size_t k = 0; k < terms.size(); ++k) terms[k] = {x.v[k]};
  need(in.x(1).shape == in.x(2).shape);
  each(in.x(1).shape, [&](Multi o) {
    Shape to = o;
    const double k = in.x(1)[o].v();
    to[d] = static_cast<int64_t>(k) + (k < 0 ? x.shape[d] : 0);
    terms[x.place(to)].push_back(in.x(2)[o]);
  });
  Array y = x;
  for (size_t k = 0; k < terms.size(); ++k) y.v[k] = total(terms[k]);
  return y;
}
Array put(const In& in) {
  const Array& x = in.x();
  std::vector<std::vector<int64_t>> at;
  Shape s = in.x(2).shape, v = s;
  for (size_t k = 2; k < in.arrays.size(); ++k) {
    need(in.x(k).shape == s);
    at.push_back(in.whole(k, x.size(static_cast<int64_t>(k) - 2)));
  }
  const int count = static_cast<int>(at.size());
  for (int k = count; k < x.dim(); ++k) v.push_back(x.shape[k]);
  const Array values = broadcast_to(in.x(1), v);
  std::vector<Line> terms(x.v.size());
  for (size_t k = 0; k < terms.size(); ++k) terms[k] = {x.v[k]};
  size_t e = 0;
  each(v, [&](Multi o) {
    Shape to = x.shape;
    size_t place = 0;
    for (int k = 0; k < s.size(); ++k)
      place = place * static_cast<size_t>(s[k]) + static_cast<size_t>(o[k]);
    for (int k = 0; k < x.dim(); ++k)
      to[k] = k < count ? checked(at[static_cast<size_t>(k)][place], x.shape[k])
                        : o[s.size() + k - count];
    Line& there = terms[x.place(to)];
    if (in.i(0) == 0) there.clear();
    there.push_back(values.v[e++]);
  });
  Array y = x;
  for (size_t k = 0; k < terms.size(); ++k) y.v[k] = total(terms[k]);
  return y;
}
Array gumbel(const In& in) {
  Array y = in.x();
  const std::vector<double> u = uniform(Random(static_cast<uint64_t>(in.i(2))), y.shape, 0, 1,
                                        rounding.single() ? DType::f32 : DType::f64)
                                    .to_vector();
  for (size_t k = 0; k < y.v.size(); ++k)
    y.v[k] =
        (y.v[k] - log(-log1p(-Jet(u[k])) + Jet(std::numeric_limits<float>::min()))) / Jet(in.d(0));
  return along(y, in.i(0), [&](const Line& v) {
    Line soft = softmax_of(v);
    if (!in.i(1)) return soft;
    size_t best = 0;
    for (size_t k = 1; k < soft.size(); ++k)
      if (below(soft[best], soft[k])) best = k;
    for (size_t k = 0; k < soft.size(); ++k)
      soft[k].c[0] = {(k == best) + (soft[k].v() - soft[k].v()), 0};
    return soft;
  });
}
// The stream of the engine is what it is; which elements it drops is not this test's matter.
Array dropped(const In& in) {
  const double p = in.d(0);
  if (p == 0) return in.x();
  const std::vector<double> u = uniform(Random(static_cast<uint64_t>(in.i(0))), in.x().shape, 0, 1,
                                        rounding.single() ? DType::f32 : DType::f64)
                                    .to_vector();
  Array y = in.x();
  const double bound = rounding.single() ? static_cast<double>(static_cast<float>(p)) : p;
  for (size_t k = 0; k < y.v.size(); ++k)
    y.v[k] = p == 1 || u[k] < bound ? Jet(0.0) : y.v[k] * (Jet(1.0) / Jet(1 - p));
  return y;
}

}  // namespace

const Table& index_rows() {
  static const Table table = {
      {"index_select", draw_select, selected,
       [](const Args& a) { return index_select(a[0], a.i(0), a[1]); }, "index_select($0, #0, $1)",
       3},
      {"gather", draw_gather, gathered, [](const Args& a) { return gather(a[0], a.i(0), a[1]); },
       "gather($0, #0, $1)", 3},
      {"scatter_add", draw_scatter, scattered,
       [](const Args& a) { return scatter_add(a[0], a.i(0), a[1], a[2]); },
       "scatter_add($0, #0, $1, $2)", 3},
      {"index_put", draw_put, put,
       [](const Args& a) {
         return index_put(a[0], TensorList(a.t.data() + 2, static_cast<int64_t>(a.t.size()) - 2),
                          a[1], a.i(0));
       },
       "index_put($0, {$2, $3}, $1, #0)", 3},
      {"masked_fill", draw_fill,
       [](const In& in) {
         const Array m = broadcast_to(in.x(1), in.x().shape);
         Array y = in.x();
         for (size_t k = 0; k < y.v.size(); ++k)
           if (m.v[k].v() != 0)
             y.v[k] = Jet(rounding.single() ? static_cast<double>(static_cast<float>(in.d(0)))
                                            : in.d(0));
         return y;
       },
       [](const Args& a) { return masked_fill(a[0], a[1], a.d(0)); }, "masked_fill($0, $1, @0)", 3},
      {"one_hot", draw_classes,
       [](const In& in) {
         Shape s = in.x().shape;
         s.push_back(in.i(0));
         return build(s, [&](Multi at) {
           Shape from = at;
           from.erase(from.size() - 1);
           const double k = in.x()[from].v();
           need(k >= 0 && k < static_cast<double>(in.i(0)));
           return Jet(static_cast<double>(at[-1]) == k);
         });
       },
       [](const Args& a) { return to(one_hot(a[0], a.i(0)), a.dtype); },
       "to(one_hot($0, #0), dtype)", 1},
      {"times whole numbers", draw_whole,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& x, const Jet& k) { return x * k; });
       },
       [](const Args& a) { return a[0] * a[1]; }, "$0 * $1"},
      {"gumbel_softmax", draw_gumbel, gumbel,
       [](const Args& a) {
         return gumbel_softmax(a[0], Random(static_cast<uint64_t>(a.i(2))), a.d(0), a.i(1), a.i(0));
       },
       "gumbel_softmax($0, Random(#2), @0, #1, #0)", 1},
      {"dropout", draw_dropout, dropped,
       [](const Args& a) { return dropout(a[0], a.d(0), Random(static_cast<uint64_t>(a.i(0)))); },
       "dropout($0, @0, Random(#0))", 1},
  };
  return table;
}

}  // namespace regrad::programs
