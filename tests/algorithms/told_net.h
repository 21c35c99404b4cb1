// A net of a few numbers in plain doubles, its derivatives written out by hand:
//   z = C tanh(W2 tanh(BN(W1 x))) + c,   x [6,3] -> z [6,3],   W1 [5,3], W2 [4,5], C [3,4]
// It is the other side of tests that hold a method to its equations, and so uses nothing of the
// library.
#pragma once

#include <cmath>
#include <vector>

namespace told {

using V = std::vector<double>;
constexpr int rows = 6, inputs = 3, wide = 5, narrow = 4, classes = 3;

// y = x w^T, and what g = dL/dy makes of w and of x.
inline V times(const V& x, const V& w, int in, int out) {
  V y(static_cast<size_t>(rows * out), 0.0);
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < out; ++o)
      for (int i = 0; i < in; ++i)
        y[size_t(n * out + o)] += w[size_t(o * in + i)] * x[size_t(n * in + i)];
  return y;
}
inline V of_weight(const V& g, const V& x, int in, int out) {
  V d(static_cast<size_t>(out * in), 0.0);
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < out; ++o)
      for (int i = 0; i < in; ++i)
        d[size_t(o * in + i)] += g[size_t(n * out + o)] * x[size_t(n * in + i)];
  return d;
}
inline V of_input(const V& g, const V& w, int in, int out) {
  V d(static_cast<size_t>(rows * in), 0.0);
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < out; ++o)
      for (int i = 0; i < in; ++i)
        d[size_t(n * in + i)] += g[size_t(n * out + o)] * w[size_t(o * in + i)];
  return d;
}

constexpr double eps = 0.1;  // of the norm: large, so that an emptied filter is no explosion

struct Params {  // in the net's order
  V w1, scale, shift, w2, c, bias;
  std::vector<V*> list() { return {&w1, &scale, &shift, &w2, &c, &bias}; }
};
struct Running {
  V mean, var;
};

// All values of one forward pass.
struct Pass {
  V x, h, inv, a, b, z, mean, var;  // h: normalized, inv: 1 / deviation, by channel
};

// The activations from u = W1 x and the statistics that it is normalized by.
inline Pass finish(Pass f, const V& u, const Params& p) {
  f.inv.resize(wide), f.h = f.a = u;
  for (int o = 0; o < wide; ++o) f.inv[size_t(o)] = 1 / std::sqrt(f.var[size_t(o)] + eps);
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < wide; ++o) {
      const auto at = size_t(n * wide + o), k = size_t(o);
      f.h[at] = (u[at] - f.mean[k]) * f.inv[k];
      f.a[at] = std::tanh(f.h[at] * p.scale[k] + p.shift[k]);
    }
  f.b = times(f.a, p.w2, wide, narrow);
  for (double& v : f.b) v = std::tanh(v);
  f.z = times(f.b, p.c, narrow, classes);
  for (int n = 0; n < rows; ++n)
    for (int k = 0; k < classes; ++k) f.z[size_t(n * classes + k)] += p.bias[size_t(k)];
  return f;
}

inline Pass training(const Params& p, const V& x) {
  const V u = times(x, p.w1, inputs, wide);
  Pass f{.x = x,
         .h = {},
         .inv = {},
         .a = {},
         .b = {},
         .z = {},
         .mean = V(wide, 0.0),
         .var = V(wide, 0.0)};
  for (int o = 0; o < wide; ++o) {
    for (int n = 0; n < rows; ++n) f.mean[size_t(o)] += u[size_t(n * wide + o)] / rows;
    for (int n = 0; n < rows; ++n) {
      const double off = u[size_t(n * wide + o)] - f.mean[size_t(o)];
      f.var[size_t(o)] += off * off / rows;
    }
  }
  return finish(f, u, p);
}
inline V logits(const Params& p, const Running& r, const V& x) {
  Pass f{.x = x, .h = {}, .inv = {}, .a = {}, .b = {}, .z = {}, .mean = r.mean, .var = r.var};
  return finish(f, times(x, p.w1, inputs, wide), p).z;
}
// Running means by a tenth, variances as of a sample.
inline void move(Running& r, const Pass& f) {
  for (size_t o = 0; o < wide; ++o) {
    r.mean[o] = 0.9 * r.mean[o] + 0.1 * f.mean[o];
    r.var[o] = 0.9 * r.var[o] + 0.1 * f.var[o] * rows / (rows - 1);
  }
}

inline Params gradients(const Params& p, const Pass& f, const V& dz) {
  Params d;
  d.c = of_weight(dz, f.b, narrow, classes);
  d.bias = V(classes, 0.0);
  for (int n = 0; n < rows; ++n)
    for (int k = 0; k < classes; ++k) d.bias[size_t(k)] += dz[size_t(n * classes + k)];
  V g = of_input(dz, p.c, narrow, classes);
  for (size_t j = 0; j < g.size(); ++j) g[j] *= 1 - f.b[j] * f.b[j];
  d.w2 = of_weight(g, f.a, wide, narrow);
  g = of_input(g, p.w2, wide, narrow);
  for (size_t j = 0; j < g.size(); ++j) g[j] *= 1 - f.a[j] * f.a[j];
  d.scale = d.shift = V(wide, 0.0);
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < wide; ++o) {
      d.scale[size_t(o)] += g[size_t(n * wide + o)] * f.h[size_t(n * wide + o)];
      d.shift[size_t(o)] += g[size_t(n * wide + o)];
    }
  for (int n = 0; n < rows; ++n)
    for (int o = 0; o < wide; ++o) {
      const auto at = size_t(n * wide + o), k = size_t(o);
      g[at] = p.scale[k] * f.inv[k] * (g[at] - d.shift[k] / rows - f.h[at] * d.scale[k] / rows);
    }
  d.w1 = of_weight(g, f.x, inputs, wide);
  return d;
}

// softmax(z / t)
inline V softmax(const V& z, double t) {
  V q(z.size());
  for (int n = 0; n < rows; ++n) {
    double all = 0;
    for (int k = 0; k < classes; ++k) all += std::exp(z[size_t(n * classes + k)] / t);
    for (int k = 0; k < classes; ++k)
      q[size_t(n * classes + k)] = std::exp(z[size_t(n * classes + k)] / t) / all;
  }
  return q;
}
// Cross-entropy with y, averaged, and its derivative by z.
inline double cross_entropy(const V& z, const std::vector<int>& y, V& dz) {
  dz = softmax(z, 1);
  double loss = 0;
  for (int n = 0; n < rows; ++n) {
    const auto at = size_t(n * classes + y[size_t(n)]);
    loss -= std::log(dz[at]) / rows;
    dz[at] -= 1;
  }
  for (double& d : dz) d /= rows;
  return loss;
}
// T^2 / B sum q_t (log q_t - log q_s), q_t with `floor` added; its derivative by the student's
// logits is added to dz.
inline double distillation(const V& student, const V& teacher, double t, double floor, V& dz) {
  const V s = softmax(student, t), q = softmax(teacher, t);
  double loss = 0;
  for (size_t j = 0; j < s.size(); ++j) {
    loss += t * t / rows * (q[j] + floor) * (std::log(q[j] + floor) - std::log(s[j]));
    dz[j] += t * ((1 + classes * floor) * s[j] - q[j] - floor) / rows;
  }
  return loss;
}

}  // namespace told
