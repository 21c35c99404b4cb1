// Views, joining and rearranging: where each element comes from.
#include <algorithm>

#include <regrad/engine/functional.h>

#include "draw.h"

namespace regrad::programs {
namespace {

using Whole = std::vector<int64_t>;

bool draw_reshape(Draw& d, Node& n) {
  n.in = {d.any()};
  Shape s = d.of(n.in[0]);
  // Join neighbours, split sizes, put ones in.
  for (int64_t k = d.whole(1, 4); k > 0; --k) {
    if (s.size() >= 2 && d.flag()) {
      const int at = static_cast<int>(d.whole(0, s.size() - 2));
      s[at] *= s[at + 1];
      s.erase(at + 1);
    } else if (s.size() < 5) {
      const int at = static_cast<int>(d.whole(0, s.size()));
      int64_t by = 1;
      if (at < s.size())
        for (int64_t f : {2, 3})
          if (s[at] > 0 && s[at] % f == 0 && d.flag()) by = f;
      if (by > 1) s[at] /= by;
      s.insert(at, by);
    }
  }
  n.i = {s.begin(), s.end()};
  if (!s.empty() && s.numel() > 0 && d.once_in(3))
    n.i[static_cast<size_t>(d.whole(0, s.size() - 1))] = -1;
  return true;
}
bool draw_flatten(Draw& d, Node& n) {
  n.in = {d.any(1)};
  const int64_t r = d.of(n.in[0]).size(), a = d.whole(0, r - 1), b = d.whole(a, r - 1);
  n.i = {d.flag() ? a : a - r, d.flag() ? b : b - r};
  return true;
}
bool draw_dim_pair(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.i = {d.dim(n.in[0]), d.dim(n.in[0])};
  return true;
}
bool draw_permute(Draw& d, Node& n) {
  n.in = {d.any()};
  for (int64_t k = 0; k < d.of(n.in[0]).size(); ++k)
    n.i.insert(n.i.begin() + static_cast<std::ptrdiff_t>(d.whole(0, k)), k);
  return true;
}
bool draw_expand(Draw& d, Node& n) {
  n.in = {d.any()};
  Shape s = d.of(n.in[0]);
  for (int64_t& k : s)
    if (k == 1 && d.flag()) k = d.once_in(20) ? 0 : d.whole(1, 5);
  if (s.size() < 5 && d.once_in(3)) s.insert(0, d.whole(1, 3));
  n.i = {s.begin(), s.end()};
  return s.numel() <= 1000;
}
bool draw_unsqueeze(Draw& d, Node& n) {
  n.in = {d.any(0, 5)};
  const int64_t r = d.of(n.in[0]).size();
  n.i = {d.whole(-r - 1, r)};
  return true;
}
bool draw_slice(Draw& d, Node& n) {
  draw_dim(d, n);
  const int64_t size = d.of(n.in[0])[static_cast<int>(n.i[0])];
  n.i.insert(n.i.end(),
             {d.whole(-size - 1, size + 1), d.whole(-size - 1, size + 2), d.whole(1, 3)});
  return true;
}
bool draw_select(Draw& d, Node& n) {
  draw_dim(d, n);
  const int64_t size = d.of(n.in[0])[static_cast<int>(n.i[0])];
  if (size == 0) return false;
  n.i.push_back(d.whole(-size, size - 1));
  return true;
}
bool draw_unslice(Draw& d, Node& n) {
  draw_dim(d, n);
  const int64_t size = d.of(n.in[0])[static_cast<int>(n.i[0])], start = d.whole(0, 2),
                step = d.whole(1, 3);
  n.i.insert(n.i.end(),
             {start + std::max<int64_t>(0, (size - 1) * step + 1) + d.whole(0, 2), start, step});
  return true;
}
bool draw_cat(Draw& d, Node& n) {
  draw_dim(d, n);
  Shape s = d.of(n.in[0]);
  const int64_t more = d.whole(0, 3);
  for (int64_t k = 0; k < more; ++k) {
    if (d.flag()) s[static_cast<int>(n.i[0])] = d.whole(0, 4);
    n.in.push_back(d.like(s));
  }
  return true;
}
bool draw_stack(Draw& d, Node& n) {
  draw_unsqueeze(d, n);
  for (int64_t k = d.whole(0, 2); k > 0; --k) n.in.push_back(d.like(d.of(n.in[0])));
  return true;
}
bool draw_pieces(Draw& d, Node& n) {  // dim, how, which
  draw_dim(d, n);
  n.i.insert(n.i.end(), {d.whole(1, 3), d.whole(0, 3)});
  return true;
}
bool draw_pad(Draw& d, Node& n) {
  n.in = {d.any(1)};
  const Shape s = d.of(n.in[0]);
  for (int64_t k = 1; k <= d.whole(1, s.size()); ++k) {
    const int64_t size = s[-static_cast<int>(std::min<int64_t>(k, s.size()))];
    const int64_t before = d.once_in(4) ? -d.whole(0, size) : d.whole(0, 2);
    n.i.insert(n.i.end(),
               {before, d.once_in(4)
                            ? -d.whole(0, std::max<int64_t>(0, size + std::min<int64_t>(before, 0)))
                            : d.whole(0, 2)});
  }
  n.i.resize(std::min(n.i.size(), static_cast<size_t>(2 * s.size())));
  n.d = {d.flag() ? 0 : d.real()};
  return true;
}
bool draw_flip(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.i = d.dims(n.in[0], 1);
  return true;
}
bool draw_roll(Draw& d, Node& n) {
  draw_dim(d, n);
  n.i.push_back(d.whole(-6, 6));
  return true;
}
bool draw_repeat(Draw& d, Node& n) {
  n.in = {d.any(0, 4)};
  for (int64_t k = d.of(n.in[0]).size() + d.whole(0, 1); k > 0; --k)
    n.i.push_back(d.once_in(20) ? 0 : d.whole(1, 3));
  return true;
}
bool draw_triangle(Draw& d, Node& n) {
  n.in = {d.any(2)};
  n.i = {d.whole(-3, 3)};
  return true;
}
bool draw_diagonal(Draw& d, Node& n) {
  n.in = {d.any(2)};
  const int64_t r = d.of(n.in[0]).size(), a = d.whole(0, r - 1), b = (a + d.whole(1, r - 1)) % r;
  n.i = {d.whole(-3, 3), a, d.flag() ? b : b - r};
  return true;
}

Array permuted(const Array& x, const Whole& dims) {
  need(static_cast<int>(dims.size()) == x.dim());
  Shape s = x.shape;
  for (int k = 0; k < x.dim(); ++k) s[k] = x.size(dims[static_cast<size_t>(k)]);
  return build(s, [&](Multi at) {
    Shape from = at;
    for (int k = 0; k < x.dim(); ++k) from[x.wrap(dims[static_cast<size_t>(k)])] = at[k];
    return x[from];
  });
}
Array sliced(const Array& x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  const int d = x.wrap(dim);
  const int64_t n = x.shape[d];
  need(step > 0);
  const auto clip = [n](int64_t k) { return std::clamp<int64_t>(k < 0 ? k + n : k, 0, n); };
  Shape s = x.shape;
  s[d] = std::max<int64_t>(0, (clip(stop) - clip(start) + step - 1) / step);
  return build(s, [&](Multi at) {
    Shape from = at;
    from[d] = clip(start) + at[d] * step;
    return x[from];
  });
}
Array joined(const In& in, int64_t dim) {
  const int d = in.x().wrap(dim);
  Shape s = in.x().shape;
  s[d] = 0;
  for (const Array* a : in.arrays) {
    need(a->dim() == s.size());
    for (int k = 0; k < s.size(); ++k) need(k == d || a->shape[k] == s[k]);
    s[d] += a->shape[d];
  }
  return build(s, [&](Multi at) {
    Shape from = at;
    for (const Array* a : in.arrays) {
      if (from[d] < a->shape[d]) return (*a)[from];
      from[d] -= a->shape[d];
    }
    return Jet();
  });
}
Array stacked(const In& in) {
  const Array& x = in.x();
  const int64_t r = x.dim() + 1, d = in.i(0) < 0 ? in.i(0) + r : in.i(0);
  need(d >= 0 && d < r);
  Shape s = x.shape;
  s.insert(static_cast<int>(d), static_cast<int64_t>(in.arrays.size()));
  for (const Array* a : in.arrays) need(a->shape == x.shape);
  return build(s, [&](Multi at) {
    Shape from = at;
    from.erase(static_cast<int>(d));
    return (*in.arrays[static_cast<size_t>(at[static_cast<int>(d)])])[from];
  });
}
// The piece that split (of `size`) or chunk gives at place `which`.
Array piece(const In& in, bool chunks) {
  need(in.i(1) >= 1 && in.i(2) >= 0);
  const int64_t n = in.x().size(in.i(0)),
                size = chunks ? std::max<int64_t>(1, (n + in.i(1) - 1) / in.i(1)) : in.i(1),
                count = std::max<int64_t>(1, (n + size - 1) / size);
  const int64_t k = in.i(2) % count;
  return sliced(in.x(), in.i(0), k * size, std::min(n, (k + 1) * size), 1);
}
Array padded(const In& in) {
  const Array& x = in.x();
  Shape s = x.shape, before = x.shape;
  for (int64_t& k : before) k = 0;
  need(in.node.i.size() % 2 == 0 && static_cast<int>(in.node.i.size()) <= 2 * x.dim());
  for (size_t k = 0; k < in.node.i.size() / 2; ++k) {
    const int d = x.dim() - 1 - static_cast<int>(k);
    before[d] = in.i(2 * k);
    s[d] += in.i(2 * k) + in.i(2 * k + 1);
  }
  return build(s, [&](Multi at) {
    Shape from = at;
    for (int d = 0; d < x.dim(); ++d) {
      from[d] -= before[d];
      if (from[d] < 0 || from[d] >= x.shape[d])
        return Jet(rounding.single() ? static_cast<double>(static_cast<float>(in.d(0))) : in.d(0));
    }
    return x[from];
  });
}
Array repeated(const In& in) {
  const Array& x = in.x();
  Shape s;
  const int lead = static_cast<int>(in.node.i.size()) - x.dim();
  need(lead >= 0);
  for (int k = 0; k < static_cast<int>(in.node.i.size()); ++k)
    s.push_back(in.i(static_cast<size_t>(k)) * (k < lead ? 1 : x.shape[k - lead]));
  return build(s, [&](Multi at) {
    Shape from = x.shape;
    for (int d = 0; d < x.dim(); ++d) from[d] = at[d + lead] % x.shape[d];
    return x[from];
  });
}
Array triangle(const In& in, bool lower) {
  need(in.x().dim() >= 2);
  return build(in.x().shape, [&](Multi at) {
    return (lower ? at[-1] - at[-2] <= in.i(0) : at[-1] - at[-2] >= in.i(0)) ? in.x()[at] : Jet();
  });
}
Array diagonal_of(const In& in) {
  const Array& x = in.x();
  const int a = x.wrap(in.i(1)), b = x.wrap(in.i(2));
  need(a != b);
  const int64_t o = in.i(0),
                n = std::max<int64_t>(0, o >= 0 ? std::min(x.shape[a], x.shape[b] - o)
                                                : std::min(x.shape[a] + o, x.shape[b]));
  Shape s;
  for (int d = 0; d < x.dim(); ++d)
    if (d != a && d != b) s.push_back(x.shape[d]);
  s.push_back(n);
  return build(s, [&](Multi at) {
    Shape from = x.shape;
    int k = 0;
    for (int d = 0; d < x.dim(); ++d)
      if (d != a && d != b) from[d] = at[k++];
    from[a] = at[-1] + std::max<int64_t>(0, -o);
    from[b] = at[-1] + std::max<int64_t>(0, o);
    return x[from];
  });
}
Array squeezed(const In& in) {
  Array y = in.x();
  const int d = y.wrap(in.i(0));
  if (y.shape[d] == 1) y.shape.erase(d);
  return y;
}
Array unsqueezed(const In& in) {
  Array y = in.x();
  const int64_t r = y.dim() + 1, d = in.i(0) < 0 ? in.i(0) + r : in.i(0);
  need(d >= 0 && d < r);
  y.shape.insert(static_cast<int>(d), 1);
  return y;
}
Array flattened(const In& in) {
  Array y = in.x();
  const int a = y.wrap(in.i(0)), b = y.wrap(in.i(1));
  need(a <= b);
  for (int k = a; k < b; ++k) {
    y.shape[a] *= y.shape[a + 1];
    y.shape.erase(a + 1);
  }
  return y;
}
Array moved(const In& in, const Whole& dims, int64_t shift) {  // reversed where shift is none
  const Array& x = in.x();
  return build(x.shape, [&](Multi at) {
    Shape from = at;
    for (int64_t k : dims) {
      const int d = x.wrap(k);
      const int64_t n = x.shape[d];
      from[d] = shift == INT64_MIN ? n - 1 - at[d] : ((at[d] - shift) % n + n) % n;
    }
    return x[from];
  });
}
Shape shape_of(const Whole& v) {
  Shape s;
  for (int64_t k : v) s.push_back(k);
  return s;
}

}  // namespace

const Table& view_rows() {
  static const Table table = {
      {"reshape", draw_reshape, [](const In& in) { return reshaped(in.x(), shape_of(in.node.i)); },
       [](const Args& a) { return reshape(a[0], a.rest(0)); }, "reshape($0, {#0..})", 4},
      {"flatten", draw_flatten, flattened,
       [](const Args& a) { return flatten(a[0], a.i(0), a.i(1)); }, "flatten($0, #0, #1)"},
      {"transpose", draw_dim_pair,
       [](const In& in) { return transposed(in.x(), in.i(0), in.i(1)); },
       [](const Args& a) { return transpose(a[0], a.i(0), a.i(1)); }, "transpose($0, #0, #1)", 5},
      {"permute", draw_permute, [](const In& in) { return permuted(in.x(), in.node.i); },
       [](const Args& a) { return permute(a[0], a.rest(0)); }, "permute($0, {#0..})", 5},
      {"expand", draw_expand,
       [](const In& in) { return broadcast_to(in.x(), shape_of(in.node.i)); },
       [](const Args& a) { return expand(a[0], a.rest(0)); }, "expand($0, {#0..})", 7},
      {"unsqueeze", draw_unsqueeze, unsqueezed,
       [](const Args& a) { return unsqueeze(a[0], a.i(0)); }, "unsqueeze($0, #0)"},
      {"squeeze", draw_dim, squeezed, [](const Args& a) { return squeeze(a[0], a.i(0)); },
       "squeeze($0, #0)"},
      {"slice", draw_slice,
       [](const In& in) { return sliced(in.x(), in.i(0), in.i(1), in.i(2), in.i(3)); },
       [](const Args& a) { return slice(a[0], a.i(0), a.i(1), a.i(2), a.i(3)); },
       "slice($0, #0, #1, #2, #3)", 4},
      {"select", draw_select,
       [](const In& in) {
         const int64_t n = in.x().size(in.i(0)), k = in.i(1) < 0 ? in.i(1) + n : in.i(1);
         need(k >= 0 && k < n);
         Array y = sliced(in.x(), in.i(0), k, k + 1, 1);
         y.shape.erase(y.wrap(in.i(0)));
         return y;
       },
       [](const Args& a) { return select(a[0], a.i(0), a.i(1)); }, "select($0, #0, #1)"},
      {"unslice", draw_unslice,
       [](const In& in) {
         const int d = in.x().wrap(in.i(0));
         Shape s = in.x().shape;
         s[d] = in.i(1);
         Array y(s);
         need(in.i(3) > 0);
         each(in.x().shape, [&](Multi at) {
           Shape to = at;
           to[d] = in.i(2) + at[d] * in.i(3);
           y[to] = in.x()[at];
         });
         return y;
       },
       [](const Args& a) { return unslice(a[0], a.i(0), a.i(1), a.i(2), a.i(3)); },
       "unslice($0, #0, #1, #2, #3)"},
      {"contiguous", draw_one, [](const In& in) { return in.x(); },
       [](const Args& a) { return contiguous(a[0]); }, "contiguous($0)", 1},
      {"cat", draw_cat, [](const In& in) { return joined(in, in.i(0)); },
       [](const Args& a) { return cat(a.t, a.i(0)); }, "cat({$0, $1, $2, $3}, #0)", 4},
      {"stack", draw_stack, stacked, [](const Args& a) { return stack(a.t, a.i(0)); },
       "stack({$0, $1, $2}, #0)"},
      {"split", draw_pieces, [](const In& in) { return piece(in, false); },
       [](const Args& a) {
         const auto p = split(a[0], a.i(1), a.i(0));
         return p[static_cast<size_t>(a.i(2)) % p.size()];
       },
       "split($0, #1, #0).at(#2)"},
      {"chunk", draw_pieces, [](const In& in) { return piece(in, true); },
       [](const Args& a) {
         const auto p = chunk(a[0], a.i(1), a.i(0));
         return p[static_cast<size_t>(a.i(2)) % p.size()];
       },
       "chunk($0, #1, #0).at(#2)"},
      {"pad", draw_pad, padded, [](const Args& a) { return pad(a[0], a.node.i, a.d(0)); },
       "pad($0, {#0..}, @0)", 4},
      {"flip", draw_flip, [](const In& in) { return moved(in, in.node.i, INT64_MIN); },
       [](const Args& a) { return flip(a[0], a.rest(0)); }, "flip($0, {#0..})"},
      {"roll", draw_roll, [](const In& in) { return moved(in, {in.i(0)}, in.i(1)); },
       [](const Args& a) { return roll(a[0], a.i(1), a.i(0)); }, "roll($0, #1, #0)"},
      {"repeat", draw_repeat, repeated, [](const Args& a) { return repeat(a[0], a.rest(0)); },
       "repeat($0, {#0..})", 3},
      {"tril", draw_triangle, [](const In& in) { return triangle(in, true); },
       [](const Args& a) { return tril(a[0], a.i(0)); }, "tril($0, #0)"},
      {"triu", draw_triangle, [](const In& in) { return triangle(in, false); },
       [](const Args& a) { return triu(a[0], a.i(0)); }, "triu($0, #0)"},
      {"diagonal", draw_diagonal, diagonal_of,
       [](const Args& a) { return diagonal(a[0], a.i(0), a.i(1), a.i(2)); },
       "diagonal($0, #0, #1, #2)", 3},
  };
  return table;
}

}  // namespace regrad::programs
