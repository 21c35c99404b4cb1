// RFN's nets and training, told a second time: loops over plain f64 numbers, with nothing of
// algorithms/ and of the engine only what is drawn at random.
#pragma once

#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tape.h"

namespace regrad::test {

// [n,c,f,t]
struct Map {
  int n = 0, c = 0, f = 0, t = 0;
  std::vector<Num> x = {};

  Map(int n_of, int c_of, int f_of, int t_of) : n(n_of), c(c_of), f(f_of), t(t_of) {
    x.resize(static_cast<size_t>(n * c * f * t));
  }
  Num& operator()(int i, int j, int k, int l) {
    return x[static_cast<size_t>(((i * c + j) * f + k) * t + l)];
  }
  const Num& operator()(int i, int j, int k, int l) const {
    return x[static_cast<size_t>(((i * c + j) * f + k) * t + l)];
  }
};
template <class F>
void each_cell(const Map& m, F&& f) {
  for (int n = 0; n < m.n; ++n)
    for (int c = 0; c < m.c; ++c)
      for (int k = 0; k < m.f; ++k)
        for (int t = 0; t < m.t; ++t) f(n, c, k, t);
}
template <class F>
Map map_of(const Map& like, F&& f) {
  Map out(like.n, like.c, like.f, like.t);
  each_cell(like, [&](int n, int c, int k, int t) { out(n, c, k, t) = f(n, c, k, t); });
  return out;
}

// Mean and biased variance of each group of cells; group(n,c,f,t) in [0, groups).
struct Moments {
  std::vector<Num> mean, variance;
  std::vector<double> count;
};
template <class F>
Moments moments(const Map& x, int groups, F&& group) {
  std::vector<std::vector<std::pair<Num, Num>>> of(static_cast<size_t>(groups));
  each_cell(x, [&](int n, int c, int f, int t) {
    of[static_cast<size_t>(group(n, c, f, t))].emplace_back(x(n, c, f, t), 1);
  });
  Moments m;
  for (auto& cells : of) {
    const auto count = static_cast<double>(cells.size());
    m.count.push_back(count);
    m.mean.push_back(dot(0, cells) / count);
    for (auto& [a, b] : cells) b = a = a - m.mean.back();
    m.variance.push_back(dot(0, cells) / count);
  }
  return m;
}
// sqrt(v + eps) of each
inline std::vector<Num> deviations(const std::vector<Num>& variance) {
  std::vector<Num> out;
  for (const Num& v : variance) out.push_back(sqrt(v + 1e-5));
  return out;
}
template <class F>
Map standardized(const Map& x, int groups, F&& group) {
  const Moments m = moments(x, groups, group);
  const std::vector<Num> deviation = deviations(m.variance);
  return map_of(x, [&](int n, int c, int f, int t) {
    const auto g = static_cast<size_t>(group(n, c, f, t));
    return (x(n, c, f, t) - m.mean[g]) / deviation[g];
  });
}
// Statistics of each clip and frequency; of each clip; of each clip and channel.
inline Map told_ifn(const Map& x) {
  return standardized(x, x.n * x.f, [&](int n, int, int f, int) { return n * x.f + f; });
}
inline Map told_ln(const Map& x) {
  return standardized(x, x.n, [](int n, int, int, int) { return n; });
}
inline Map told_in(const Map& x) {
  return standardized(x, x.n * x.c, [&](int n, int c, int, int) { return n * x.c + c; });
}

// A row of the table.
struct Arm {
  const char* name;
  const char* norm;  // "none", "in", ..
  double lambda;
  bool everywhere;     // on the input and after the four stages, or on the input alone
  const char* change;  // what a training batch goes through: "", "mixstyle", ..
};

using Numbers = std::map<std::string, std::vector<double>>;

// A net in one pass: its parameters on a tape, or as constants.
struct Pass {
  Arm arm;
  std::map<std::string, std::vector<Num>> at = {};  // parameters and buffers
  bool training = false;
  // Where dropout's channels are drawn; the share of them that is dropped.
  const Random* drops = nullptr;
  double dropout = 0;
  Numbers running = {};  // buffers after this batch
  // Whether the mean over the map follows the last norm: instance norm would leave 0 there.
  bool mean_follows = true;
  // Where set: what the map at the end of stage 0 to 3 becomes.
  std::function<Map(int stage, const Map&)> inside = {};

