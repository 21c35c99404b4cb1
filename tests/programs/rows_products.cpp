// Products: matmul and its kin, Einstein sums, attention, distances.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {

Array matmul_of(const Array& one, const Array& two, const Array* bias) {
  Array a = one, b = two;
  need(a.dim() >= 1 && b.dim() >= 1);
  if (one.dim() == 1) a.shape.insert(0, 1);
  if (two.dim() == 1) b.shape.push_back(1);
  need(a.shape[-1] == b.shape[-2]);
  const Shape s =
      broadcast_shape({a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2});
  Shape full = s;
  full.push_back(a.shape[-2]);
  full.push_back(b.shape[-1]);
  Shape last = full;
  if (two.dim() == 1) last.erase(last.size() - 1);
  if (one.dim() == 1) last.erase(last.size() - (two.dim() == 1 ? 1 : 2));
  Array begin;
  if (bias) {
    begin = broadcast_to(*bias, last);
    begin.shape = full;
  }
  Array y = build(full, [&](Multi at) {
    Shape p = at, q = at;
    Line terms;
    if (bias) terms.push_back(begin[at]);
    for (int64_t k = 0; k < a.shape[-1]; ++k) {
      p[-1] = q[-2] = k;
      const auto in = [](const Array& x, Shape from) {
        while (from.size() > x.dim()) from.erase(0);
        for (int d = 0; d < x.dim() - 2; ++d)
          if (x.shape[d] == 1) from[d] = 0;
        return x[from];
      };
      terms.push_back(in(a, p) * in(b, q));
    }
    return total(terms);
  });
  y.shape = last;
  return y;
}

