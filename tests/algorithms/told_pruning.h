// Each pruning row's update told a second time, in plain doubles on the net of told_net.h
// (pruning.md sections 1 to 3). Nothing here comes from the library.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "told_net.h"

namespace told {

struct Plan {
  std::string row;
  double sparsity = 0.6;
  int epochs = 12, batches = 2, refresh = 3, period = 4;
  double target = 0.66, exploit = 0.85, distill = 0.3;
  double lr = 0.3, warmup = 0.125, from = 0.4, gamma = 0.3;
  V milestones = {0.42, 0.7};
  double momentum = 0.8, decay = 2e-3;
  double t = 3, floor = 0, z = 0.7, share = 0.6, initial = -2, str_decay = 5e-3;
  bool by_step = false, official = false, climb_by_epoch = false;

  bool is(const char* name) const { return row.rfind(name, 0) == 0; }
  bool ends(const char* with) const {
    const std::string end = with;
    return row.size() > end.size() && row.compare(row.size() - end.size(), end.size(), end) == 0;
  }
  int all_epochs() const { return row == "dpf-x2" ? 2 * epochs : epochs; }
  int steps() const { return all_epochs() * batches; }
  int after(double part) const { return static_cast<int>(std::lround(part * all_epochs())); }
  double rate(int i) const {
    const double climb = warmup * steps();
    const int now = climb_by_epoch ? i / batches * batches : i;
    if (now < climb) return lr * (from + (1 - from) * now / climb);
    double r = lr;
    for (double m : milestones)
      if (i / batches >= after(m)) r *= gamma;
    return r;
  }
};

// Of DCIL's parameters those that both paths share, by place.
inline bool shared(const Plan& plan, size_t k) {
  return plan.row == "dcil-shared" ||
         plan.row == (k < 3 ? "dcil-shared-norms" : "dcil-shared-classifier");
}

using Pair = std::array<V, 2>;  // of W1 and of W2

// The smallest p of them are pruned: of both layers or of each, entries or whole filters.
inline Pair smallest(const Pair& score, double p, const Plan& plan) {
  const int filters = plan.ends("-filters"), width[2] = {inputs, wide};
  Pair mask = score;
  std::vector<std::pair<double, std::array<int, 2>>> order;  // importance; layer and place
  const auto cut = [&] {
    const int n = static_cast<int>(order.size());
    const int k = static_cast<int>(std::floor(n * p + 1e-9)) + (plan.official ? 1 : 0);
    std::sort(order.begin(), order.end());
    for (int j = 0; j < n; ++j) {
      const auto [l, at] = order[size_t(j)].second;
      const int count = filters ? width[l] : 1;
      for (int i = at * count; i < (at + 1) * count; ++i)
        mask[size_t(l)][size_t(i)] = j < k ? 0 : 1;
    }
    order.clear();
  };
  for (int l = 0; l < 2; ++l) {
    const V& v = score[size_t(l)];
    const int count = filters ? width[l] : 1;
    for (int at = 0; at * count < static_cast<int>(v.size()); ++at) {
      double square = 0;
      for (int i = at * count; i < (at + 1) * count; ++i)
        square += v[size_t(i)] * v[size_t(i)] / count;
      order.push_back({square, {l, at}});
    }
    if (plan.row == "dpf-layer") cut();
  }
  if (!order.empty()) cut();
  return mask;
}

class Row {
 public:
  Plan plan;
  Params p, velocity;  // W1, norm, W2, classifier of the (sparse) path
  Running running;
  Params second, second_velocity;  // DCIL's dense path: norm and classifier alone
  Running second_running;
  Pair mask, attention;
  double bound = 1;
  V c, c_velocity;  // STR's thresholds
  double revived = 0, spread = 0;

  Row(Plan of, const Params& start, const Params& other)
      : plan(std::move(of)), p(start), velocity(start), second(other), second_velocity(other) {
    running = second_running = {V(wide, 0.0), V(wide, 1.0)};
    for (Params* q : {&velocity, &second_velocity})
      for (V* v : q->list()) std::fill(v->begin(), v->end(), 0.0);
    mask = attention = {V(p.w1.size(), 1.0), V(p.w2.size(), 1.0)};
    if (plan.row == "str") c = V(2, plan.initial), c_velocity = V(2, 0.0);
  }

  // What the net is evaluated at: while training, or deployed.
  Params effective(bool exploring) const {
    Params e = p;
    V* w[2] = {&e.w1, &e.w2};
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < w[l]->size(); ++j) {
        double& x = (*w[l])[j];
        if (plan.row == "str") {
          const double size = std::abs(x) - 1 / (1 + std::exp(-c[l]));
          x = size > 0 ? std::copysign(size, x) : 0;
        } else if (plan.is("map")) {
          const double out = plan.is("map-soft") && exploring ? bound : 0;
          x *= mask[l][j] > 0 ? attention[l][j] : out;
        } else {
          x *= mask[l][j];
        }
      }
    return e;
  }