  const std::vector<Num>& of(const std::string& name) const {
    const auto found = at.find(name);
    if (found == at.end()) throw Error("no parameter is called " + name);
    return found->second;
  }

  // Batch norm of each channel and sub-band, weight and bias where they are there.
  Map batch_norm(const Map& x, const std::string& name, int bands, bool affine = true) {
    const auto group = [&](int, int c, int f, int) { return c * bands + f / (x.f / bands); };
    Moments m;
    if (!training) {
      m = {of(name + ".running_mean"), of(name + ".running_var"), {}};
    } else {
      m = moments(x, x.c * bands, group);
      for (size_t g = 0; g < m.mean.size(); ++g) {
        const auto keep = [&](const char* which, double seen) {
          running[name + which].push_back(0.9 * of(name + which)[g].v + 0.1 * seen);
        };
        keep(".running_mean", m.mean[g].v);
        keep(".running_var", m.variance[g].v * m.count[g] / (m.count[g] - 1));
      }
    }
    const std::vector<Num> deviation = deviations(m.variance);
    const std::vector<Num> one(m.mean.size(), 1), zero(m.mean.size(), 0),
        &weight = affine ? of(name + ".weight") : one, &bias = affine ? of(name + ".bias") : zero;
    return map_of(x, [&](int n, int c, int f, int t) {
      const auto g = static_cast<size_t>(group(n, c, f, t));
      const Num z = (x(n, c, f, t) - m.mean[g]) / deviation[g];
      return affine ? dot(bias[g], {{weight[g], z}}) : z;
    });
  }

  // The norm at place 0 (the input) to 4 (after the last stage).
  Map norm(const Map& x, int place) {
    const std::string kind = arm.norm, name = "norms." + std::to_string(place);
    const double l = arm.lambda;
    if (kind == "none" || (place > 0 && (!arm.everywhere || kind == "global"))) return x;
    if (kind == "in" && place == 4 && mean_follows) return x;
    const auto mixed = [&](double a, const Map& u, double b, const Map& w) {
      return map_of(
          x, [&](int n, int c, int f, int t) { return u(n, c, f, t) * a + w(n, c, f, t) * b; });
    };
    if (kind == "in") return told_in(x);
    if (kind == "ifn") return told_ifn(x);
    if (kind == "ln") return told_ln(x);
    if (kind == "resnorm") return mixed(l, x, 1, told_ifn(x));
    if (kind == "rfn") return mixed(l, told_ln(x), 1 - l, told_ifn(x));
    if (kind == "global")
      return map_of(x, [&](int n, int c, int f, int t) {
        const auto k = static_cast<size_t>(f);
        return (x(n, c, f, t) - of(name + ".global.mean")[k]) / of(name + ".global.deviation")[k];
      });
    if (kind != "bin") throw Error("no norm is called " + kind);
    const Map batch = batch_norm(x, name + ".bin", 1, false), instance = told_in(x);
    return map_of(x, [&](int n, int c, int f, int t) {
      const auto k = static_cast<size_t>(c);
      const Num rho = of(name + ".bin.rho")[k];
      return of(name + ".bin.weight")[k] *
                 (rho * batch(n, c, f, t) + (Num(1) - rho) * instance(n, c, f, t)) +
             of(name + ".bin.bias")[k];
    });
  }

