// Reductions and statistics.
#include <cmath>

#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {

// The largest: NaN wins; equal maxima share the derivative.
Jet largest(const Line& v) {
  need(!v.empty());
  for (const Jet& x : v)
    if (std::isnan(x.v())) return without_derivative(v, x.v());  // none equals it: 0 of 0
  Jet best = v[0];
  for (const Jet& x : v)
    if (x.v() > best.v()) best = x;
  Line tied;
  for (const Jet& x : v)
    if (!below(x, best)) tied.push_back(x);
  return shared(tied);
}
Jet smallest(const Line& v) {
  Line minus;
  for (const Jet& x : v) minus.push_back(-x);
  return -largest(minus);
}
Jet mean_of(const Line& v) { return total(v) / Jet(static_cast<double>(v.size())); }
Jet variance(const Line& v, double correction) {
  const Jet m = mean_of(v);
  Line squares;
  for (const Jet& x : v) squares.push_back((x - m) * (x - m));
  return total(squares) / Jet(static_cast<double>(v.size()) - correction);
}
// Zeros at 0, at every order.
Jet root(const Jet& x, double p) {
  if (x.v() == 0) return frozen(x);
  return p == 2 ? sqrt(x) : pow(x, 1 / p);
}
Jet norm_of(const Line& v, double p) {
  Line terms;
  for (const Jet& x : v) {
    const bool minus = below(x, 0), plus = below(0, x);
    const Jet size = minus ? -x : plus ? x : x * Jet(0.0);
    if (std::isinf(p) || p == 1) {
      terms.push_back(size);
    } else {
      terms.push_back(p == 2 ? x * x : x.v() == 0 ? Jet(0.0) : pow(size, p));
    }
  }
  if (std::isinf(p)) return largest(terms);
  return p == 1 ? total(terms) : root(total(terms), p);
}
Jet log_sum(const Line& v) {
  if (v.empty()) return Jet(-std::numeric_limits<double>::infinity());
  double m = v[0].v();
  for (const Jet& x : v) m = std::isnan(x.v()) || x.v() > m ? x.v() : m;
  if (!std::isfinite(m)) return without_derivative(v, m);
  Line terms;
  for (const Jet& x : v) terms.push_back(exp(x - Jet(m)));
  return log(total(terms)) + Jet(m);
}
Jet log_sum_finite(const Line& v) {
  const Jet s = log_sum(v);
  return std::isinf(s.v()) ? without_derivative(v, s.v() - s.v()) : s;
}
Line softmax_of(const Line& v) {
  double m = -std::numeric_limits<double>::infinity();
  for (const Jet& x : v) m = std::isnan(x.v()) || x.v() > m ? x.v() : m;
  Line out;
  for (const Jet& x : v) out.push_back(exp(x - Jet(m)));
  const Jet sum = total(out);
  for (Jet& x : out) x = x / sum;
  return out;
}

namespace {

using Few = std::vector<int64_t>;

bool draw_over_some(Draw& d, Node& n) {  // none of the dims may be empty
  draw_dims(d, n);
  return d.of(n.in[0]).numel() > 0;
}
bool draw_variance(Draw& d, Node& n) {
  draw_dims(d, n);
  n.d = {static_cast<double>(d.whole(0, 1))};
  if (d.once_in(4)) n.in = {d.leaf(d.of(n.in[0]))};
  int64_t count = 1;
  const Shape s = d.of(n.in[0]);
  for (int k = 0; k < s.size(); ++k) {
    bool in = n.i.size() == 1;
    for (size_t j = 1; j < n.i.size(); ++j) in = in || (n.i[j] + s.size()) % s.size() == k;
    if (in) count *= s[k];
  }
  return static_cast<double>(count) > n.d[0];
}
bool draw_norm(Draw& d, Node& n) {
  static const double powers[] = {
      1, 1.5, 2, 2, 2, 2.5, 3, 4, std::numeric_limits<double>::infinity()};
  draw_dims(d, n);
  n.d = {powers[d.whole(0, 8)]};
  return d.of(n.in[0]).numel() > 0;
}
bool draw_line(Draw& d, Node& n) {  // dim, keepdim
  draw_dim(d, n);
  n.i.push_back(d.flag());
  return true;
}
bool draw_full_line(Draw& d, Node& n) { return draw_line(d, n) && d.of(n.in[0]).numel() > 0; }
bool draw_logsumexp(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.i = d.dims(n.in[0], 1);
  n.i.insert(n.i.begin(), d.flag());
  return d.of(n.in[0]).numel() > 0;
}

template <Jet (*F)(const Line&)>
Array reduced(const In& in) {
  return reduce(in.x(), in.rest(1), in.i(0), F);
}
size_t place_of_largest(const Line& v) {
  need(!v.empty());
  size_t best = 0;
  for (size_t k = 0; k < v.size(); ++k) {
    if (std::isnan(v[best].v())) break;
    if (std::isnan(v[k].v())) {
      best = k;
    } else if (k != best && below(v[best], v[k])) {
      best = k;
    }
  }
  return best;
}
Line minus(Line v) {
  for (Jet& x : v) x = -x;
  return v;
}
Array indexed(const In& in, bool least, bool place) {
  return reduce(in.x(), {in.i(0)}, in.i(1), [&](const Line& v) {
    const size_t k = place_of_largest(least ? minus(v) : v);
    return place ? Jet(static_cast<double>(k)) : v[k];
  });
}
Jet product(const Line& v) {
  Jet y(1.0);
  for (const Jet& x : v) y = y * x;
  return y;
}
double unequal_zero(const Line& v, bool all) {
  bool any = false, every = true;
  for (const Jet& x : v) {
    const bool hit = below(x, 0) || below(0, x) || std::isnan(x.v());
    any = any || hit;
    every = every && hit;
  }
  return all ? every : any;
}

}  // namespace

