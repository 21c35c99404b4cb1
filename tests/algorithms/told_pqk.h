// PQK told a second time, in plain doubles on the net of told_net.h (pruning.md section 4.1):
//   z = Q(C) Q(tanh(Q(W2) Q(tanh(BN(Q(W1) Q(x)))))) + c
// Nothing here comes from the library.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "told_net.h"

namespace told {

struct PqkPlan {
  bool quantize = true, prune = true, within = false, given = false, mutual = false, shared = false;
  int bits = 4, edge_bits = 6;
  double sparsity = 0.6, second = 0.5, target = 0.35, range_momentum = 0.3;
  int epochs = 10, batches = 2, refresh = 3;
  double momentum = 0.8, decay = 2e-3, t = 3, share = 0.7, given_t = 5;

  int steps() const { return epochs * batches; }
  int change() const { return static_cast<int>(std::lround(second * epochs)) * batches; }
};

// A tensor at few bits: values, and whether each lay inside of the range.
struct Few {
  V values;
  std::vector<bool> inside;
};
inline Few rounded(const V& v, double high, int bits) {
  const double n = std::pow(2, bits - 1) - 1, step = high / n;
  Few out;
  for (double x : v) {
    const double level = std::nearbyint(x / step);
    out.inside.push_back(std::abs(level) <= n);
    out.values.push_back(step * std::min(n, std::max(-n, level)));
  }
  return out;
}
inline double largest(const V& v) {
  double high = 0;
  for (double x : v) high = std::max(high, std::abs(x));
  return high;
}

class Pqk {
 public:
  PqkPlan plan;
  Params p, velocity, second, second_velocity;  // second: the teacher's norm and classifier
  Running running, second_running;
  std::array<V, 2> mask;
  V high = V(3, 0.0);  // of each layer's input
  int batches = 0;

  Pqk(const PqkPlan& of, const Params& start)
      : plan(of), p(start), velocity(start), second(start), second_velocity(start) {
    running = second_running = {V(wide, 0.0), V(wide, 1.0)};
    for (Params* q : {&velocity, &second_velocity})
      for (V* v : q->list()) std::fill(v->begin(), v->end(), 0.0);
    mask = {V(p.w1.size(), 1.0), V(p.w2.size(), 1.0)};
  }

  Params masked() const {
    Params e = p;
    for (size_t j = 0; j < e.w1.size(); ++j) e.w1[j] *= mask[0][j];
    for (size_t j = 0; j < e.w2.size(); ++j) e.w2[j] *= mask[1][j];
    return e;
  }

  // The student's logits out of training.
  V deployed(const V& x) const {
    Student s = student(masked(), x, &running, high);
    return s.f.z;
  }

  // The i-th step with a teacher's logits `from` (given); the loss before it.
  double learn(const V& x, const std::vector<int>& y, int i, double lr, const V& from = {}) {
    const bool late = i >= plan.change();
    if (plan.prune && !late && i % plan.refresh == 0) prune(i);
    if (plan.within && i == plan.change()) second = p, second_running = running;
    V dz;
    ++batches;
    const Student s = student(masked(), x, nullptr, high_after(x));
    told::move(running, s.f);
    double loss = cross_entropy(s.f.z, y, dz);
    if (plan.given && late) {
      V dk(dz.size(), 0.0);
      loss = (1 - plan.share) * loss + plan.share * distillation(s.f.z, from, plan.given_t, 0, dk);
      for (size_t j = 0; j < dz.size(); ++j) dz[j] = (1 - plan.share) * dz[j] + plan.share * dk[j];
    }
    Params g_t;
    if (plan.within && late) loss += teach(s.f.z, x, y, dz, g_t);
    Params g = of_student(s, dz);
    V *of[2] = {&g.w1, &g.w2}, *of_t[2] = {&g_t.w1, &g_t.w2};
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < mask[l].size(); ++j) {
        double& d = (*of[l])[j];
        d *= mask[l][j];
        if (plan.within && late && (plan.shared || mask[l][j] == 0)) d += (*of_t[l])[j];
      }
    const std::array<V, 2> before = {p.w1, p.w2};
    for (size_t k = 0; k < 6; ++k) {
      step(*p.list()[k], *velocity.list()[k], *g.list()[k], lr);
      if (plan.within && late && k != 0 && k != 3)
        step(*second.list()[k], *second_velocity.list()[k], *g_t.list()[k], lr);
    }
    if (!plan.prune || (plan.within && late)) return loss;
    for (size_t l = 0; l < 2; ++l)  // pruned weights keep their value
      for (size_t j = 0; j < mask[l].size(); ++j)
        if (mask[l][j] == 0) (*p.list()[3 * l])[j] = before[l][j], (*velocity.list()[3 * l])[j] = 0;
    return loss;
  }

 private:
  struct Student {
    Pass f;  // x, a, b as they are before rounding
    Params e;
    Few x, a, b;
  };
  int bits(size_t layer) const {
    return layer == 1 ? plan.bits : std::max(plan.bits, plan.edge_bits);
  }
  Few input(const V& v, double range, size_t layer) const {
    if (plan.quantize) return rounded(v, range, bits(layer));
    return {v, std::vector<bool>(v.size(), true)};
  }
  V weight(const V& w, size_t layer) const {
    return plan.quantize ? rounded(w, largest(w), bits(layer)).values : w;
  }

