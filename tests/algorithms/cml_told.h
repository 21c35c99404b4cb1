// MAML's family and CML told a second time: literal loops in plain f64 over a net of twelve
// numbers, every derivative written down by hand. Nothing here comes from the library.
//
//   u = a x + b;   h_i = P_i u + Q_i, i = 0, 1      psi
//   f^m = T_0 h_0 + T_1 h_1 + s                     theta
//   f^c = U_0 h_0 + U_1 h_1 + d                     phi
//   w = (a, b, P_0, P_1, Q_0, Q_1, T_0, T_1, s, U_0, U_1, d)
//
// a and b are a norm's scale and shift; MAML++ may have them for each inner step.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace regrad::test::told {

using Numbers = std::vector<double>;
using Places = std::vector<size_t>;

constexpr size_t all = 12, theta = 6, phi = 9;  // where the heads begin
// The tensor that a place of w is in: a, b, P, Q, T, s, U, d.
constexpr size_t tensor_of[all] = {0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7};
inline const Places psi_places{0, 1, 2, 3, 4, 5}, theta_places{6, 7, 8}, phi_places{9, 10, 11};
inline Places join(Places a, const Places& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Points {
  Numbers x, y;
};
struct Episode {
  Points support, query;
};

// mean (f - y)^2 with its gradient and Hessian.
struct Loss {
  double value = 0;
  Numbers g = Numbers(all);
  std::vector<Numbers> h = std::vector<Numbers>(all, Numbers(all));
};
inline double output(const Numbers& w, size_t head, double x) {
  const double u = w[0] * x + w[1];
  return w[head] * (w[2] * u + w[4]) + w[head + 1] * (w[3] * u + w[5]) + w[head + 2];
}
inline Loss loss(const Numbers& w, size_t head, const Points& p) {
  Loss l;
  const double n = static_cast<double>(p.x.size());
  for (size_t k = 0; k < p.x.size(); ++k) {
    const double x = p.x[k], u = w[0] * x + w[1], r = output(w, head, x) - p.y[k];
    Numbers d(all);
    const auto second = [&](size_t i, size_t j, double v) {
      l.h[i][j] += 2 * r * v / n, l.h[j][i] += 2 * r * v / n;
    };
    d[head + 2] = 1;
    for (size_t i = 0; i < 2; ++i) {
      const double P = w[2 + i], T = w[head + i];
      d[0] += T * P * x, d[1] += T * P, d[2 + i] = T * u, d[4 + i] = T,
                                              d[head + i] = P * u + w[4 + i];
      second(0, 2 + i, T * x), second(0, head + i, P * x), second(1, 2 + i, T);
      second(1, head + i, P), second(2 + i, head + i, u), second(4 + i, head + i, 1);
    }
    l.value += r * r / n;
    for (size_t i = 0; i < all; ++i) {
      l.g[i] += 2 * r * d[i] / n;
      for (size_t j = 0; j < all; ++j) l.h[i][j] += 2 * d[i] * d[j] / n;
    }
  }
  return l;
}
inline Loss plus(Loss a, double weight, const Loss& b) {
  a.value += weight * b.value;
  for (size_t i = 0; i < all; ++i) {
    a.g[i] += weight * b.g[i];
    for (size_t j = 0; j < all; ++j) a.h[i][j] += weight * b.h[i][j];
  }
  return a;
}

enum class Rates { fixed, per_tensor_and_step, per_element };

// One outer step's inner loop, and what it is judged by.
struct Rule {
  double alpha = 0.01, gamma = 0;
  int steps = 1;
  bool second_order = true;
  Places adapted = join(psi_places, theta_places);
  // The inner loss; CL: 1 and gamma; eq. 9: 0 and 1.
  double meta_inside = 1, co_inside = 0;
  Rates rates = Rates::fixed;
  Numbers weights = {};  // of the query loss after each step; none: after the last
  bool sharp_low = false, through = true;
  double radius_low = 0;

  // Where the learned rate of a place at step j lies among all of them.
  size_t rate_place(size_t place, int j) const {
    Places tensors;
    for (size_t k = 0; k < adapted.size(); ++k) {
      if (rates == Rates::per_element && adapted[k] == place) return k;
      if (tensors.empty() || tensors.back() != tensor_of[adapted[k]])
        tensors.push_back(tensor_of[adapted[k]]);
    }
    const auto at = std::find(tensors.begin(), tensors.end(), tensor_of[place]) - tensors.begin();
    return static_cast<size_t>(at) * static_cast<size_t>(steps) + static_cast<size_t>(j);
  }
  double rate(const Numbers& learned, size_t place, int j) const {
    return rates == Rates::fixed ? alpha : learned[rate_place(place, j)];
  }
  Loss support(const Numbers& w, const Points& p) const {
    return plus(plus({}, meta_inside, loss(w, theta, p)), co_inside, loss(w, phi, p));
  }
};

// The inner gradient at w, and its derivative by w: slope[i][j] = d g_i / d w_j.
struct Inner {
  Numbers g;
  std::vector<Numbers> slope;
};
inline Inner inner(const Rule& r, const Numbers& w, const Points& support) {
  const Loss here = r.support(w, support);
  if (!r.sharp_low) return {here.g, here.h};
  double squares = 1e-24;
  for (const size_t i : r.adapted) squares += here.g[i] * here.g[i];
  const double norm = std::sqrt(squares);
  Numbers near = w;
  for (const size_t i : r.adapted) near[i] += r.radius_low * here.g[i] / norm;
  const Loss there = r.support(near, support);
  Inner out{there.g, there.h};
  if (!r.through) return out;
  for (size_t c = 0; c < all; ++c) {
    double along = 0;  // d (|g|^2 / 2) / d w_c
    for (const size_t i : r.adapted) along += here.g[i] * here.h[i][c];
    for (const size_t b : r.adapted) {
      const double de =
          r.radius_low * (here.h[b][c] / norm - here.g[b] * along / (norm * norm * norm));
      for (size_t i = 0; i < all; ++i) out.slope[i][c] += there.h[i][b] * de;
    }
  }
  return out;
}
inline Numbers stepped(const Rule& r, Numbers w, const Numbers& rates, int j, const Numbers& g) {
  for (const size_t i : r.adapted) w[i] -= r.rate(rates, i, j) * g[i];
  return w;
}
// w with the norm of step j: norms are a_0 .. a_M-1, b_0 .. b_M-1, or none.
inline Numbers at_step(Numbers w, const Numbers& norms, int j) {
  if (norms.empty()) return w;
  w[0] = norms[static_cast<size_t>(j)], w[1] = norms[norms.size() / 2 + static_cast<size_t>(j)];
  return w;
}
// After the last step, with the last step's norm.
inline Numbers adapted(const Rule& r, Numbers w, const Numbers& rates, const Numbers& norms,
                       const Points& support) {
  for (int j = 0; j < r.steps; ++j) {
    w = at_step(w, norms, j);
    w = stepped(r, w, rates, j, inner(r, w, support).g);
  }
  return w;
}

// J of tasks and its gradients by w, by the rates and by the norms of the steps.
struct Outer {
  double meta = 0, co = 0;
  Numbers g = Numbers(all), rates = {}, norms = {};
};
// Of one task, backwards through the steps.
inline Outer outer(const Rule& r, const Numbers& w, const Numbers& rates, const Numbers& norms,
                   const Episode& task) {
  std::vector<Numbers> at{at_step(w, norms, 0)};
  std::vector<Inner> steps;
  for (int j = 0; j < r.steps; ++j) {
    at.back() = at_step(at.back(), norms, j);
    steps.push_back(inner(r, at.back(), task.support));
    at.push_back(stepped(r, at.back(), rates, j, steps.back().g));
  }
  Outer out;
  out.rates.resize(rates.size()), out.norms.resize(norms.size());
  // What came back to a and b belongs to the norm of step j.
  const auto keep_norm = [&](int j) {
    if (norms.empty()) return;
    out.norms[static_cast<size_t>(j)] += out.g[0];
    out.norms[norms.size() / 2 + static_cast<size_t>(j)] += out.g[1];
    out.g[0] = out.g[1] = 0;
  };
  for (int j = r.steps; j >= 0; --j) {
    double v = j == r.steps;
    if (!r.weights.empty()) v = j == 0 ? 0 : r.weights[static_cast<size_t>(j - 1)];
    const Numbers query_at = at_step(at[static_cast<size_t>(j)], norms, std::max(j - 1, 0));
    const Loss meta = loss(query_at, theta, task.query), co = loss(query_at, phi, task.query);
    out.meta += v * meta.value, out.co += v * co.value;
    for (size_t i = 0; i < all; ++i) out.g[i] += v * (meta.g[i] + r.gamma * co.g[i]);
    keep_norm(std::max(j - 1, 0));
    if (j == 0) break;
    const Inner& step = steps[static_cast<size_t>(j - 1)];
    Numbers back = out.g;
    for (const size_t i : r.adapted) {
      if (r.rates != Rates::fixed) out.rates[r.rate_place(i, j - 1)] -= step.g[i] * out.g[i];
      for (size_t c = 0; c < all && r.second_order; ++c)
        back[c] -= r.rate(rates, i, j - 1) * out.g[i] * step.slope[i][c];
    }
    out.g = back;
    keep_norm(j - 1);
  }
  return out;
}
// The mean over the tasks of a batch.
inline Outer outer(const Rule& r, const Numbers& w, const Numbers& rates, const Numbers& norms,
                   const std::vector<Episode>& tasks) {
  Outer out;
  out.rates.resize(rates.size()), out.norms.resize(norms.size());
  const double n = static_cast<double>(tasks.size());
  const auto add = [n](Numbers& to, const Numbers& from) {
    for (size_t i = 0; i < to.size(); ++i) to[i] += from[i] / n;
  };
  for (const Episode& task : tasks) {
    const Outer one = outer(r, w, rates, norms, task);
    out.meta += one.meta / n, out.co += one.co / n;
    add(out.g, one.g), add(out.rates, one.rates), add(out.norms, one.norms);
  }
  return out;
}

// Adam with L2 decay of what decays.
struct Adam {
  Numbers m, v;
  int t = 0;
  void step(const std::vector<double*>& p, const Numbers& gradient, double lr,
            const Numbers& decay = {}) {
    m.resize(p.size()), v.resize(p.size());
    ++t;
    for (size_t k = 0; k < p.size(); ++k) {
      const double g = gradient[k] + (decay.empty() ? 0 : decay[k] * *p[k]);
      m[k] = 0.9 * m[k] + 0.1 * g;
      v[k] = 0.999 * v[k] + 0.001 * g * g;
      *p[k] -= lr * (m[k] / (1 - std::pow(0.9, t))) /
               (std::sqrt(v[k] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
};

// Sharp-MAML's upper level: the gradient at w + radius g / |g|, over what is learned.
inline Numbers uphill(Numbers w, const Places& learned, const Outer& o, double radius) {
  double squares = 1e-24;
  for (const size_t i : learned) squares += o.g[i] * o.g[i];
  for (const size_t i : learned) w[i] += radius * o.g[i] / std::sqrt(squares);
  return w;
}

inline double error(const Numbers& w, size_t head, const Points& p) {
  return loss(w, head, p).value;
}

}  // namespace regrad::test::told