namespace {

Array plus(const Array& a, const Array& b) {
  return map2(a, b, [](const Jet& x, const Jet& y) { return x + y; });
}

bool draw_matmul(Draw& d, Node& n) {
  const int a = d.any(1, 4);
  const Shape s = d.of(a);
  Shape t;
  if (s.size() >= 3 && d.flag()) t = {s.begin(), s.end() - 2};
  while (!t.empty() && d.once_in(3)) t.erase(0);
  for (int64_t& k : t)
    if (d.once_in(4)) k = 1;
  if (d.once_in(6)) t.insert(0, d.whole(1, 3));
  t.push_back(s[-1]);
  if (t.size() > 1 || !d.once_in(4)) t.push_back(d.once_in(12) ? d.whole(16, 40) : d.whole(0, 5));
  n.in = {a, d.like(t)};
  return true;
}
bool draw_addmm(Draw& d, Node& n) {
  Node m;
  const int x = d.any(2, 3);
  const Shape s = d.of(x);
  const int w = d.like({s[-1], d.whole(1, 5)});
  Shape out = s;
  out[-1] = d.of(w)[-1];
  n.in = {d.to(out), x, w};
  return true;
}
bool draw_linear(Draw& d, Node& n) {
  const bool tasks = d.once_in(4);
  const int x = tasks ? d.any(3, 3) : d.any(1, 4);
  const Shape s = d.of(x);
  const int64_t out = d.whole(1, 5);
  n.in = {x, d.like(tasks ? Shape{s[0], out, s[-1]} : Shape{out, s[-1]}), -1};
  if (d.flag()) n.in[2] = d.like(tasks ? Shape{s[0], out} : Shape{out});
  return s[-1] > 0;
}
bool draw_outer(Draw& d, Node& n) {
  n.in = {d.any(1, 1), -1};
  n.in[1] = d.any(1, 1);
  return true;
}

const char* const equations[] = {
    "ij,jk->ik",    "i,i",        "...i,...i->...", "ii->i",        "ij->ji",  "iij,j",
    "bij,bjk->bik", "ij,ij->ij",  "ij->",           "ij,jk,kl->il", "i,j->ij", "bhid,bhjd->bhij",
    "...ij->...ji", "ab,cb,c->a", "iij->ji",        "ab,b...->a..."};
// Sizes for an equation's letters, and operands of them.
bool draw_einsum(Draw& d, Node& n) {
  n.i = {d.whole(0, static_cast<int64_t>(std::size(equations)) - 1)};
  const std::string e = equations[n.i[0]];
  std::map<char, int64_t> size;
  const Shape lead = d.shape(0, 2);
  Shape s;
  for (const char c : e.substr(0, e.find('-')) + ",") {
    if (c == ',') {
      n.in.push_back(d.like(s));
      s = {};
    } else if (c == '.') {
      size[c] = (size[c] + 1) % 3;
      if (size[c] == 1)
        for (int64_t k : lead) s.push_back(d.once_in(4) ? 1 : k);
    } else {
      if (!size.count(c)) size[c] = d.once_in(20) ? 0 : d.whole(1, 4);
      s.push_back(size[c]);
    }
  }
  return true;
}
// The sum over all letters' values of the product of operands. Broadcast dims are letters '0', '1',
// .. from the right.
Array einsum_of(const In& in) {
  const std::string e = equations[in.i(0)];
  const size_t arrow = e.find("->");
  std::vector<std::string> terms(1);
  for (char c : e.substr(0, arrow)) {
    if (c == ',') {
      terms.emplace_back();
    } else {
      terms.back() += c;
    }
  }
  need(terms.size() == in.arrays.size());
  // Which zero meets an infinity depends on the order of sums and products.
  if (terms.size() > 1)
    for (const Array* a : in.arrays)
      for (const Jet& x : a->v)
        if (!std::isfinite(x.v())) rounding.undecided = true;
  std::map<char, int64_t> size;
  int most = 0;
  const auto spelled = [&](const std::string& t, int spare) {
    const size_t dots = t.find('.');
    if (dots == std::string::npos) return t;
    std::string out = t.substr(0, dots);
    for (int k = spare - 1; k >= 0; --k) out += static_cast<char>('0' + k);
    return out + t.substr(dots + 3);
  };
  std::string all;
  for (size_t k = 0; k < terms.size(); ++k) {
    const bool dots = terms[k].find('.') != std::string::npos;
    const int spare = in.x(k).dim() - static_cast<int>(terms[k].size()) + (dots ? 3 : 0);
    need(dots ? spare >= 0 : spare == 0);
    most = std::max(most, spare);
    terms[k] = spelled(terms[k], spare);
    for (size_t c = 0; c < terms[k].size(); ++c) {
      const int64_t s = in.x(k).shape[static_cast<int>(c)];
      auto [at, fresh] = size.emplace(terms[k][c], s);
      const bool digit = terms[k][c] <= '9';
      need(fresh || at->second == s || (digit && (s == 1 || at->second == 1)));
      if (!fresh && digit && at->second == 1) at->second = s;
    }
    all += terms[k];
  }
  std::string out;
  if (arrow != std::string::npos) {
    out = spelled(e.substr(arrow + 2), most);
  } else {
    for (const auto& [c, s] : size)
      if (std::count(all.begin(), all.end(), c) == 1) out += c;
  }
  std::string gone;
  for (const auto& [c, s] : size)
    if (out.find(c) == std::string::npos) gone += c;
  Shape kept, summed;
  for (char c : out) kept.push_back(size.at(c));
  for (char c : gone) summed.push_back(size.at(c));
  return build(kept, [&](Multi o) {
    Line line;
    each(summed, [&](Multi s) {
      Jet product(1.0);
      for (size_t k = 0; k < terms.size(); ++k) {
        Shape at = in.x(k).shape;
        for (int d = 0; d < at.size(); ++d) {
          const char c = terms[k][static_cast<size_t>(d)];
          const size_t place = out.find(c);
          at[d] = at[d] == 1                   ? 0
                  : place != std::string::npos ? o[static_cast<int>(place)]
                                               : s[static_cast<int>(gone.find(c))];
        }
        product = k == 0 ? in.x(0)[at] : product * in.x(k)[at];
      }
      line.push_back(product);
    });
    return total(line);
  });
}

bool draw_attention(Draw& d, Node& n) {  // q, k, v, mask; causal, whether the mask is added; scale
  const int q = d.any(2, 4);
  const Shape s = d.of(q);
  const int64_t keys = d.whole(1, 5), width = d.whole(1, 4);
  if (s.numel() == 0) return false;
  Shape k = s, v = s;
  k[-2] = v[-2] = keys;
  v[-1] = width;
  n.in = {q, d.like(k), d.like(v), -1};
  n.i = {d.once_in(3), 0};
  Shape m = s;
  m[-1] = keys;
  if (!n.i[0] && d.flag()) {
    for (int64_t& e : m)
      if (d.once_in(4)) e = 1;
    while (m.size() > 2 && d.flag()) m.erase(0);
    n.i[1] = d.flag();
    n.in[3] = n.i[1] ? d.like(m) : d.mask(m);
  }
  return true;
}
Array attended(const In& in) {
  const Array &q = in.x(0), &k = in.x(1);
  need(q.dim() >= 2 && k.dim() == q.dim() && in.x(2).dim() == q.dim() &&
       k.shape[-1] == q.shape[-1] && in.x(2).shape[-2] == k.shape[-2]);
  for (int d = 0; d < q.dim() - 2; ++d)
    need(q.shape[d] == k.shape[d] && k.shape[d] == in.x(2).shape[d]);
  const double scale =
      !in.node.d.empty() ? in.d(0) : 1 / std::sqrt(static_cast<double>(q.shape[-1]));
  Array scores = map(matmul_of(q, transposed(k, -1, -2)),
                     [&](const Jet& x) { return x * Jet(rounded(scale, 0)); });
  Array seen;
  if (in.has(3)) {
    seen = broadcast_to(in.x(3), scores.shape);
    if (in.i(1)) scores = plus(scores, seen);
  }
  const int64_t causal = in.i(0);
  if (in.has(3))
    for (const Jet& x : in.x(3).v)
      if (std::isnan(x.v())) rounding.undecided = true;
  for (size_t operand = 0; operand < 3; ++operand)
    for (const Jet& x : in.x(operand).v)
      // a weight of 0 times no number
      if (!std::isfinite(x.v())) (in.has(3) ? rounding.undecided : rounding.lost) = true;
  // Rows of weights, over the keys that are seen; none: zeros.
  Array weights(scores.shape);
  Shape rows = scores.shape;
  rows[-1] = 1;
  each(rows, [&](Multi row) {
    Line line;
    std::vector<Shape> places;
    Shape at = row;
    for (int64_t j = 0; j < scores.shape[-1]; ++j) {
      at[-1] = j;
      if (causal && j > row[-2]) continue;
      if (in.has(3) &&
          (in.i(1) ? seen[at].v() == -std::numeric_limits<double>::infinity() : seen[at].v() == 0))
        continue;
      line.push_back(scores[at]);
      places.push_back(at);
    }
    const Line soft = softmax_of(line);
    for (size_t j = 0; j < places.size(); ++j) weights[places[j]] = soft[j];
  });
  return matmul_of(weights, in.x(2));
}

bool draw_linear_rows(Draw& d, Node& n) {
  const int x = d.any(1, 3);
  const Shape s = d.of(x);
  const int64_t out = d.whole(1, 5);
  n.in = {x, d.like({out, s[-1]}), -1};
  if (d.flag()) n.in[2] = d.like(s.size() == 2 && d.flag() ? Shape{s[0], out} : Shape{out});
  return s[-1] > 0;
}
bool draw_segments(Draw& d, Node& n) {  // qkv, segment; heads
  n.i = {d.whole(1, 2)};
  const int64_t rows = d.whole(1, 4);
  n.in = {d.like({rows, 3 * n.i[0] * d.whole(1, 2)}), d.index({rows}, 0, 3)};
  return true;
}
// One head at a time: the columns of its q, k and v; weights over the rows of the own segment.
Array segments_attended(const In& in) {
  const Array &x = in.x(0), &segment = in.x(1);
  const int64_t heads = in.i(0);
  need(x.dim() == 2 && segment.dim() == 1 && segment.shape[0] == x.shape[0] && heads > 0 &&
       x.shape[1] % (3 * heads) == 0);
  const int64_t n = x.shape[0], width = x.shape[1] / 3, size = width / heads;
  const Jet scale(rounded(1 / std::sqrt(static_cast<double>(std::max<int64_t>(size, 1))), 0));
  for (const Jet& e : x.v)
    // with a graph, a weight of 0 times no number of another segment
    if (!std::isfinite(e.v())) rounding.undecided = true;
  return build({n, width}, [&](Multi at) {
    const int64_t first = at[1] / size * size;
    Line scores, values;
    for (int64_t j = 0; j < n; ++j) {
      if (segment[{j}].v() != segment[{at[0]}].v()) continue;
      Line terms;
      for (int64_t p = first; p < first + size; ++p)
        terms.push_back(x[{at[0], p}] * x[{j, width + p}]);
      scores.push_back(total(terms) * scale);
      values.push_back(x[{j, 2 * width + at[1]}]);
    }
    const Line weights = softmax_of(scores);
    Line terms;
    for (size_t j = 0; j < weights.size(); ++j) terms.push_back(weights[j] * values[j]);
    return total(terms);
  });
}

bool draw_cosine(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.in.push_back(d.beside(d.of(n.in[0])));
  if (d.flag()) std::swap(n.in[0], n.in[1]);
  const int r = broadcast_shape(d.of(n.in[0]), d.of(n.in[1])).size();
  n.i = {d.whole(-r, r - 1)};
  return true;
}
Array cosine(const In& in) {
  const Shape s = broadcast_shape(in.x(0).shape, in.x(1).shape);
  const Array a = broadcast_to(in.x(0), s), b = broadcast_to(in.x(1), s);
  const auto unit = [&](const Array& x) {
    return over(x, {in.i(0)}, [](const Line& v) {
      const Jet length = norm_of(v, 2), bound = below(length, 1e-8) ? Jet(1e-8) : length;
      Line out;
      for (const Jet& e : v) out.push_back(e / bound);
      return out;
    });
  };
  need(s.size() > 0);
  for (size_t k : {0, 1})
    // of no products at all its gradient is 0 times no number
    for (const Jet& x : in.x(k).v) look(x.c[0]);
  return reduce(map2(unit(a), unit(b), [](const Jet& x, const Jet& y) { return x * y; }), {in.i(0)},
                false, total);
}
double draw_power(Draw& d) {
  static const double powers[] = {1, 1.5, 2, 2, 2, 3, std::numeric_limits<double>::infinity()};
  return powers[d.whole(0, 6)];
}
bool draw_distance(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.in.push_back(d.beside(d.of(n.in[0])));
  n.d = {draw_power(d)};
  return d.of(n.in[0])[-1] > 0 && broadcast_shape(d.of(n.in[0]), d.of(n.in[1]))[-1] > 0;
}
bool draw_cdist(Draw& d, Node& n) {
  n.in = {d.any(2, 3)};
  Shape s = d.of(n.in[0]);
  s[-2] = d.whole(1, 4);
  if (s.size() == 3 && d.once_in(3)) s.erase(0);
  n.in.push_back(d.once_in(5) ? n.in[0] : d.like(s));
  n.d = {draw_power(d)};
  return s[-1] > 0;
}
Array distances(const In& in) {
  const Array &a = in.x(0), &b = in.x(1);
  need(a.dim() >= 2 && b.dim() >= 2 && a.shape[-1] == b.shape[-1]);
  Array p = a, q = b;
  p.shape.insert(a.dim() - 1, 1);
  q.shape.insert(b.dim() - 2, 1);
  return reduce(map2(p, q, [](const Jet& x, const Jet& y) { return x - y; }), {-1}, false,
                [&](const Line& v) { return norm_of(v, in.d(0)); });
}
Tensor attention_call(const Args& a) {
  AttentionOptions o;
  o.mask = a[3];
  o.is_causal = a.i(0);
  if (!a.node.d.empty()) o.scale = a.d(0);
  return scaled_dot_product_attention(a[0], a[1], a[2], o);
}
bool draw_scaled_attention(Draw& d, Node& n) {
  n.d = {0.5};
  return draw_attention(d, n);
}

}  // namespace

