// Norms by statistics, with what is fused into them.
#include <algorithm>
#include <cmath>

#include <regrad/engine/freq.h>
#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {
namespace {

constexpr double eps = 1e-5;
Jet tiny(double e) { return Jet(rounded(e, 0)); }
Jet relu_of(const Jet& x) { return std::isnan(x.v()) || below(0, x) ? x : Jet(0.0); }
// A mean taken in steps rounds at each.
Jet running_mean(const Line& v) {
  Jet m = mean_of(v);
  double size = 0;
  for (const Jet& x : v) size += std::abs(x.v());
  if (v.size() > 1 && std::isfinite(size))
    m.c[0].e += rounding.unit * size / static_cast<double>(v.size());
  return m;
}
Line standard(const Line& v) {
  const Jet m = running_mean(v), r = rsqrt(variance(v, 0) + tiny(eps));
  Line out;
  for (const Jet& x : v) {
    Jet d = x - m;
    // whose square is none: equal elements
    if (d.v() * d.v() < rounding.tiny) d.c[0].e += std::abs(d.v());
    out.push_back(d * r);
  }
  return out;
}
Array times(const Array& a, const Array& b) {
  return map2(a, b, [](const Jet& x, const Jet& y) { return x * y; });
}
Array plus(const Array& a, const Array& b) {
  return map2(a, b, [](const Jet& x, const Jet& y) { return x + y; });
}
// Channels [C] or [T,C] beside images [.., C, rest]: with ones behind, and for tasks one after the
// first.
Array beside(const Array& c, const Array& x, int channel) {
  Array y = c;
  if (c.dim() == 2) y.shape.insert(1, 1);
  for (int d = channel + 1; d < x.dim(); ++d) y.shape.push_back(1);
  need(y.dim() <= x.dim() && broadcast_shape(y.shape, x.shape) == x.shape &&
       c.shape[-1] == x.shape[channel] && (c.dim() == 1 || c.shape[0] == x.shape[0]));
  return y;
}
Array scaled(Array y, const In& in, size_t weight, const Array& x, int channel) {
  if (in.has(weight)) y = times(y, beside(in.x(weight), x, channel));
  if (in.has(weight + 1)) y = plus(y, beside(in.x(weight + 1), x, channel));
  return y;
}

// What comes of infinite or denormal parameters depends on how a row is written.
void unsettled(const In& in, size_t k) {
  if (!in.has(k)) return;
  for (const Jet& x : in.x(k).v)
    if (!std::isfinite(x.v()) ||
        (x.v() != 0 && std::abs(x.v()) < (rounding.single() ? 1e-25 : 1e-150)))
      rounding.undecided = true;
}

// (x - mean) / sqrt(var + eps) weight + bias, whose terms cancel as x scale + (bias - mean scale)
// does.
Array by_given(const Array& x, const In& in, size_t mean, size_t weight, int channel) {
  Array scale =
      map(beside(in.x(mean + 1), x, channel), [](const Jet& v) { return rsqrt(v + tiny(eps)); });
  if (in.has(weight))
    scale = map2(scale, beside(in.x(weight), x, channel),
                 [](const Jet& a, const Jet& b) { return a * b; });
  const Array m = beside(in.x(mean), x, channel),
              bias = in.has(weight + 1) ? beside(in.x(weight + 1), x, channel) : Array(Shape{});
  return build(x.shape, [&](Multi at) {
    const auto here = [&](const Array& a) { return a[broadcast_place(a.shape, at)]; };
    return total({x[at] * here(scale), -(here(m) * here(scale)), here(bias)});
  });
}

bool draw_over(Draw& d, Node& n) {
  n.in = {d.once_in(3) ? d.leaf(d.shape(1, 5)) : d.any(1)};
  n.i = d.dims(n.in[0], 1);
  return d.of(n.in[0]).numel() > 0;
}
bool draw_layer(Draw& d, Node& n) {  // x, weight, bias; how many dims
  n.in = {d.any(1), -1, -1};
  const Shape s = d.of(n.in[0]);
  n.i = {d.whole(1, s.size())};
  const Shape last(s.end() - n.i[0], s.end());
  for (size_t k : {1, 2})
    if (d.flag()) n.in[k] = d.like(last);
  return s.numel() > 0;
}
bool draw_groups(Draw& d, Node& n) {  // x, weight, bias; groups
  n.in = {d.any(2), -1, -1};
  const Shape s = d.of(n.in[0]);
  if (s.numel() == 0) return false;
  std::vector<int64_t> divisors;
  for (int64_t g = 1; g <= s[1]; ++g)
    if (s[1] % g == 0) divisors.push_back(g);
  n.i = {divisors[static_cast<size_t>(d.whole(0, static_cast<int64_t>(divisors.size()) - 1))]};
  for (size_t k : {1, 2})
    if (d.flag()) n.in[k] = d.like({s[1]});
  return true;
}
bool draw_instance(Draw& d, Node& n) { return draw_groups(d, n) && d.of(n.in[0]).size() >= 3; }
int pictures(Draw& d) {
  if (d.once_in(3)) return d.any(4, 5);
  Shape s{d.whole(1, 3), d.once_in(6) ? 17 : d.whole(1, 4), d.whole(1, 5), d.whole(1, 5)};
  if (d.once_in(3)) s.insert(0, d.whole(1, 3));
  if (d.once_in(8)) s = {d.whole(1, 5), d.whole(1, 4)};
  return d.like(s);
}
// x, weight, bias, residual, mean, var; relu, kernel (0: no pooling), stride, padding.
bool draw_batch(Draw& d, Node& n, bool given) {
  n.in = {pictures(d), -1, -1, -1, -1, -1};
  const Shape s = d.of(n.in[0]);
  if (s.numel() == 0) return false;
  const auto channels = [&] {
    const int64_t c = s[s.size() == 2 ? 1 : -3];
    return s.size() == 5 && d.flag() ? Shape{s[0], c} : Shape{c};
  };
  for (size_t k : {1, 2})
    if (!d.once_in(3)) n.in[k] = d.like(channels());
  n.i = {d.flag(), 0, 1, 0};
  if (d.once_in(3)) {
    n.in[3] = d.like(s);
  } else if (s.size() >= 4 && d.once_in(3)) {
    const int64_t k = d.whole(1, 3);
    n.i = {n.i[0], k, d.whole(1, 2), d.whole(0, k / 2)};
    for (int e : {-1, -2})
      if (s[e] + 2 * n.i[3] < k) return false;
  }
  if (given) {
    n.in[4] = d.like(channels());
    n.in[5] = d.leaf(channels(), Fill::positive);
  }
  return true;
}
bool draw_batch_seen(Draw& d, Node& n) { return draw_batch(d, n, false); }
bool draw_batch_given(Draw& d, Node& n) { return draw_batch(d, n, true); }

Array pooled(const Array& x, int64_t k, int64_t stride, int64_t pad) {
  Shape s = x.shape;
  need(x.dim() >= 4 && stride > 0 && pad >= 0 && 2 * pad <= k);
  for (int e : {-1, -2}) {
    need(s[e] + 2 * pad >= k);
    s[e] = (s[e] + 2 * pad - k) / stride + 1;
  }
  return build(s, [&](Multi at) {
    Jet best;
    bool any = false;
    Shape from = at;
    for (int64_t i = 0; i < k; ++i)
      for (int64_t j = 0; j < k; ++j) {
        from[-2] = at[-2] * stride - pad + i;
        from[-1] = at[-1] * stride - pad + j;
        if (from[-2] < 0 || from[-2] >= x.shape[-2] || from[-1] < 0 || from[-1] >= x.shape[-1])
          continue;
        const Jet& e = x[from];
        if (!any || (!std::isnan(best.v()) && (std::isnan(e.v()) || below(best, e)))) best = e;
        any = true;
      }
    return best;
  });
}
Array batch_of(const In& in) {
  const Array& x = in.x();
  need((x.dim() == 2 || x.dim() == 4 || x.dim() == 5) && x.shape.numel() > 0);
  const int channel = x.dim() == 2 ? 1 : x.dim() - 3;
  Array y;
  for (size_t k : {1, 2, 4, 5}) unsettled(in, k);
  if (in.has(4)) {
    y = by_given(x, in, 4, 1, channel);
  } else {
    std::vector<int64_t> dims{x.dim() == 5 ? 1 : 0};
    for (int d = channel + 1; d < x.dim(); ++d) dims.push_back(d);
    y = scaled(over(x, dims, standard), in, 1, x, channel);
  }
  if (in.has(3)) {
    need(in.x(3).shape == x.shape);
    y = plus(y, in.x(3));
  }
  if (in.i(0)) y = map(y, relu_of);
  return in.i(1) ? pooled(y, in.i(1), in.i(2), in.i(3)) : y;
}
BatchNormOptions batch_options(const Args& a) {
  BatchNormOptions o;
  o.relu = a.i(0);
  o.residual = a[3];
  if (a.i(1)) o.max_pool = Window{a.narrow(1), a.narrow(2), a.narrow(3)};
  return o;
}

int spectrograms(Draw& d) {
  return d.once_in(3) ? d.any(4, 4)
                      : d.like({d.whole(1, 3), d.whole(1, 4), d.whole(1, 6), d.whole(1, 5)});
}
bool draw_res(Draw& d, Node& n) {
  n.in = {spectrograms(d)};
  n.d = {d.once_in(3) ? 0 : d.real()};
  const Shape s = d.of(n.in[0]);
  return s[1] * s[3] > 0;
}
bool draw_bands(Draw& d, Node& n) {  // x, weight, bias, mean, var; bands, relu
  n.in = {spectrograms(d), -1, -1, -1, -1};
  const Shape s = d.of(n.in[0]);
  if (s.numel() == 0) return false;
  int64_t bands = d.whole(1, s[2]);
  while (s[2] % bands) --bands;
  n.i = {bands, d.flag()};
  for (size_t k : {1, 2})
    if (d.flag()) n.in[k] = d.like({s[1] * bands});
  return true;
}
bool draw_bands_given(Draw& d, Node& n) {
  if (!draw_bands(d, n)) return false;
  const Shape c{d.of(n.in[0])[1] * n.i[0]};
  n.in[3] = d.like(c);
  n.in[4] = d.leaf(c, Fill::positive);
  return true;
}
Array bands_of(const In& in) {
  const Array& x = in.x();
  const int64_t bands = in.i(0);
  need(x.dim() == 4 && x.shape.numel() > 0 && bands > 0 && x.shape[2] % bands == 0);
  Array y = reshaped(x, {x.shape[0], x.shape[1] * bands, x.shape[2] / bands, x.shape[3]});
  const Array split = y;
  for (size_t k : {1, 2, 3, 4}) unsettled(in, k);
  y = in.has(3) ? by_given(split, in, 3, 1, 1)
                : scaled(over(y, {0, 2, 3}, standard), in, 1, split, 1);
  if (in.i(1)) y = map(y, relu_of);
  return reshaped(y, x.shape);
}
bool draw_residual(Draw& d, Node& n) {
  n.in = {spectrograms(d), -1, -1};
  Shape s = d.of(n.in[0]), row = s;
  row[2] = 1;
  n.in[1] = d.like(row);
  if (d.flag()) n.in[2] = d.like(s);
  return s.numel() > 0;
}
Array grouped(const In& in, int64_t groups) {
  const Array& x = in.x();
  need(x.dim() >= 2 && groups > 0 && x.shape[1] % groups == 0 && x.shape.numel() > 0);
  Shape s = x.shape;
  s[1] /= groups;
  s.insert(1, groups);
  std::vector<int64_t> dims;
  for (int d = 2; d < s.size(); ++d) dims.push_back(d);
  return scaled(reshaped(over(reshaped(x, s), dims, standard), x.shape), in, 1, x, 1);
}

}  // namespace