const Table& reduction_rows() {
  static const Table table = {
      {"sum", draw_dims, reduced<total>, [](const Args& a) { return sum(a[0], a.rest(1), a.i(0)); },
       "sum($0, {#1..}, #0)", 6},
      {"mean", draw_over_some, reduced<mean_of>,
       [](const Args& a) { return mean(a[0], a.rest(1), a.i(0)); }, "mean($0, {#1..}, #0)", 6},
      {"amax", draw_over_some, reduced<largest>,
       [](const Args& a) { return amax(a[0], a.rest(1), a.i(0)); }, "amax($0, {#1..}, #0)", 3},
      {"amin", draw_over_some, reduced<smallest>,
       [](const Args& a) { return amin(a[0], a.rest(1), a.i(0)); }, "amin($0, {#1..}, #0)", 3},
      {"max", draw_full_line, [](const In& in) { return indexed(in, false, false); },
       [](const Args& a) { return max(a[0], a.i(0), a.i(1)).values; }, "max($0, #0, #1).values"},
      {"min", draw_full_line, [](const In& in) { return indexed(in, true, false); },
       [](const Args& a) { return min(a[0], a.i(0), a.i(1)).values; }, "min($0, #0, #1).values"},
      {"argmax", draw_full_line, [](const In& in) { return indexed(in, false, true); },
       [](const Args& a) { return to(argmax(a[0], a.i(0), a.i(1)), a[0].dtype()); },
       "to(argmax($0, #0, #1), $0.dtype())", 1},
      {"argmin", draw_full_line, [](const In& in) { return indexed(in, true, true); },
       [](const Args& a) { return to(argmin(a[0], a.i(0), a.i(1)), a[0].dtype()); },
       "to(argmin($0, #0, #1), $0.dtype())", 1},
      {"logsumexp", draw_logsumexp, reduced<log_sum>,
       [](const Args& a) { return logsumexp(a[0], a.rest(1), a.i(0)); },
       "logsumexp($0, {#1..}, #0)", 3},
      {"softmax", draw_dim, [](const In& in) { return along(in.x(), in.i(0), softmax_of); },
       [](const Args& a) { return softmax(a[0], a.i(0)); }, "softmax($0, #0)", 4},
      {"log_softmax", draw_dim,
       [](const In& in) {
         return along(in.x(), in.i(0), [](const Line& v) {
           Line out;
           const Jet s = log_sum_finite(v);
           for (const Jet& x : v) out.push_back(x - s);
           return out;
         });
       },
       [](const Args& a) { return log_softmax(a[0], a.i(0)); }, "log_softmax($0, #0)", 4},
      {"var", draw_variance,
       [](const In& in) {
         return reduce(in.x(), in.rest(1), in.i(0),
                       [&](const Line& v) { return variance(v, in.d(0)); });
       },
       [](const Args& a) { return var(a[0], a.rest(1), a.d(0), a.i(0)); },
       "var($0, {#1..}, @0, #0)", 3},
      {"std", draw_variance,
       [](const In& in) {
         return reduce(in.x(), in.rest(1), in.i(0),
                       [&](const Line& v) { return root(variance(v, in.d(0)), 2); });
       },
       [](const Args& a) { return regrad::std(a[0], a.rest(1), a.d(0), a.i(0)); },
       "regrad::std($0, {#1..}, @0, #0)", 3},
      {"norm", draw_norm,
       [](const In& in) {
         return reduce(in.x(), in.rest(1), in.i(0),
                       [&](const Line& v) { return norm_of(v, in.d(0)); });
       },
       [](const Args& a) { return norm(a[0], a.d(0), a.rest(1), a.i(0)); },
       "norm($0, @0, {#1..}, #0)", 5},
      {"prod", draw_line, [](const In& in) { return reduce(in.x(), {in.i(0)}, in.i(1), product); },
       [](const Args& a) { return prod(a[0], a.i(0), a.i(1)); }, "prod($0, #0, #1)", 3},
      {"any", draw_dims,
       [](const In& in) {
         return reduce(in.x(), in.rest(1), in.i(0),
                       [](const Line& v) { return Jet(unequal_zero(v, false)); });
       },
       [](const Args& a) { return to(any(a[0], a.rest(1), a.i(0)), a[0].dtype()); },
       "to(any($0, {#1..}, #0), $0.dtype())", 1},
      {"all", draw_dims,
       [](const In& in) {
         return reduce(in.x(), in.rest(1), in.i(0),
                       [](const Line& v) { return Jet(unequal_zero(v, true)); });
       },
       [](const Args& a) { return to(all(a[0], a.rest(1), a.i(0)), a[0].dtype()); },
       "to(all($0, {#1..}, #0), $0.dtype())", 1},
  };
  return table;
}

}  // namespace regrad::programs