  struct Shape {
    int high, wide, stride_f = 1, stride_t = 1, pad_f = 0, pad_t = 0, dilation_t = 1;
    bool each_channel = false;  // depthwise
  };
  Map conv(const Map& x, const std::string& name, int out_c, const Shape& s) const {
    const std::vector<Num>& w = of(name + ".weight");
    Map y(x.n, out_c, (x.f + 2 * s.pad_f - s.high) / s.stride_f + 1,
          (x.t + 2 * s.pad_t - (s.wide - 1) * s.dilation_t - 1) / s.stride_t + 1);
    const int in_c = s.each_channel ? 1 : x.c;
    const bool biased = at.count(name + ".bias") > 0;
    std::vector<std::pair<Num, Num>> products;
    each_cell(y, [&](int n, int o, int f, int t) {
      products.clear();
      for (int i = 0; i < in_c; ++i)
        for (int a = 0; a < s.high; ++a)
          for (int b = 0; b < s.wide; ++b) {
            const int k = f * s.stride_f + a - s.pad_f,
                      l = t * s.stride_t + b * s.dilation_t - s.pad_t;
            if (k < 0 || l < 0 || k >= x.f || l >= x.t) continue;
            products.emplace_back(
                w[static_cast<size_t>(((o * in_c + i) * s.high + a) * s.wide + b)],
                x(n, s.each_channel ? o : i, k, l));
          }
      y(n, o, f, t) = dot(biased ? of(name + ".bias")[static_cast<size_t>(o)] : Num(0), products);
    });
    return y;
  }
};

inline Map told_relu(const Map& x) {
  return map_of(x, [&](int n, int c, int f, int t) { return relu(x(n, c, f, t)); });
}
inline Map told_pool(const Map& x) {
  Map y(x.n, x.c, x.f / 2, x.t / 2);
  each_cell(y, [&](int n, int c, int f, int t) {
    Num best = x(n, c, 2 * f, 2 * t);
    for (int k : {0, 1})
      for (int l : {0, 1})
        if (x(n, c, 2 * f + k, 2 * t + l).v > best.v) best = x(n, c, 2 * f + k, 2 * t + l);
    y(n, c, f, t) = best;
  });
  return y;
}
inline Map told_mean(const Map& x, bool over_frames) {
  Map y(x.n, x.c, 1, over_frames ? 1 : x.t);
  each_cell(x, [&](int n, int c, int f, int t) {
    y(n, c, 0, over_frames ? 0 : t) += x(n, c, f, t) / (x.f * (over_frames ? x.t : 1));
  });
  return y;
}

// A block of BC-ResNet (audio.md section 1): f2 over frequencies, f1 over frames.
struct BlockShape {
  int bands = 4, stride_f = 1, dilation = 1;
};
inline Map told_block(Pass& p, const Map& x, const std::string& name, int out_c, bool transition,
                      int index, const BlockShape& shape = {}) {
  Map u = x;
  if (transition)
    u = told_relu(p.batch_norm(p.conv(x, name + ".enter", out_c, {1, 1}), name + ".enter_norm", 1));
  const Map f2 = p.batch_norm(
      p.conv(u, name + ".over_freq", out_c,
             {.high = 3, .wide = 1, .stride_f = shape.stride_f, .pad_f = 1, .each_channel = true}),
      name + ".freq_norm", shape.bands);
  Map f1 = p.batch_norm(p.conv(told_mean(f2, false), name + ".over_time", out_c,
                               {.high = 1,
                                .wide = 3,
                                .pad_t = shape.dilation,
                                .dilation_t = shape.dilation,
                                .each_channel = true}),
                        name + ".time_norm", 1);
  f1 = map_of(f1, [&](int n, int c, int f, int t) {  // silu
    return f1(n, c, f, t) / (Num(1) + exp(Num(0) - f1(n, c, f, t)));
  });
  f1 = p.conv(f1, name + ".mix", out_c, {1, 1});
  if (p.training && p.drops && p.dropout > 0) {
    const std::vector<double> kept =
        dropout2d(ones({f1.n, f1.c, 1, 1}, DType::f64), p.dropout, *p.drops / "dropout" / index)
            .to_vector();
    f1 = map_of(f1, [&](int n, int c, int f, int t) {
      return f1(n, c, f, t) * kept[static_cast<size_t>(n * f1.c + c)];
    });
  }
  return map_of(f2, [&](int n, int c, int f, int t) {
    const Num y = f2(n, c, f, t) + f1(n, c, 0, t);
    return relu(transition ? y : y + x(n, c, f, t));
  });
}

// After the head and after each stage, of BC-ResNet-ASC with c channels in the first stage.
inline std::vector<Map> told_maps(Pass& p, const Map& x, int c) {
  std::vector<Map> maps{told_relu(p.batch_norm(
      p.conv(p.norm(x, 0), "head", 2 * c,
             {.high = 5, .wide = 5, .stride_f = 2, .stride_t = 2, .pad_f = 2, .pad_t = 2}),
      "head_norm", 1))};
  for (int stage = 0, index = 0; stage < 4; ++stage) {
    Map y = stage == 1 || stage == 2 ? told_pool(maps.back()) : maps.back();
    for (int b = 0; b < (stage == 3 ? 3 : 2); ++b, ++index)
      y = told_block(p, y, "stages." + std::to_string(stage) + "." + std::to_string(b),
                     c + stage * c / 2, b == 0, index);
    y = p.norm(y, stage + 1);
    maps.push_back(p.inside ? p.inside(stage, y) : y);
  }
  return maps;
}

// The same of BC-ResNet for keyword spotting with b channels in the first stage: no pools, but
// frequency strides of 2 at the start of stages 2 and 3, and frames dilated by 1, 2, 4, 8.
inline std::vector<Map> told_keyword_maps(Pass& p, const Map& x, int b, int bands) {
  std::vector<Map> maps{
      told_relu(p.batch_norm(p.conv(p.norm(x, 0), "net.head", 2 * b,
                                    {.high = 5, .wide = 5, .stride_f = 2, .pad_f = 2, .pad_t = 2}),
                             "net.head_norm", 1))};
  p.mean_follows = false;
  const int blocks[] = {2, 2, 4, 4};
  Map y = maps[0];
  for (int stage = 0, index = 0; stage < 4; ++stage) {
    for (int k = 0; k < blocks[stage]; ++k, ++index)
      y = told_block(p, y, "net.blocks." + std::to_string(index), b + stage * b / 2, k == 0, index,
                     {bands, k == 0 && (stage == 1 || stage == 2) ? 2 : 1, 1 << stage});
    y = p.norm(y, stage + 1);
    if (p.inside) y = p.inside(stage, y);
    maps.push_back(y);
  }
  return maps;
}

// Which of the two nets, with its sizes.
struct ToldNet {
  int classes, channels = 0;  // of the first stage; 0: the pilot's net
  int keyword_bands = 0;      // above 0: the net for keyword spotting, with so many sub-bands
  int segments = 10, hidden = 64;