  // Ranges move layer by layer, for each layer's input depends on the one before it.
  V high_after(const V& x) {
    for (size_t layer = 0; layer < 3; ++layer) {
      const Student s = student(masked(), x, nullptr, high);
      const V& in = layer == 0 ? x : layer == 1 ? s.f.a : s.f.b;
      const double by = plan.range_momentum, now = largest(in);
      high[layer] = batches == 1 ? now : (1 - by) * high[layer] + by * now;
    }
    return high;
  }

  Student student(const Params& e, const V& x, const Running* fixed, const V& range) const {
    Student s{{}, e, input(x, range[0], 0), {}, {}};
    s.e.w1 = weight(e.w1, 0), s.e.w2 = weight(e.w2, 1), s.e.c = weight(e.c, 2);
    Params first = s.e;
    if (fixed) {
      s.f.mean = fixed->mean, s.f.var = fixed->var;
      s.f = finish(std::move(s.f), times(s.x.values, first.w1, inputs, wide), first);
    } else {
      s.f = training(first, s.x.values);
    }
    s.a = input(s.f.a, range[1], 1);
    s.f.b = times(s.a.values, s.e.w2, wide, narrow);
    for (double& v : s.f.b) v = std::tanh(v);
    s.b = input(s.f.b, range[2], 2);
    s.f.z = times(s.b.values, s.e.c, narrow, classes);
    for (size_t j = 0; j < s.f.z.size(); ++j) s.f.z[j] += e.bias[j % classes];
    return s;
  }

  static Params of_student(const Student& s, const V& dz) {
    Params d;
    d.c = of_weight(dz, s.b.values, narrow, classes);
    d.bias = V(classes, 0.0);
    for (size_t j = 0; j < dz.size(); ++j) d.bias[j % classes] += dz[j];
    V g = of_input(dz, s.e.c, narrow, classes);
    for (size_t j = 0; j < g.size(); ++j) g[j] *= (1 - s.f.b[j] * s.f.b[j]) * s.b.inside[j];
    d.w2 = of_weight(g, s.a.values, wide, narrow);
    g = of_input(g, s.e.w2, wide, narrow);
    for (size_t j = 0; j < g.size(); ++j) g[j] *= (1 - s.f.a[j] * s.f.a[j]) * s.a.inside[j];
    d.scale = d.shift = V(wide, 0.0);
    for (size_t j = 0; j < g.size(); ++j) {
      d.scale[j % wide] += g[j] * s.f.h[j];
      d.shift[j % wide] += g[j];
    }
    for (size_t j = 0; j < g.size(); ++j) {
      const size_t k = j % wide;
      g[j] = s.e.scale[k] * s.f.inv[k] * (g[j] - d.shift[k] / rows - s.f.h[j] * d.scale[k] / rows);
    }
    d.w1 = of_weight(g, s.x.values, inputs, wide);
    return d;
  }

  double teach(const V& z_s, const V& x, const std::vector<int>& y, V& dz, Params& g_t) {
    Params whole = p;
    for (size_t k : {1, 2, 4, 5}) *whole.list()[k] = *second.list()[k];
    const Pass f = training(whole, x);
    told::move(second_running, f);
    V dz_t;
    double loss = cross_entropy(f.z, y, dz_t);
    loss += distillation(z_s, f.z, plan.t, 0, dz);
    if (plan.mutual) loss += distillation(f.z, z_s, plan.t, 0, dz_t);
    g_t = gradients(whole, f, dz_t);
    return loss;
  }

  // The smallest kept weights of both layers go until floor(p N) are gone.
  void prune(int i) {
    const double epoch = i / plan.batches, end = std::lround(plan.target * plan.epochs);
    const double share =
        epoch >= end ? plan.sparsity : plan.sparsity - plan.sparsity * std::pow(1 - epoch / end, 3);
    std::vector<std::pair<double, std::pair<size_t, size_t>>> kept;
    const V* w[2] = {&p.w1, &p.w2};
    size_t gone = 0, all = p.w1.size() + p.w2.size();
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < mask[l].size(); ++j)
        if (mask[l][j] == 0) {
          ++gone;
        } else {
          kept.push_back({std::abs((*w[l])[j]), {l, j}});
        }
    std::sort(kept.begin(), kept.end());
    const auto wanted = static_cast<size_t>(std::floor(static_cast<double>(all) * share + 1e-9));
    for (size_t k = 0; gone < wanted; ++k, ++gone)
      mask[kept[k].second.first][kept[k].second.second] = 0;
  }

  void step(V& w, V& v, const V& g, double lr) const {
    for (size_t j = 0; j < w.size(); ++j) {
      const double d = g[j] + plan.decay * w[j];
      v[j] = plan.momentum * v[j] + d;
      w[j] -= lr * (d + plan.momentum * v[j]);
    }
  }
};

}  // namespace told