  // The i-th step; the loss before it.
  double learn(const V& x, const std::vector<int>& y, int i) {
    if (due(i)) refresh(x, y, i);
    const Params e = effective(!frozen(i));
    const Pass f = training(e, x);
    V dz, dz_d;
    double loss = cross_entropy(f.z, y, dz);
    Params g_d;
    if (plan.is("dcil")) loss += dense_path(f, x, y, i, dz, g_d);
    Params g = gradients(e, f, dz);
    const Pair raw = {g.w1, g.w2};
    move(running, f);
    if (plan.is("dcil")) move(shared(plan, 1) ? running : second_running, moved_by_dense);
    const V g_c = plan.row == "str" ? thresholds(raw) : V();
    assign(g, g_d, i);
    if ((i + 1) % plan.batches == 0) measure({g.w1, g.w2});
    if (plan.row == "rigl" && i > 0 && i % plan.period == 0 && i < rigl_end()) {
      regrow(raw, i);
      return loss;
    }
    step(g, g_d, g_c, i);
    return loss;
  }

 private:
  Pass moved_by_dense;  // DCIL's dense path at this step

  bool frozen(int i) const {
    return plan.is("map") && i / plan.batches >= plan.after(plan.exploit);
  }
  bool zeroes() const {
    return plan.is("gmp") || plan.row == "one-shot" || plan.row == "snip" || plan.row == "rigl" ||
           plan.row == "acdc";
  }
  int rigl_end() const { return static_cast<int>(std::lround(plan.target * plan.steps())); }
  bool acdc_sparse(int i) const {
    const int e = i / plan.batches;
    return e % 4 >= 2 || e >= plan.after(plan.target);
  }

  bool due(int i) const {
    if (plan.row == "dense" || plan.row == "str" || plan.row == "rigl") return false;
    if (plan.row == "ste") return true;
    if (plan.row == "one-shot") return i == plan.after(0.5) * plan.batches;
    if (plan.row == "snip") return i == 0;
    if (plan.row == "acdc") return i > 0 && acdc_sparse(i) != acdc_sparse(i - 1);
    if (frozen(i)) return i == plan.after(plan.exploit) * plan.batches;
    return i % plan.refresh == 0;
  }

  double target(int i) const {
    if (plan.row == "one-shot" || plan.row == "snip") return plan.sparsity;
    if (plan.row == "acdc") return acdc_sparse(i) ? plan.sparsity : 0;
    const double now = plan.by_step ? i : i / plan.batches,
                 end = plan.after(plan.target) * (plan.by_step ? plan.batches : 1);
    if (now >= end) return plan.sparsity;
    return plan.sparsity - plan.sparsity * std::pow(1 - now / end, 3);
  }

  void refresh(const V& x, const std::vector<int>& y, int i) {
    const double share = target(i);
    Pair score = {p.w1, p.w2};
    if (plan.is("map")) attend(share);
    if (plan.row == "snip") {
      V dz;
      const Pass f = training(p, x);
      cross_entropy(f.z, y, dz);
      const Params g = gradients(p, f, dz);
      for (size_t j = 0; j < g.w1.size(); ++j) score[0][j] *= g.w1[j];
      for (size_t j = 0; j < g.w2.size(); ++j) score[1][j] *= g.w2[j];
    }
    adopt(smallest(score, share, plan));
  }