const char* equation(int64_t k) { return equations[k]; }

const Table& product_rows() {
  static const Table table = {
      {"matmul", draw_matmul, [](const In& in) { return matmul_of(in.x(0), in.x(1)); },
       [](const Args& a) { return matmul(a[0], a[1]); }, "matmul($0, $1)", 10},
      {"addmm", draw_addmm, [](const In& in) { return matmul_of(in.x(1), in.x(2), &in.x(0)); },
       [](const Args& a) { return addmm(a[0], a[1], a[2]); }, "addmm($0, $1, $2)", 3},
      {"linear", draw_linear,
       [](const In& in) {
         const Array w = transposed(in.x(1), -1, -2);
         if (!in.has(2)) return matmul_of(in.x(0), w);
         Array b = in.x(2);
         if (w.dim() == 3) b.shape.insert(b.dim() - 1, 1);
         return matmul_of(in.x(0), w, &b);
       },
       [](const Args& a) { return linear(a[0], a[1], a[2]); }, "linear($0, $1, $2)", 4},
      {"linear_rows", draw_linear_rows,
       [](const In& in) {
         const Array w = transposed(in.x(1), -1, -2);
         return in.has(2) ? matmul_of(in.x(0), w, &in.x(2)) : matmul_of(in.x(0), w);
       },
       [](const Args& a) { return linear_rows(a[0], a[1], a[2]); }, "linear_rows($0, $1, $2)", 3},
      {"outer", draw_outer,
       [](const In& in) {
         need(in.x(0).dim() == 1 && in.x(1).dim() == 1);
         return build({in.x(0).shape[0], in.x(1).shape[0]},
                      [&](Multi at) { return in.x(0)[{at[0]}] * in.x(1)[{at[1]}]; });
       },
       [](const Args& a) { return outer(a[0], a[1]); }, "outer($0, $1)", 1},
      {"einsum", draw_einsum, einsum_of,
       [](const Args& a) { return einsum(equations[a.i(0)], a.t); }, "einsum(%, {$0, $1, $2})", 5},
      {"attention", draw_attention, attended, attention_call,
       "scaled_dot_product_attention($0, $1, $2, {.mask = $3, .is_causal = bool(#0)})", 4},
      {"attention, scaled", draw_scaled_attention, attended, attention_call,
       "scaled_dot_product_attention($0, $1, $2, {.mask = $3, .is_causal = bool(#0), .scale = "
       "@0})"},
      {"segment_attention", draw_segments, segments_attended,
       [](const Args& a) { return segment_attention(a[0], a[1], a.i(0)); },
       "segment_attention($0, $1, #0)", 4},
      {"cosine_similarity", draw_cosine, cosine,
       [](const Args& a) { return cosine_similarity(a[0], a[1], a.i(0)); },
       "cosine_similarity($0, $1, #0)", 3},
      {"pairwise_distance", draw_distance,
       [](const In& in) {
         const Jet eps(rounding.single() ? static_cast<double>(1e-6f) : 1e-6);
         return reduce(
             map2(in.x(0), in.x(1), [&](const Jet& x, const Jet& y) { return x - y + eps; }), {-1},
             false, [&](const Line& v) { return norm_of(v, in.d(0)); });
       },
       [](const Args& a) { return pairwise_distance(a[0], a[1], a.d(0)); },
       "pairwise_distance($0, $1, @0)"},
      {"cdist", draw_cdist, distances, [](const Args& a) { return cdist(a[0], a[1], a.d(0)); },
       "cdist($0, $1, @0)", 3},
  };
  return table;
}

}  // namespace regrad::programs
