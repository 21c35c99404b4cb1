// Losses, by their definitions.
#include <cmath>

#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {
namespace {

Reduction reduction(const Args& a) { return static_cast<Reduction>(a.i(0)); }
Array reduced(const Array& x, int64_t how) {
  need(how >= 0 && how <= 2);
  if (how == 0) return x;
  return reduce(x, {}, false, [&](const Line& v) { return how == 1 ? mean_of(v) : total(v); });
}
Array by_task(const Array& x) {
  need(x.dim() >= 1);
  if (x.dim() == 1) return x;
  std::vector<int64_t> dims;
  for (int d = 1; d < x.dim(); ++d) dims.push_back(d);
  return reduce(x, dims, false, mean_of);
}

// input, target of one shape; reduction (0 none, 1 mean, 2 sum).
bool draw_pair(Draw& d, Node& n) {
  n.in = {d.any()};
  n.in.push_back(d.like(d.of(n.in[0])));
  n.i = {d.whole(0, 2)};
  return d.of(n.in[0]).numel() > 0;
}
bool draw_tasks(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.in.push_back(d.like(d.of(n.in[0])));
  return d.of(n.in[0]).numel() > 0;
}
bool draw_huber(Draw& d, Node& n) {
  n.d = {d.flag() ? 1 : d.flag() ? 0.5 : 2};
  return draw_pair(d, n);
}
bool draw_likelihood(Draw& d, Node& n) {
  n.in = {d.any()};
  n.in.push_back(d.leaf(d.of(n.in[0]), Fill::probability));
  n.i = {d.whole(0, 2)};
  return d.of(n.in[0]).numel() > 0;
}
bool draw_classes(Draw& d, Node& n, int least) {
  n.in = {d.any(least, 4)};
  Shape s = d.of(n.in[0]);
  const int64_t classes = s[-1];
  if (s.numel() == 0) return false;
  s.erase(s.size() - 1);
  n.in.push_back(d.index(s, 0, classes));
  n.i = {d.whole(0, 2)};
  return true;
}
bool draw_rows(Draw& d, Node& n) { return draw_classes(d, n, 1); }
bool draw_task_rows(Draw& d, Node& n) { return draw_classes(d, n, 2); }

using Loss = Jet (*)(const Jet&, const Jet&);
Array paired(const In& in, const std::function<Jet(const Jet&, const Jet&)>& f) {
  need(in.x(0).shape == in.x(1).shape);
  return map2(in.x(0), in.x(1), f);
}
Jet squared(const Jet& a, const Jet& b) { return (a - b) * (a - b); }
Jet distance(const Jet& a, const Jet& b) {
  const Jet d = a - b;
  return below(d, 0) ? -d : below(0, d) ? d : d * Jet(0.0);
}
Jet huber(const Jet& a, const Jet& b, double delta) {
  const Jet d = a - b, size = distance(a, b);
  if (std::isnan(d.v())) return d * d;
  return below(size, Jet(delta)) ? d * d * Jet(0.5) : Jet(delta) * (size - Jet(delta / 2));
}
Jet divergence(const Jet& q, const Jet& p) {
  if (!below(0, p)) return p.v() == 0 ? -(p * q) : Jet(0.0) - p * q;
  return p * (log(p) - q);
}
Jet crossing(const Jet& x, const Jet& t) { return t * softplus(-x) + (Jet(1.0) - t) * softplus(x); }
Array rows_of(const In& in, bool soft) {
  const Array& x = in.x();
  need(x.dim() >= 1 && x.shape.numel() > 0);
  Shape s = x.shape;
  s.erase(s.size() - 1);
  need(in.x(1).shape == s);
  return build(s, [&](Multi at) {
    Shape from = at;
    from.push_back(0);
    Line line;
    for (; from[-1] < x.shape[-1]; ++from[-1]) line.push_back(x[from]);
    const int64_t target = static_cast<int64_t>(in.x(1)[at].v());
    need(target >= 0 && target < x.shape[-1]);
    const Jet& hit = line[static_cast<size_t>(target)];
    return soft ? log_sum_finite(line) - hit : -hit;
  });
}

}  // namespace

const Table& loss_rows() {
  static const Table table = {
      {"mse_loss", draw_pair, [](const In& in) { return reduced(paired(in, squared), in.i(0)); }, [](const Args& a) { return mse_loss(a[0], a[1], reduction(a)); },
       "mse_loss($0, $1, Reduction(#0))"},
      {"l1_loss", draw_pair, [](const In& in) { return reduced(paired(in, distance), in.i(0)); }, [](const Args& a) { return l1_loss(a[0], a[1], reduction(a)); },
       "l1_loss($0, $1, Reduction(#0))"},
      {"huber_loss", draw_huber, [](const In& in) { return reduced(paired(in, [&](const Jet& a, const Jet& b) { return huber(a, b, in.d(0)); }), in.i(0)); },
       [](const Args& a) { return huber_loss(a[0], a[1], a.d(0), reduction(a)); }, "huber_loss($0, $1, @0, Reduction(#0))"},
      {"kl_div", draw_likelihood, [](const In& in) { return reduced(paired(in, divergence), in.i(0)); }, [](const Args& a) { return kl_div(a[0], a[1], reduction(a)); },
       "kl_div($0, $1, Reduction(#0))"},
      {"bce_with_logits", draw_likelihood, [](const In& in) { return reduced(paired(in, crossing), in.i(0)); },
       [](const Args& a) { return binary_cross_entropy_with_logits(a[0], a[1], reduction(a)); }, "binary_cross_entropy_with_logits($0, $1, Reduction(#0))"},
      {"nll_loss", draw_rows, [](const In& in) { return reduced(rows_of(in, false), in.i(0)); }, [](const Args& a) { return nll_loss(a[0], a[1], reduction(a)); },
       "nll_loss($0, $1, Reduction(#0))"},
      {"cross_entropy", draw_rows, [](const In& in) { return reduced(rows_of(in, true), in.i(0)); }, [](const Args& a) { return cross_entropy(a[0], a[1], reduction(a)); },
       "cross_entropy($0, $1, Reduction(#0))", 4},
      {"mse_loss_by_task", draw_tasks, [](const In& in) { return by_task(paired(in, squared)); }, [](const Args& a) { return mse_loss_by_task(a[0], a[1]); },
       "mse_loss_by_task($0, $1)", 1},
      {"cross_entropy_by_task", draw_task_rows, [](const In& in) { return by_task(rows_of(in, true)); }, [](const Args& a) { return cross_entropy_by_task(a[0], a[1]); },
       "cross_entropy_by_task($0, $1)", 1},
  };
  return table;
}

}  // namespace regrad::programs