  // A = lb + (1-lb) (|W| - min) / (max - min), lb = (1-p)^z
  void attend(double share) {
    bound = std::pow(1 - share, plan.z);
    const V* w[2] = {&p.w1, &p.w2};
    double low[2] = {1e300, 1e300}, high[2] = {0, 0};
    for (int l = 0; l < 2; ++l)
      for (double v : *w[l])
        low[l] = std::min(low[l], std::abs(v)), high[l] = std::max(high[l], std::abs(v));
    if (!plan.ends("-layer")) {
      low[0] = low[1] = std::min(low[0], low[1]);
      high[0] = high[1] = std::max(high[0], high[1]);
    }
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < w[l]->size(); ++j)
        attention[l][j] =
            bound + (1 - bound) * (std::abs((*w[l])[j]) - low[l]) / (high[l] - low[l]);
  }

  void adopt(const Pair& next) {
    V *w[2] = {&p.w1, &p.w2}, *v[2] = {&velocity.w1, &velocity.w2};
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < next[l].size(); ++j) {
        revived += mask[l][j] == 0 && next[l][j] == 1;
        if (zeroes() && next[l][j] == 0) (*w[l])[j] = (*v[l])[j] = 0;
      }
    mask = next;
  }

  // Adds both distillation terms, and gives the dense path's loss and gradients.
  double dense_path(const Pass& sparse, const V& x, const std::vector<int>& y, int i, V& dz,
                    Params& g_d) {
    Params whole = p;
    for (size_t k : {1, 2, 4, 5})
      if (!shared(plan, k)) *whole.list()[k] = *second.list()[k];
    const Pass f = training(whole, x);
    V dz_d;
    double loss = cross_entropy(f.z, y, dz_d);
    if (plan.row != "dcil-nokd" && i / plan.batches >= plan.after(plan.distill)) {
      loss += distillation(sparse.z, f.z, plan.t, plan.floor, dz);
      loss += distillation(f.z, sparse.z, plan.t, plan.floor, dz_d);
    }
    g_d = gradients(whole, f, dz_d);
    moved_by_dense = f;
    return loss;
  }

  // dL/dc of W^ = sign(W) relu(|W| - sigmoid(c)); g becomes dL/dW by mask (0 below the threshold).
  V thresholds(const Pair& g) const {
    V out(2, 0.0);
    const V* w[2] = {&p.w1, &p.w2};
    for (size_t l = 0; l < 2; ++l) {
      const double s = 1 / (1 + std::exp(-c[l]));
      for (size_t j = 0; j < g[l].size(); ++j)
        if (std::abs((*w[l])[j]) > s)
          out[l] -= g[l][j] * std::copysign(1, (*w[l])[j]) * s * (1 - s);
    }
    return out;
  }

  // The gradients that W1 and W2 get.
  void assign(Params& g, const Params& g_d, int i) const {
    V* of[2] = {&g.w1, &g.w2};
    const V *of_d[2] = {&g_d.w1, &g_d.w2}, *w[2] = {&p.w1, &p.w2};
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < of[l]->size(); ++j) {
        double& x = (*of[l])[j];
        const bool kept = mask[l][j] > 0;
        if (plan.is("dcil")) x = kept ? x : (*of_d[l])[j];
        if (plan.is("map")) x *= kept ? attention[l][j] : frozen(i) ? 0 : bound;
        if (plan.row == "str") x *= std::abs((*w[l])[j]) > 1 / (1 + std::exp(-c[l]));
        if (zeroes()) x *= kept;
      }
  }

  void measure(const Pair& g) {
    double n = 0, mean = 0, square = 0;
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < g[l].size(); ++j)
        if (mask[l][j] == 0) ++n, mean += g[l][j], square += g[l][j] * g[l][j];
    spread = n > 0 ? std::sqrt(std::max(0.0, square / n - mean / n * mean / n)) : 0;
  }

  // RigL: drops the smallest kept weights, grows where gradients are largest.
  void regrow(const Pair& g, int i) {
    const double part = plan.share / 2 * (1 + std::cos(std::acos(-1.0) * i / rigl_end()));
    Pair next = mask;
    const V* w[2] = {&p.w1, &p.w2};
    for (size_t l = 0; l < 2; ++l) {
      std::vector<std::pair<double, size_t>> kept, absent;
      for (size_t j = 0; j < next[l].size(); ++j)
        if (next[l][j] > 0) kept.push_back({std::abs((*w[l])[j]), j});
      const size_t moved = std::min(static_cast<size_t>(part * static_cast<double>(kept.size())),
                                    next[l].size() - kept.size());
      std::sort(kept.begin(), kept.end());
      for (size_t j = 0; j < moved; ++j) next[l][kept[j].second] = 0;
      for (size_t j = 0; j < next[l].size(); ++j)
        if (next[l][j] == 0) absent.push_back({-std::abs(g[l][j]), j});
      std::sort(absent.begin(), absent.end());
      for (size_t j = 0; j < moved; ++j) next[l][absent[j].second] = 1;
    }
    adopt(next);
  }

  // SGD with L2 and Nesterov momentum.
  void move(V& w, V& v, const V& g, double lr, double decay) const {
    for (size_t j = 0; j < w.size(); ++j) {
      const double d = g[j] + decay * w[j];
      v[j] = plan.momentum * v[j] + d;
      w[j] -= lr * (d + plan.momentum * v[j]);
    }
  }
  static void move(Running& r, const Pass& f) { told::move(r, f); }

  void step(Params& g, Params& g_d, const V& g_c, int i) {
    const double lr = plan.rate(i);
    const Pair before = {p.w1, p.w2};
    if (plan.is("dcil"))
      for (size_t k : {1, 2, 4, 5})
        for (size_t j = 0; shared(plan, k) && j < g.list()[k]->size(); ++j)
          (*g.list()[k])[j] += (*g_d.list()[k])[j];
    const std::vector<V*> w = p.list(), v = velocity.list(), of = g.list();
    for (size_t k = 0; k < w.size(); ++k) move(*w[k], *v[k], *of[k], lr, plan.decay);
    if (plan.is("dcil"))
      for (size_t k : {1, 2, 4, 5})
        if (!shared(plan, k))
          move(*second.list()[k], *second_velocity.list()[k], *g_d.list()[k], lr, plan.decay);
    if (plan.row == "str") move(c, c_velocity, g_c, lr, plan.str_decay);
    if (!frozen(i)) return;
    for (size_t l = 0; l < 2; ++l)
      for (size_t j = 0; j < mask[l].size(); ++j)
        if (mask[l][j] == 0) (*w[3 * l])[j] = before[l][j], (*v[3 * l])[j] = 0;
  }
};

}  // namespace told
