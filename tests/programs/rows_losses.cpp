// Losses, by their definitions.
#include <cmath>
#include <optional>

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
// input, target, weight, pos_weight; reduction.
bool draw_weighted(Draw& d, Node& n) {
  if (!draw_likelihood(d, n)) return false;
  for (int k = 0; k < 2; ++k) n.in.push_back(d.flag() ? d.to(d.of(n.in[0])) : -1);
  return true;
}
// reduction (3: batchmean), whether the target is a logarithm.
bool draw_divergence(Draw& d, Node& n) {
  if (!(d.flag() ? draw_pair(d, n) : draw_likelihood(d, n))) return false;
  n.i = {d.whole(0, 3), d.flag()};
  return d.of(n.in[0]).size() > 0;
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

// input, target, weights of classes; reduction, label to ignore (-1: none).
bool draw_rows_weighted(Draw& d, Node& n) {
  if (!draw_classes(d, n, 1)) return false;
  const int64_t classes = d.of(n.in[0])[-1];
  n.in.push_back(d.flag() ? d.leaf({classes}, Fill::positive) : -1);
  n.i.push_back(d.flag() ? d.whole(0, classes - 1) : -1);
  n.d = {d.flag() ? 0 : 0.3};
  return true;
}
// input, probabilities, weights of classes; reduction; smoothing
bool draw_soft(Draw& d, Node& n) {
  if (!draw_likelihood(d, n) || d.of(n.in[0]).size() == 0) return false;
  n.in.push_back(d.flag() ? d.leaf({d.of(n.in[0])[-1]}, Fill::positive) : -1);
  n.d = {d.flag() ? 0 : 0.3};
  return true;
}

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
  return p * log(p) - p * q;
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

Jet weight_of(const In& in, size_t k, Multi at) {
  return in.has(k) ? broadcast_to(in.x(k), in.x().shape)[at] : Jet(1.0);
}
Array crossed(const In& in) {
  need(in.x(0).shape == in.x(1).shape);
  return reduced(build(in.x().shape,
                       [&](Multi at) {
                         const Jet &x = in.x(0)[at], &t = in.x(1)[at];
                         return weight_of(in, 2, at) * (weight_of(in, 3, at) * t * softplus(-x) +
                                                        (Jet(1.0) - t) * softplus(x));
                       }),
                 in.i(0));
}
Array diverged(const In& in) {
  const Array all = paired(in, [&](const Jet& q, const Jet& p) {
    return in.i(1) ? exp(p) * (p - q) : divergence(q, p);
  });
  if (in.i(0) != 3) return reduced(all, in.i(0));
  need(all.dim() > 0 && all.shape[0] > 0);
  return map(reduced(all, 2),
             [&](const Jet& x) { return x / Jet(static_cast<double>(all.shape[0])); });
}
// -sum over classes of share times log softmax, by rows; the mean divides by the sum of the
// targets' weights (soft targets: by the rows).
Array soft_rows(const In& in, bool soft, bool logits) {
  const Array& x = in.x();
  need(x.dim() >= 1 && x.shape.numel() > 0 && in.i(0) <= 2);
  const int64_t classes = x.shape[-1];
  if (in.has(2)) need(in.x(2).shape == Shape{classes});
  Shape s = x.shape;
  s.erase(s.size() - 1);
  need(in.x(1).shape == (soft ? x.shape : s));
  const double smoothing = logits ? in.d(0) : 0;
  double weights = 0;
  bool all_finite = true;
  Array rows = build(s, [&](Multi at) {
    Shape from = at;
    from.push_back(0);
    Line line, terms;
    for (; from[-1] < classes; ++from[-1]) line.push_back(x[from]);
    for (const Jet& v : line) all_finite = all_finite && std::isfinite(v.v());
    const Jet norm = logits ? log_sum_finite(line) : Jet(0.0);
    const int64_t target = soft ? -1 : static_cast<int64_t>(in.x(1)[at].v());
    if (!soft && target == in.i(1)) return Jet(0.0);
    need(soft || (target >= 0 && target < classes));
    if (!soft) weights += in.has(2) ? in.x(2).v[static_cast<size_t>(target)].v() : 1;
    for (int64_t c = 0; c < classes; ++c) {
      from[-1] = c;
      const Jet share = soft ? in.x(1)[from] : Jet(c == target ? 1.0 : 0.0),
                w = in.has(2) ? in.x(2).v[static_cast<size_t>(c)] : Jet(1.0);
      if (!soft && smoothing == 0 && c != target) continue;
      const Jet blended = smoothing == 0
                              ? share
                              : share * Jet(rounded(1 - smoothing, 0)) +
                                    Jet(rounded(smoothing / static_cast<double>(classes), 0));
      terms.push_back(w * blended * (norm - line[static_cast<size_t>(c)]));
    }
    return total(terms);
  });
  if (!all_finite) rounding.undecided = true;  // 0 shares of infinite terms
  if (in.i(0) != 1) return reduced(rows, in.i(0));
  if (soft) return reduced(rows, 1);
  if (weights == 0) rounding.undecided = true;  // the mean of nothing
  Array y = reduced(rows, 2);
  // Weights are leaves; what divides is theirs too.
  Line count;
  for (const Jet& t : in.x(1).v) {
    const int64_t k = static_cast<int64_t>(t.v());
    if (k != in.i(1)) count.push_back(in.has(2) ? in.x(2).v[static_cast<size_t>(k)] : Jet(1.0));
  }
  return map(y, [&](const Jet& v) { return v / total(count); });
}
std::optional<int64_t> ignored(const Args& a) {
  return a.i(1) < 0 ? std::nullopt : std::optional<int64_t>(a.i(1));
}

}  // namespace