  Map logits(Pass& p, const Map& x) const {
    if (keyword_bands) {
      const Map last = told_keyword_maps(p, x, channels, keyword_bands).back();
      const Map tail = p.conv(last, "net.tail", last.c,
                              {.high = 5, .wide = 5, .pad_t = 2, .each_channel = true});
      const Map wide = told_relu(
          p.batch_norm(p.conv(tail, "net.widen", 4 * channels, {1, 1}), "net.widen_norm", 1));
      return p.conv(told_mean(wide, true), "net.classifier", classes, {1, 1});
    }
    if (channels)
      return p.conv(told_mean(told_maps(p, x, channels).back(), true), "classifier", classes,
                    {1, 1});
    const Map y = p.norm(x, 0);
    Map pooled(x.n, x.f * segments, 1, 1);  // means of segments that cover all frames
    for (int n = 0; n < x.n; ++n)
      for (int f = 0; f < x.f; ++f)
        for (int s = 0; s < segments; ++s) {
          const int first = s * x.t / segments, last = ((s + 1) * x.t + segments - 1) / segments;
          for (int t = first; t < last; ++t)
            pooled(n, f * segments + s, 0, 0) += y(n, 0, f, t) / (last - first);
        }
    const Map h = told_relu(p.conv(p.batch_norm(pooled, "standard", 1), "hidden", hidden, {1, 1}));
    return p.conv(h, "output", classes, {1, 1});
  }
};

// The mean over clips of -sum_k target log softmax.
inline Num told_loss(const Map& logits, const std::vector<std::vector<double>>& target) {
  Num loss;
  for (int n = 0; n < logits.n; ++n) {
    Num sum;
    for (int k = 0; k < logits.c; ++k) sum += exp(logits(n, k, 0, 0));
    for (int k = 0; k < logits.c; ++k)
      loss += (log(sum) - logits(n, k, 0, 0)) *
              target[static_cast<size_t>(n)][static_cast<size_t>(k)] / logits.n;
  }
  return loss;
}

}  // namespace regrad::test
