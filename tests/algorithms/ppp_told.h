// A net with gates and PPP's losses, told a second time (pruning.md section 5): loops over plain
// f64 numbers on a tape, with nothing of algorithms/ and of the engine only what is drawn at
// random.
#pragma once

#include "rfn_told.h"

namespace regrad::test {

enum class Told { open, sampled, shared, own, given };

// How a pass runs its gates, and what it meets: by block, [n,gates,1,1].
struct ToldGates {
  Told mode = Told::open;
  Random random = Random(0);
  int persons = 1;
  std::vector<std::vector<double>> masks = {};
  bool of_blocks = false;
  std::vector<Map> pi = {}, h = {};
};

inline Num told_sigmoid(const Num& a) { return Num(1) / (Num(1) + exp(Num(0) - a)); }

// log u - log(1 - u), u uniform in (1e-7, 1 - 1e-7)
inline std::vector<double> told_noise(const Random& r, int rows, int gates) {
  std::vector<double> out;
  for (double u : uniform(r, {rows, gates}, 1e-7, 1 - 1e-7, DType::f64).to_vector())
    out.push_back(std::log(u) - std::log(1 - u));
  return out;
}
// 1 where d + noise > 0, else 0, with the derivative of sigmoid(d + noise).
inline Num told_hard(const Num& d, double noise) {
  const Num at = d + noise;
  const double s = 1 / (1 + std::exp(-at.v));
  return of_one(at.v > 0 ? 1 : 0, at, s * (1 - s));
}

// The gates of a block by its input.
inline void told_choose(Pass& p, const Map& x, const std::string& name, int block, int gates,
                        ToldGates& g) {
  const Map hidden = told_relu(
                p.batch_norm(p.conv(told_mean(x, true), name + ".gate.hidden", 16, {1, 1}),
                             name + ".gate.norm", 1)),
            l = p.conv(hidden, name + ".gate.logits", 2 * gates, {1, 1});
  Map pi(x.n, gates, 1, 1), h = pi;
  const auto d = [&](int n, int c) { return l(n, 2 * c + 1, 0, 0) - l(n, 2 * c, 0, 0); };
  each_cell(pi, [&](int n, int c, int, int) { pi(n, c, 0, 0) = told_sigmoid(d(n, c)); });
  if (g.mode == Told::sampled) {
    const std::vector<double> noise = told_noise(g.random / int64_t{block}, x.n, gates);
    each_cell(h, [&](int n, int c, int, int) {
      h(n, c, 0, 0) = told_hard(d(n, c), noise[static_cast<size_t>(n * gates + c)]);
    });
  } else if (g.mode == Told::shared) {
    const std::vector<double> noise = told_noise(g.random / int64_t{block}, g.persons, gates);
    const int k = x.n / g.persons;
    for (int u = 0; u < g.persons; ++u)
      for (int c = 0; c < gates; ++c) {
        Num of;
        for (int i = 0; i < k; ++i) of += pi(u * k + i, c, 0, 0) / k;
        const Num one =
            told_hard(log(of) - log(Num(1) - of), noise[static_cast<size_t>(u * gates + c)]);
        for (int i = 0; i < k; ++i) h(u * k + i, c, 0, 0) = one;
      }
  } else {
    for (int n = 0; n < x.n; ++n) {
      int best = 0;
      for (int c = 0; c < gates; ++c) {
        h(n, c, 0, 0) = d(n, c).v > 0 ? 1 : 0;
        if (d(n, c).v > d(n, best).v) best = c;
      }
      if (!g.of_blocks) h(n, best, 0, 0) = 1;
    }
  }
  g.pi.push_back(pi), g.h.push_back(h);
}

inline Map told_gated_block(Pass& p, const Map& x, const std::string& name, int block, int out,
                            int stride, ToldGates& g) {
  const int gates = g.of_blocks ? 1 : out;
  std::vector<double> mask(static_cast<size_t>(gates), 1);
  const bool chosen = g.mode != Told::open && g.mode != Told::given;
  if (chosen) told_choose(p, x, name, block, gates, g);
  if (g.mode == Told::given) mask = g.masks[static_cast<size_t>(block)];
  const auto gate = [&](int n, int c) {
    return chosen ? g.h.back()(n, g.of_blocks ? 0 : c, 0, 0)
                  : Num(mask[static_cast<size_t>(mask.size() == 1 ? 0 : c)]);
  };
  const bool of_blocks = g.of_blocks || (mask.size() == 1 && out != 1);
  Map s = x;
  if (stride != 1 || x.c != out)
    s = p.batch_norm(p.conv(x, name + ".shortcut", out,
                            {.high = 1, .wide = 1, .stride_f = stride, .stride_t = stride}),
                     name + ".shortcut_norm", 1);
  Map y = told_relu(p.batch_norm(
      p.conv(
          x, name + ".conv1", out,
          {.high = 3, .wide = 3, .stride_f = stride, .stride_t = stride, .pad_f = 1, .pad_t = 1}),
      name + ".norm1", 1));
  if (!of_blocks)
    y = map_of(y, [&](int n, int c, int f, int t) { return y(n, c, f, t) * gate(n, c); });
  y = p.batch_norm(p.conv(y, name + ".conv2", out, {.high = 3, .wide = 3, .pad_f = 1, .pad_t = 1}),
                   name + ".norm2", 1);
  return map_of(y, [&](int n, int c, int f, int t) {
    return relu(s(n, c, f, t) + (of_blocks ? y(n, c, f, t) * gate(n, c) : y(n, c, f, t)));
  });
}

// ResNet-8 with `width` channels in the first stage.
inline Map told_gated(Pass& p, const Map& x, int width, int classes, ToldGates& g) {
  Map y = told_relu(p.batch_norm(
      p.conv(x, "conv", width, {.high = 3, .wide = 3, .pad_f = 1, .pad_t = 1}), "norm", 1));
  for (int b = 0; b < 3; ++b)
    y = told_gated_block(p, y, "blocks." + std::to_string(b), b, width << b, b ? 2 : 1, g);
  return p.conv(told_mean(y, true), "linear", classes, {1, 1});
}

inline Num told_rate(const ToldGates& g, double target) {
  Num loss;
  for (const Map& h : g.h) {
    Num mean;
    each_cell(h, [&](int n, int c, int, int) { mean += h(n, c, 0, 0) / (h.n * h.c); });
    loss += (Num(target) - mean) * (Num(target) - mean) / static_cast<double>(g.h.size());
  }
  return loss;
}
inline Num told_prototype(const ToldGates& g) {
  Num loss;
  int count = 0;
  for (const Map& pi : g.pi) {
    const int k = pi.n / g.persons;
    count += pi.n * pi.c;
    for (int u = 0; u < g.persons; ++u)
      for (int c = 0; c < pi.c; ++c) {
        double mean = 0;
        for (int i = 0; i < k; ++i) mean += pi(u * k + i, c, 0, 0).v / k;
        for (int i = 0; i < k; ++i) {
          const Num off = pi(u * k + i, c, 0, 0) - mean;
          loss += off * off;
        }
      }
  }
  return loss / count;
}

}  // namespace regrad::test
