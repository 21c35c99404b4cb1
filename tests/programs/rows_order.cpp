// Order along a dim, and running sums.
#include <algorithm>
#include <numeric>

#include <regrad/engine/functional.h>

#include "draw.h"

namespace regrad::programs {
namespace {

bool draw_sort(Draw& d, Node& n) {  // dim, descending
  draw_dim(d, n);
  n.i.push_back(d.flag());
  return true;
}
bool draw_topk(Draw& d, Node& n) {  // dim, k, largest
  draw_dim(d, n);
  n.i.insert(n.i.end(), {d.whole(0, d.of(n.in[0])[static_cast<int>(n.i[0])]), d.flag()});
  return true;
}

// Places in order. Equal values keep theirs; NaN is the largest. Every pair is compared, so that
// one that rounding may turn is seen.
std::vector<size_t> order(const Line& v, bool descending) {
  std::vector<size_t> at(v.size());
  std::iota(at.begin(), at.end(), size_t{0});
  for (size_t a = 0; a < v.size(); ++a)
    for (size_t b = 0; b < a; ++b) below(v[a], v[b]);
  const auto before = [&](size_t a, size_t b) {
    const double x = v[descending ? b : a].v(), y = v[descending ? a : b].v();
    return std::isnan(y) ? !std::isnan(x) : x < y;
  };
  std::stable_sort(at.begin(), at.end(), before);
  return at;
}
Array ordered(const In& in, bool descending, size_t first, bool places) {
  return along(in.x(), in.i(0), [&](const Line& v) {
    Line out;
    for (size_t k : order(v, descending)) {
      if (out.size() == first) break;
      out.push_back(places ? Jet(static_cast<double>(k)) : v[k]);
    }
    return out;
  });
}
Array running(const In& in) {
  return along(in.x(), in.i(0), [](const Line& v) {
    Line out, so_far;
    for (const Jet& x : v) {
      so_far.push_back(x);
      out.push_back(total(so_far));
    }
    return out;
  });
}
Array products(const In& in) {
  return along(in.x(), in.i(0), [](const Line& v) {
    Line out;
    for (const Jet& x : v) out.push_back(out.empty() ? x : out.back() * x);
    return out;
  });
}

}  // namespace

const Table& order_rows() {
  static const Table table = {
      {"sort", draw_sort, [](const In& in) { return ordered(in, in.i(1), SIZE_MAX, false); },
       [](const Args& a) { return sort(a[0], a.i(0), a.i(1)).values; }, "sort($0, #0, #1).values",
       3},
      {"argsort", draw_sort, [](const In& in) { return ordered(in, in.i(1), SIZE_MAX, true); },
       [](const Args& a) { return to(argsort(a[0], a.i(0), a.i(1)), a[0].dtype()); },
       "to(argsort($0, #0, #1), $0.dtype())", 1},
      {"topk", draw_topk,
       [](const In& in) {
         need(in.i(1) >= 0 && in.i(1) <= in.x().size(in.i(0)));
         return ordered(in, in.i(2), static_cast<size_t>(in.i(1)), false);
       },
       [](const Args& a) { return topk(a[0], a.i(1), a.i(0), a.i(2)).values; },
       "topk($0, #1, #0, #2).values", 3},
      {"cumsum", draw_dim, running, [](const Args& a) { return cumsum(a[0], a.i(0)); },
       "cumsum($0, #0)", 4},
      {"cumprod", draw_dim, products, [](const Args& a) { return cumprod(a[0], a.i(0)); },
       "cumprod($0, #0)", 2},
  };
  return table;
}

}  // namespace regrad::programs