const Table& loss_rows() {
  static const Table table = {
      {"mse_loss", draw_pair, [](const In& in) { return reduced(paired(in, squared), in.i(0)); },
       [](const Args& a) { return mse_loss(a[0], a[1], reduction(a)); },
       "mse_loss($0, $1, Reduction(#0))"},
      {"l1_loss", draw_pair, [](const In& in) { return reduced(paired(in, distance), in.i(0)); },
       [](const Args& a) { return l1_loss(a[0], a[1], reduction(a)); },
       "l1_loss($0, $1, Reduction(#0))"},
      {"huber_loss", draw_huber,
       [](const In& in) {
         return reduced(
             paired(in, [&](const Jet& a, const Jet& b) { return huber(a, b, in.d(0)); }), in.i(0));
       },
       [](const Args& a) { return huber_loss(a[0], a[1], a.d(0), reduction(a)); },
       "huber_loss($0, $1, @0, Reduction(#0))"},
      {"smooth_l1_loss", draw_huber,
       [](const In& in) {
         return reduced(
             paired(in, [&](const Jet& a,
                            const Jet& b) { return huber(a, b, in.d(0)) / Jet(in.d(0)); }),
             in.i(0));
       },
       [](const Args& a) { return smooth_l1_loss(a[0], a[1], a.d(0), reduction(a)); },
       "smooth_l1_loss($0, $1, @0, Reduction(#0))"},
      {"kl_div", draw_likelihood,
       [](const In& in) { return reduced(paired(in, divergence), in.i(0)); },
       [](const Args& a) { return kl_div(a[0], a[1], reduction(a)); },
       "kl_div($0, $1, Reduction(#0))"},
      {"bce_with_logits", draw_likelihood,
       [](const In& in) { return reduced(paired(in, crossing), in.i(0)); },
       [](const Args& a) { return binary_cross_entropy_with_logits(a[0], a[1], reduction(a)); },
       "binary_cross_entropy_with_logits($0, $1, Reduction(#0))"},
      {"nll_loss", draw_rows, [](const In& in) { return reduced(rows_of(in, false), in.i(0)); },
       [](const Args& a) { return nll_loss(a[0], a[1], reduction(a)); },
       "nll_loss($0, $1, Reduction(#0))"},
      {"cross_entropy", draw_rows, [](const In& in) { return reduced(rows_of(in, true), in.i(0)); },
       [](const Args& a) { return cross_entropy(a[0], a[1], reduction(a)); },
       "cross_entropy($0, $1, Reduction(#0))", 4},
      {"bce_with_logits, weighted", draw_weighted, crossed,
       [](const Args& a) {
         return binary_cross_entropy_with_logits(
             a[0], a[1], BceOptions{.weight = a[2], .pos_weight = a[3], .reduction = reduction(a)});
       },
       "binary_cross_entropy_with_logits($0, $1, BceOptions{.weight = $2, .pos_weight = $3, "
       ".reduction = Reduction(#0)})"},
      {"kl_div, options", draw_divergence, diverged,
       [](const Args& a) {
         return kl_div(a[0], a[1],
                       KlDivOptions{.reduction = reduction(a), .log_target = a.i(1) != 0});
       },
       "kl_div($0, $1, KlDivOptions{.reduction = Reduction(#0), .log_target = bool(#1)})"},
      {"nll_loss, options", draw_rows_weighted,
       [](const In& in) { return soft_rows(in, false, false); },
       [](const Args& a) {
         return nll_loss(
             a[0], a[1],
             NllOptions{.weight = a[2], .ignore_index = ignored(a), .reduction = reduction(a)});
       },
       "nll_loss($0, $1, NllOptions{.weight = $2, .ignore_index = #1, .reduction = "
       "Reduction(#0)})"},
      {"cross_entropy, options", draw_rows_weighted,
       [](const In& in) { return soft_rows(in, false, true); },
       [](const Args& a) {
         return cross_entropy(a[0], a[1],
                              CrossEntropyOptions{.weight = a[2],
                                                  .ignore_index = ignored(a),
                                                  .label_smoothing = a.d(0),
                                                  .reduction = reduction(a)});
       },
       "cross_entropy($0, $1, CrossEntropyOptions{.weight = $2, .ignore_index = #1, "
       ".label_smoothing = @0, .reduction = Reduction(#0)})"},
      {"cross_entropy, soft", draw_soft, [](const In& in) { return soft_rows(in, true, true); },
       [](const Args& a) {
         return cross_entropy(
             a[0], a[1],
             CrossEntropyOptions{
                 .weight = a[2], .label_smoothing = a.d(0), .reduction = reduction(a)});
       },
       "cross_entropy($0, $1, CrossEntropyOptions{.weight = $2, .label_smoothing = @0, .reduction "
       "= Reduction(#0)})"},
      {"mse_loss_by_task", draw_tasks, [](const In& in) { return by_task(paired(in, squared)); },
       [](const Args& a) { return mse_loss_by_task(a[0], a[1]); }, "mse_loss_by_task($0, $1)", 1},
      {"cross_entropy_by_task", draw_task_rows,
       [](const In& in) { return by_task(rows_of(in, true)); },
       [](const Args& a) { return cross_entropy_by_task(a[0], a[1]); },
       "cross_entropy_by_task($0, $1)", 1},
  };
  return table;
}

}  // namespace regrad::programs