const Table& norm_rows() {
  static const Table table = {
      {"standardize", draw_over, [](const In& in) { return over(in.x(), in.node.i, standard); },
       [](const Args& a) { return standardize(a[0], a.rest(0)); }, "standardize($0, {#0..})", 5},
      {"inv_std", draw_over,
       [](const In& in) {
         return reduce(in.x(), in.node.i, true,
                       [](const Line& v) { return rsqrt(variance(v, 0) + tiny(eps)); });
       },
       [](const Args& a) { return inv_std(a[0], a.rest(0)); }, "inv_std($0, {#0..})", 3},
      {"layer_norm", draw_layer,
       [](const In& in) {
         std::vector<int64_t> dims;
         for (int64_t k = 1; k <= in.i(0); ++k) dims.push_back(-k);
         const Shape last(in.x().shape.end() - in.i(0), in.x().shape.end());
         Array y = over(in.x(), dims, standard);
         for (size_t k : {1, 2})
           if (in.has(k)) {
             need(in.x(k).shape == last);
             y = k == 1 ? times(y, in.x(k)) : plus(y, in.x(k));
           }
         return y;
       },
       [](const Args& a) {
         return layer_norm(a[0], Shape(a[0].shape().end() - a.i(0), a[0].shape().end()), a[1],
                           a[2]);
       },
       "layer_norm($0, Shape($0.shape().end() - #0, $0.shape().end()), $1, $2)", 4},
      {"group_norm", draw_groups, [](const In& in) { return grouped(in, in.i(0)); },
       [](const Args& a) { return group_norm(a[0], a.i(0), a[1], a[2]); },
       "group_norm($0, #0, $1, $2)", 4},
      {"instance_norm", draw_instance, [](const In& in) { return grouped(in, in.x().size(1)); },
       [](const Args& a) { return instance_norm(a[0], a[1], a[2]); }, "instance_norm($0, $1, $2)",
       2},
      {"batch_norm", draw_batch_seen, batch_of,
       [](const Args& a) { return batch_norm(a[0], a[1], a[2], batch_options(a)); },
       "batch_norm($0, $1, $2, {.relu = bool(#0), .residual = $3, .max_pool = Window{#1, #2, #3}})",
       8},
      {"batch_norm, given", draw_batch_given, batch_of,
       [](const Args& a) {
         return batch_norm(a[0], BatchStatistics{a[4], a[5]}, a[1], a[2], batch_options(a));
       },
       "batch_norm($0, BatchStatistics{$4, $5}, $1, $2, {.relu = bool(#0), .residual = $3, "
       ".max_pool = Window{#1, #2, #3}})",
       2},
      {"res_norm", draw_res,
       [](const In& in) {
         need(in.x().dim() == 4);
         return plus(over(in.x(), {1, 3}, standard),
                     map(in.x(), [&](const Jet& x) { return x * tiny(in.d(0)); }));
       },
       [](const Args& a) { return res_norm(a[0], a.d(0)); }, "res_norm($0, @0)", 3},
      {"sub_spectral_norm", draw_bands, bands_of,
       [](const Args& a) {
         return sub_spectral_norm(a[0], a.i(0), a[1], a[2], {.relu = a.i(1) != 0});
       },
       "sub_spectral_norm($0, #0, $1, $2, {.relu = bool(#1)})", 4},
      {"sub_spectral_norm, given", draw_bands_given, bands_of,
       [](const Args& a) {
         return sub_spectral_norm(a[0], a.i(0), BatchStatistics{a[3], a[4]}, a[1], a[2],
                                  {.relu = a.i(1) != 0});
       },
       "sub_spectral_norm($0, #0, BatchStatistics{$3, $4}, $1, $2, {.relu = bool(#1)})", 2},
      {"broadcast_residual", draw_residual,
       [](const In& in) {
         need(in.x().dim() == 4 && in.x(1).dim() == 4 && in.x(1).shape[2] == 1);
         if (in.has(2)) need(in.x(2).shape == in.x().shape);
         const Array row = broadcast_to(in.x(1), in.x().shape);
         return build(row.shape, [&](Multi at) {
           return relu_of(total(in.has(2) ? Line{in.x()[at], row[at], in.x(2)[at]}
                                          : Line{in.x()[at], row[at]}));
         });
       },
       [](const Args& a) { return broadcast_residual(a[0], a[1], a[2]); },
       "broadcast_residual($0, $1, $2)", 3},
  };
  return table;
}

}  // namespace regrad::programs
