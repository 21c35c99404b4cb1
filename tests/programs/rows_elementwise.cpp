// Elementwise ops. Conventions at kinks are PyTorch's.
#include <cmath>

#include <regrad/engine/functional.h>

#include "draw.h"

namespace regrad::programs {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

template <Jet (*F)(const Jet&)>
Array each_of(const In& in) {
  return map(in.x(), F);
}
template <Tensor (*F)(const Tensor&)>
Tensor call(const Args& a) {
  return F(a[0]);
}
template <Jet (*F)(const Jet&, const Jet&)>
Array pairs(const In& in) {
  return map2(in.x(0), in.x(1), F);
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
Tensor call2(const Args& a) {
  return F(a[0], a[1]);
}

bool draw_positive(Draw& d, Node& n) {
  n.in = {d.flag() ? d.any() : d.leaf(d.shape(0, 4), Fill::positive)};
  return true;
}
bool draw_scalar(Draw& d, Node& n) {
  n.in = {d.any()};
  n.d = {d.real()};
  return true;
}
bool draw_scalars(Draw& d, Node& n) {
  n.in = {d.any()};
  n.d = {d.real(), d.real()};
  return true;
}
bool draw_range(Draw& d, Node& n) {
  draw_scalars(d, n);
  if (n.d[0] > n.d[1]) std::swap(n.d[0], n.d[1]);
  if (d.once_in(5)) n.d[0] = -inf;
  if (d.once_in(5)) n.d[1] = inf;
  return true;
}
bool draw_pair_scaled(Draw& d, Node& n) {
  draw_two(d, n);
  n.d = {d.real()};
  return true;
}
bool draw_same(Draw& d, Node& n) {
  n.in = {d.any()};
  n.in.push_back(d.like(d.of(n.in[0])));
  return true;
}
bool draw_where(Draw& d, Node& n) {
  draw_two(d, n);
  const Shape s = broadcast_shape(d.of(n.in[0]), d.of(n.in[1]));
  Shape m = s;
  for (int64_t& k : m)
    if (d.once_in(4)) k = 1;
  n.in.insert(n.in.begin(), d.mask(m));
  return true;
}
bool draw_power(Draw& d, Node& n) {
  static const double powers[] = {-2, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5};
  n.in = {d.flag() ? d.any() : d.leaf(d.shape(0, 4), Fill::positive)};
  n.d = {powers[d.whole(0, 11)]};
  return true;
}
bool draw_xlogy(Draw& d, Node& n) {
  n.in = {d.any()};
  n.in.push_back(d.leaf(d.of(n.in[0]), Fill::positive));
  return true;
}
bool draw_powers(Draw& d, Node& n) {
  n.in = {d.leaf(d.shape(0, 4), Fill::positive)};
  n.in.push_back(d.beside(d.of(n.in[0])));
  return true;
}

Jet number(double v) { return Jet(v); }
Jet argument(double v) {
  // A number becomes one of the tensor's dtype.
  const double r = rounding.single() ? static_cast<double>(static_cast<float>(v)) : v;
  Jet y(r);
  y.c[0].e = r == v ? 0 : rounding.unit * std::abs(v);
  return y;
}
// Zero derivatives: of floor, sign, comparisons.
Jet stepped(const Jet& x, double v) {
  Jet y(v);
  const double nearest = std::rint(x.v() * 2) / 2;
  below(x, number(nearest));
  return y;
}
Jet absolute(const Jet& x) {
  // The derivative is a product with the sign: 0 of zero and of nan.
  const bool negative = below(x, 0), positive = below(0, x);
  if (negative || positive) return negative ? -x : x;
  Jet y = x * Jet(0.0);
  y.c[0].v = std::abs(x.v());
  return y;
}
Jet positive_part(const Jet& x) {
  return std::isnan(x.v()) || below(0, x) ? x : number(x.v() == 0 ? x.v() : 0);
}
Jet leaky(const Jet& x, double slope) { return below(0, x) ? x : x * argument(slope); }
Jet less(const Jet& a, const Jet& b) {
  if (std::isnan(a.v()) || std::isnan(b.v())) return a + b;  // neither loses
  if (below(a, b)) return a;
  if (below(b, a)) return b;
  return shared({a, b});
}
Jet more(const Jet& a, const Jet& b) { return -less(-a, -b); }
Jet cut(const Jet& x, double low, double high) {
  if (std::isnan(x.v())) return frozen(x);
  if (below(x, argument(low))) return argument(low);
  if (below(argument(high), x)) return argument(high);
  return x;
}
Jet gelu_of(const Jet& x) {
  const double u = rounding.unit;
  if (x.v() == -inf) return without_derivative({x}, 0);
  Jet phi = (number(1) + erf(x * argument(std::sqrt(0.5)))) * number(0.5);
  if (std::isfinite(x.v())) phi.c[0].e += u;
  return x * phi;
}
Jet truth(const Jet& a, const Jet& b, int what) {
  const bool l = below(a, b), g = below(b, a), e = a.v() == b.v();
  const bool all[] = {e, !e, l, l || e, g, g || e};
  return number(all[what]);
}
template <int What>
Array compared(const In& in) {
  return map2(in.x(0), in.x(1), [](const Jet& a, const Jet& b) { return truth(a, b, What); });
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
Tensor compare(const Args& a) {
  return to(F(a[0], a[1]), a[0].dtype());
}
Jet log_of_sum(const Jet& a, const Jet& b) {
  Jet y = a.v() < b.v() ? b + softplus(a - b) : a + softplus(b - a);
  if (a.v() == b.v()) y.c[0].v = a.v() + std::log(2.0);
  return y;
}
Jet times_log(const Jet& x, const Jet& y) {
  Jet out = x * log(y);
  if (x.v() == 0 && !std::isnan(y.v())) out.c[0] = {0, out.c[0].e};
  return out;
}
Jet raised(const Jet& x, const Jet& p) { return exp(p * log(x)); }

}  // namespace

const Table& elementwise_rows() {
  static const Table table = {
      {"add", draw_pair_scaled,
       [](const In& in) {
         return map2(in.x(0), in.x(1),
                     [&](const Jet& a, const Jet& b) { return a + b * argument(in.d(0)); });
       },
       [](const Args& a) { return add(a[0], a[1], a.d(0)); }, "add($0, $1, @0)"},
      {"sub", draw_pair_scaled,
       [](const In& in) {
         return map2(in.x(0), in.x(1),
                     [&](const Jet& a, const Jet& b) { return a - b * argument(in.d(0)); });
       },
       [](const Args& a) { return sub(a[0], a[1], a.d(0)); }, "sub($0, $1, @0)"},
      {"mul", draw_two,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& a, const Jet& b) { return a * b; });
       },
       call2<regrad::mul>, "$0 * $1", 6},
      {"div", draw_two,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& a, const Jet& b) { return a / b; });
       },
       call2<regrad::div>, "$0 / $1", 4},
      {"affine", draw_scalars,
       [](const In& in) {
         return map(in.x(),
                    [&](const Jet& x) { return x * argument(in.d(0)) + argument(in.d(1)); });
       },
       [](const Args& a) { return affine(a[0], a.d(0), a.d(1)); }, "affine($0, @0, @1)"},
      {"given away", draw_two,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& a, const Jet& b) {
           return positive_part((a + b) * number(2) - a);
         });
       },
       [](const Args& a) { return relu((a[0] + a[1]) * 2.0 - a[0]); },
       "relu(($0 + $1) * 2.0 - $0)"},
      {"neg", draw_one, [](const In& in) { return map(in.x(), [](const Jet& x) { return -x; }); },
       call<regrad::neg>, "neg($0)", 1},
      {"reciprocal", draw_one, each_of<reciprocal>, call<regrad::reciprocal>, "reciprocal($0)", 1},
      {"by a number", draw_scalar,
       [](const In& in) {
         return map(in.x(), [&](const Jet& x) { return x / argument(in.d(0)); });
       },
       [](const Args& a) { return a[0] / a.d(0); }, "$0 / @0"},
      {"number by", draw_scalar,
       [](const In& in) {
         return map(in.x(), [&](const Jet& x) { return argument(in.d(0)) / x; });
       },
       [](const Args& a) { return a.d(0) / a[0]; }, "@0 / $0"},
      {"abs", draw_one, each_of<absolute>, call<regrad::abs>, "abs($0)"},
      {"sign", draw_one,
       [](const In& in) {
         return map(in.x(), [](const Jet& x) { return number(below(0, x) - below(x, 0)); });
       },
       call<regrad::sign>, "sign($0)", 1},
      {"floor", draw_one,
       [](const In& in) {
         return map(in.x(), [](const Jet& x) { return stepped(x, std::floor(x.v())); });
       },
       call<regrad::floor>, "floor($0)", 1},
      {"ceil", draw_one,
       [](const In& in) {
         return map(in.x(), [](const Jet& x) { return stepped(x, std::ceil(x.v())); });
       },
       call<regrad::ceil>, "ceil($0)", 1},
      {"round", draw_one,
       [](const In& in) {
         return map(in.x(), [](const Jet& x) { return stepped(x, std::nearbyint(x.v())); });
       },
       call<regrad::round>, "round($0)", 1},
      {"exp", draw_one, each_of<exp>, call<regrad::exp>, "exp($0)", 4},
      {"expm1", draw_one, each_of<expm1>, call<regrad::expm1>, "expm1($0)"},
      {"log", draw_positive, each_of<log>, call<regrad::log>, "log($0)", 3},
      {"log2", draw_positive, each_of<log2>, call<regrad::log2>, "log2($0)"},
      {"log1p", draw_positive, each_of<log1p>, call<regrad::log1p>, "log1p($0)"},
      {"sqrt", draw_positive, each_of<sqrt>, call<regrad::sqrt>, "sqrt($0)", 3},
      {"rsqrt", draw_positive, each_of<rsqrt>, call<regrad::rsqrt>, "rsqrt($0)"},
      {"sin", draw_one, each_of<sin>, call<regrad::sin>, "sin($0)"},
      {"cos", draw_one, each_of<cos>, call<regrad::cos>, "cos($0)"},
      {"tan", draw_one, each_of<tan>, call<regrad::tan>, "tan($0)"},
      {"atan", draw_one, each_of<atan>, call<regrad::atan>, "atan($0)"},
      {"sinh", draw_one, each_of<sinh>, call<regrad::sinh>, "sinh($0)"},
      {"cosh", draw_one, each_of<cosh>, call<regrad::cosh>, "cosh($0)"},
      {"tanh", draw_one, each_of<tanh>, call<regrad::tanh>, "tanh($0)", 4},
      {"sigmoid", draw_one, each_of<sigmoid>, call<regrad::sigmoid>, "sigmoid($0)", 4},
      {"relu", draw_one, each_of<positive_part>, call<regrad::relu>, "relu($0)", 4},
      {"erf", draw_one, each_of<erf>, call<regrad::erf>, "erf($0)"},
      {"gelu", draw_one, each_of<gelu_of>, call<regrad::gelu>, "gelu($0)"},
      {"silu", draw_one,
       [](const In& in) { return map(in.x(), [](const Jet& x) { return x * sigmoid(x); }); },
       call<regrad::silu>, "silu($0)"},
      {"softplus", draw_one, each_of<softplus>, call<regrad::softplus>, "softplus($0)"},
      {"square", draw_one,
       [](const In& in) { return map(in.x(), [](const Jet& x) { return x * x; }); },
       call<regrad::square>, "square($0)"},
      {"clamp", draw_range,
       [](const In& in) {
         return map(in.x(), [&](const Jet& x) { return cut(x, in.d(0), in.d(1)); });
       },
       [](const Args& a) { return clamp(a[0], a.d(0), a.d(1)); }, "clamp($0, @0, @1)", 4},
      {"clamp_min", draw_scalar,
       [](const In& in) { return map(in.x(), [&](const Jet& x) { return cut(x, in.d(0), inf); }); },
       [](const Args& a) { return clamp_min(a[0], a.d(0)); }, "clamp_min($0, @0)"},
      {"leaky_relu", draw_scalar,
       [](const In& in) { return map(in.x(), [&](const Jet& x) { return leaky(x, in.d(0)); }); },
       [](const Args& a) { return leaky_relu(a[0], a.d(0)); }, "leaky_relu($0, @0)"},
      {"elu", draw_scalar,
       [](const In& in) {
         return map(in.x(),
                    [&](const Jet& x) { return below(0, x) ? x : expm1(x) * argument(in.d(0)); });
       },
       [](const Args& a) { return elu(a[0], a.d(0)); }, "elu($0, @0)"},
      {"pow by a number", draw_power,
       [](const In& in) { return map(in.x(), [&](const Jet& x) { return pow(x, in.d(0)); }); },
       [](const Args& a) { return pow(a[0], a.d(0)); }, "pow($0, @0)", 4},
      {"pow", draw_powers, pairs<raised>, call2<regrad::pow>, "pow($0, $1)"},
      {"logaddexp", draw_two, pairs<log_of_sum>, call2<regrad::logaddexp>, "logaddexp($0, $1)"},
      {"xlogy", draw_xlogy, pairs<times_log>, call2<regrad::xlogy>, "xlogy($0, $1)"},
      {"minimum", draw_two, pairs<less>, call2<regrad::minimum>, "minimum($0, $1)", 3},
      {"maximum", draw_two, pairs<more>, call2<regrad::maximum>, "maximum($0, $1)", 3},
      {"relu_grad", draw_same,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& g, const Jet& y) {
           return std::isnan(y.v()) || below(0, y) ? g : number(0);
         });
       },
       call2<regrad::relu_grad>, "relu_grad($0, $1)", 1},
      {"eq", draw_two, compared<0>, compare<regrad::eq>, "to($0 == $1, $0.dtype())", 1},
      {"ne", draw_two, compared<1>, compare<regrad::ne>, "to(ne($0, $1), $0.dtype())", 1},
      {"lt", draw_two, compared<2>, compare<regrad::lt>, "to($0 < $1, $0.dtype())", 1},
      {"le", draw_two, compared<3>, compare<regrad::le>, "to($0 <= $1, $0.dtype())", 1},
      {"gt", draw_two, compared<4>, compare<regrad::gt>, "to($0 > $1, $0.dtype())", 1},
      {"ge", draw_two, compared<5>, compare<regrad::ge>, "to($0 >= $1, $0.dtype())", 1},
      {"where", draw_where,
       [](const In& in) {
         const Array a = broadcast_to(
             in.x(1),
             broadcast_shape(broadcast_shape(in.x(0).shape, in.x(1).shape), in.x(2).shape));
         return build(a.shape, [&](Multi at) {
           return in.x(0)[broadcast_place(in.x(0).shape, at)].v() != 0
                      ? a[at]
                      : in.x(2)[broadcast_place(in.x(2).shape, at)];
         });
       },
       [](const Args& a) { return where(a[0], a[1], a[2]); }, "where($0, $1, $2)", 4},
      {"ste", draw_same,
       [](const In& in) {
         return map2(in.x(0), in.x(1), [](const Jet& f, const Jet& g) {
           Jet y = g;
           y.c[0] = {f.v() + (g.v() - g.v()), f.c[0].e};
           return y;
         });
       },
       call2<regrad::ste>, "ste($0, $1)", 1},
      {"to and back", draw_one, [](const In& in) { return in.x(); },
       [](const Args& a) { return to(to(a[0], DType::f64), a[0].dtype()); },
       "to(to($0, DType::f64), $0.dtype())", 1},
      {"stop_gradient", draw_one, [](const In& in) { return map(in.x(), frozen); },
       call<regrad::stop_gradient>, "stop_gradient($0)", 1},
  };
  return table;
}

}  // namespace regrad::programs
