// Convolution, pooling and resampling.
#include <algorithm>
#include <cmath>

#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>

#include "draw.h"
#include "loops.h"

namespace regrad::programs {
namespace {

// Arguments of a window, two a pair: kernel, stride, padding, dilation.
struct Geometry {
  int64_t k[2], s[2], p[2], d[2];
  int64_t out(int64_t n, int e) const {
    return (n + 2 * p[e] - d[e] * (k[e] - 1) - 1 >= 0)
               ? (n + 2 * p[e] - d[e] * (k[e] - 1) - 1) / s[e] + 1
               : 0;
  }
};

int images(Draw& d, int least = 3, int most = 5) {
  if (d.flag()) return d.any(least, most);
  Shape s{d.whole(1, 2), d.once_in(6) ? 16 : d.whole(1, 4), d.whole(1, 6), d.whole(1, 6)};
  if (most >= 5 && d.once_in(4)) s.insert(0, d.whole(1, 2));
  if (least <= 3 && d.once_in(6)) s.erase(0);
  if (d.once_in(4)) s[-3] = d.whole(1, 9);
  return d.like(s);
}

// options: stride, padding, dilation (two each), groups, and for transposed ones output padding
// (two).
bool draw_conv(Draw& d, Node& n, bool transposed_way, bool line) {
  n.in = {line ? d.any(2, 3) : images(d)};
  const Shape s = d.of(n.in[0]);
  if (s.numel() == 0 || s[line ? -2 : -3] > 40) return false;
  const int64_t c = s[line ? -2 : -3];
  std::vector<int64_t> divisors;
  for (int64_t g = 1; g <= c; ++g)
    if (c % g == 0) divisors.push_back(g);
  const int64_t groups =
      d.flag() ? 1
      : d.once_in(3)
          ? c
          : divisors[static_cast<size_t>(d.whole(0, static_cast<int64_t>(divisors.size()) - 1))];
  int64_t k[2] = {line ? 1 : d.whole(1, 3), d.whole(1, 3)}, stride[2], pad[2], dilation[2], more[2];
  if (!line && d.once_in(3)) k[0] = k[1] = d.flag() ? 1 : 3;
  for (int e = 0; e < 2; ++e) {
    stride[e] = d.flag() ? 1 : d.whole(1, 3);
    pad[e] = d.flag() ? 0 : d.whole(0, 2);
    dilation[e] = d.flag() ? 1 : d.whole(1, 2);
    more[e] = transposed_way ? d.whole(0, std::max(stride[e], dilation[e]) - 1) : 0;
    const int64_t size = line && e == 0 ? 1 : s[e - 2];
    if (transposed_way
            ? (size - 1) * stride[e] - 2 * pad[e] + dilation[e] * (k[e] - 1) + more[e] + 1 < 1
            : size + 2 * pad[e] - dilation[e] * (k[e] - 1) - 1 < 0) {
      if (!(line && e == 0)) return false;
    }
  }
  if (line) stride[0] = dilation[0] = 1, pad[0] = more[0] = 0;
  const int64_t o = groups * (d.once_in(5) ? d.whole(1, 8) : d.whole(1, 3));
  Shape w = transposed_way ? Shape{c, o / groups, k[0], k[1]} : Shape{o, c / groups, k[0], k[1]},
        b{o};
  if (line) w.erase(2);
  if (s.size() == 5 && d.flag()) {
    w.insert(0, s[0]);
    if (d.flag()) b.insert(0, s[0]);
  }
  n.in.push_back(d.like(w));
  n.in.push_back(d.flag() ? d.like(b) : -1);
  n.i = {stride[0], stride[1], pad[0], pad[1], dilation[0], dilation[1], groups, more[0], more[1]};
  return true;
}
bool draw_conv2d(Draw& d, Node& n) { return draw_conv(d, n, false, false); }
bool draw_conv1d(Draw& d, Node& n) { return draw_conv(d, n, false, true); }
bool draw_conv_transpose(Draw& d, Node& n) { return draw_conv(d, n, true, false); }

ConvOptions options(const Args& a) {
  return {.stride = {a.i(0), a.i(1)},
          .padding = {a.i(2), a.i(3)},
          .dilation = {a.i(4), a.i(5)},
          .groups = a.i(6)};
}

// x as [T,N,C,H,W] with the shape it came in kept for the way back.
Array with_tasks(Array x) {
  need(x.dim() >= 3 && x.dim() <= 5);
  while (x.dim() < 5) x.shape.insert(0, 1);
  return x;
}
Array without_tasks(Array y, int dims) {
  for (; y.dim() > dims; y.shape.erase(0)) need(y.shape[0] == 1);
  return y;
}
Jet bias_of(const In& in, int64_t task, int64_t channel) {
  const Array& b = in.x(2);
  return b.dim() == 1 ? b[{channel}] : b[{task, channel}];
}
// Terms gathered by output element: each product of a tap once.
Array convolved(const In& in, bool transposed_way, int dims) {
  const Array x = with_tasks(in.x(0));
  Array w = in.x(1);
  need(w.dim() == 4 || w.dim() == 5);
  if (w.dim() == 4) w.shape.insert(0, 1);
  need(w.shape[0] == 1 || w.shape[0] == x.shape[0]);
  Geometry g{
      {w.shape[-2], w.shape[-1]}, {in.i(0), in.i(1)}, {in.i(2), in.i(3)}, {in.i(4), in.i(5)}};
  need(g.s[0] > 0 && g.s[1] > 0 && g.d[0] > 0 && g.d[1] > 0 && in.i(6) > 0 && g.p[0] >= 0 &&
       g.p[1] >= 0 && g.k[0] > 0 && g.k[1] > 0);
  const int64_t groups = in.i(6), c = x.shape[2],
                o = transposed_way ? w.shape[2] * groups : w.shape[1];
  need(c % groups == 0 && o % groups == 0 &&
       (transposed_way ? w.shape[1] == c : w.shape[2] == c / groups));
  Shape s = x.shape;
  s[2] = o;
  for (int e = 0; e < 2; ++e)
    s[3 + e] = transposed_way ? (x.shape[3 + e] - 1) * g.s[e] - 2 * g.p[e] + g.d[e] * (g.k[e] - 1) +
                                    in.i(7 + static_cast<size_t>(e)) + 1
                              : g.out(x.shape[3 + e], e);
  need(s[3] > 0 && s[4] > 0);
  if (transposed_way)
    for (int e = 0; e < 2; ++e)
      need(in.i(7 + static_cast<size_t>(e)) >= 0 &&
           in.i(7 + static_cast<size_t>(e)) < std::max(g.s[e], g.d[e]));
  // Padding times an infinite weight is nan or nothing, as a row is written.
  for (const Jet& tap : w.v)
    if (!std::isfinite(tap.v())) rounding.undecided = true;
  // and a pixel that is no number meets zeros in the weight's gradient
  for (const Jet& pixel : x.v) look(pixel.c[0]);
  std::vector<Line> terms(Array(s).v.size());
  const Array y(s);
  // The small picture's pixel (i, j) meets the large one's (i s - p + k d, ..).
  const Shape small = transposed_way ? x.shape : s, large = transposed_way ? s : x.shape;
  each({s[0], s[1], small[3], small[4], g.k[0], g.k[1]}, [&](Multi at) {
    const int64_t h = at[2] * g.s[0] - g.p[0] + at[4] * g.d[0],
                  v = at[3] * g.s[1] - g.p[1] + at[5] * g.d[1];
    const bool inside = h >= 0 && h < large[3] && v >= 0 && v < large[4];
    if (!inside && transposed_way) return;
    for (int64_t out = 0; out < o; ++out)
      for (int64_t k = 0; k < c / groups; ++k) {
        const int64_t group = out / (o / groups), in_channel = group * (c / groups) + k,
                      task = w.shape[0] == 1 ? 0 : at[0];
        const Jet& tap = transposed_way ? w[{task, in_channel, out % (o / groups), at[4], at[5]}]
                                        : w[{task, out, k, at[4], at[5]}];
        // Padding is zeros that take part: an infinite gradient of what they give is no number.
        const Jet pixel = transposed_way ? x[{at[0], at[1], in_channel, at[2], at[3]}]
                          : inside       ? x[{at[0], at[1], in_channel, h, v}]
                                         : Jet(0.0);
        terms[y.place(transposed_way ? Shape{at[0], at[1], out, h, v}
                                     : Shape{at[0], at[1], out, at[2], at[3]})]
            .push_back(pixel * tap);
      }
  });
  Array sums = build(s, [&](Multi at) {
    Line& t = terms[y.place(at)];
    if (t.empty()) {  // a gap is a sum over zeros: their derivatives are zeros too, but there
      Jet gap;
      gap.live |= w.v.at(0).live | x.v.at(0).live;
      t.push_back(gap);
    }
    if (in.has(2)) t.push_back(bias_of(in, at[0], at[2]));
    return total(t);
  });
  return without_tasks(sums, dims);
}
Array convolved_line(const In& in) {
  Array x = in.x(0), w = in.x(1);
  need((x.dim() == 2 || x.dim() == 3) && w.dim() == 3);
  x.shape.insert(x.dim() - 1, 1);
  w.shape.insert(2, 1);
  In flat{in.node, {&x, &w, in.arrays[2]}};
  Array y = convolved(flat, false, x.dim());
  y.shape.erase(y.dim() - 2);
  return y;
}

// kernel, stride (0: the kernel's), padding, dilation (two each), count_include_pad.
bool draw_pool(Draw& d, Node& n, bool largest_way) {
  n.in = {images(d)};
  const Shape s = d.of(n.in[0]);
  if (s.numel() == 0) return false;
  int64_t k[2], stride[2], pad[2], dilation[2];
  for (int e = 0; e < 2; ++e) {
    k[e] = d.whole(1, 3);
    stride[e] = d.whole(0, 3);
    pad[e] = d.flag() ? 0 : d.whole(0, k[e] / 2);
    dilation[e] = largest_way && d.once_in(3) ? 2 : 1;
    if (s[e - 2] + 2 * pad[e] - dilation[e] * (k[e] - 1) - 1 < 0) return false;
  }
  n.i = {k[0], k[1], stride[0], stride[1], pad[0], pad[1], dilation[0], dilation[1], d.flag()};
  return true;
}
bool draw_max_pool(Draw& d, Node& n) { return draw_pool(d, n, true); }
bool draw_avg_pool(Draw& d, Node& n) { return draw_pool(d, n, false); }
bool draw_resized(Draw& d, Node& n) {  // output h, w; align_corners
  n.in = {images(d)};
  if (d.of(n.in[0]).numel() == 0) return false;
  n.i = {d.whole(1, 6), d.whole(1, 6), d.flag()};
  return true;
}

PoolOptions pool_options(const Args& a) {
  return {.stride = {a.i(2), a.i(3)}, .padding = {a.i(4), a.i(5)}, .dilation = {a.i(6), a.i(7)}};
}

// f of the pixels of each window inside the picture, and of how many a full window has.
Array windows(const In& in, const std::function<Jet(const Line&, int64_t)>& f) {
  const Array& x = in.x();
  need(x.dim() >= 3 && x.dim() <= 5 && x.shape.numel() > 0);
  Geometry g{{in.i(0), in.i(1)}, {in.i(2), in.i(3)}, {in.i(4), in.i(5)}, {in.i(6), in.i(7)}};
  Shape s = x.shape;
  for (int e = 0; e < 2; ++e) {
    need(g.k[e] > 0 && g.s[e] >= 0 && g.d[e] > 0 && g.p[e] >= 0 && 2 * g.p[e] <= g.k[e]);
    if (g.s[e] == 0) g.s[e] = g.k[e];
    s[e - 2] = g.out(x.shape[e - 2], e);
    need(s[e - 2] > 0);
  }
  return build(s, [&](Multi at) {
    Line line;
    Shape from = at;
    for (int64_t i = 0; i < g.k[0]; ++i)
      for (int64_t j = 0; j < g.k[1]; ++j) {
        from[-2] = at[-2] * g.s[0] - g.p[0] + i * g.d[0];
        from[-1] = at[-1] * g.s[1] - g.p[1] + j * g.d[1];
        if (from[-2] >= 0 && from[-2] < x.shape[-2] && from[-1] >= 0 && from[-1] < x.shape[-1])
          line.push_back(x[from]);
      }
    return f(line, g.k[0] * g.k[1]);
  });
}
// The first of equals; NaN is largest.
Jet first_largest(const Line& v, int64_t) {
  need(!v.empty());
  Jet best = v[0];
  for (size_t k = 1; k < v.size(); ++k)
    if (!std::isnan(best.v()) && (std::isnan(v[k].v()) || below(best, v[k]))) best = v[k];
  return best;
}
Array adaptive(const In& in, const std::function<Jet(const Line&)>& f) {
  const Array& x = in.x();
  need(x.dim() >= 3 && x.dim() <= 5 && in.i(0) > 0 && in.i(1) > 0 && x.shape.numel() > 0);
  Shape s = x.shape;
  s[-2] = in.i(0);
  s[-1] = in.i(1);
  return build(s, [&](Multi at) {
    const int64_t h = x.shape[-2], w = x.shape[-1], oh = in.i(0), ow = in.i(1);
    Line line;
    Shape from = at;
    for (from[-2] = at[-2] * h / oh; from[-2] < ((at[-2] + 1) * h + oh - 1) / oh; ++from[-2])
      for (from[-1] = at[-1] * w / ow; from[-1] < ((at[-1] + 1) * w + ow - 1) / ow; ++from[-1])
        line.push_back(x[from]);
    return f(line);
  });
}
// Taps of a resampled pixel along one dim.
// 0 nearest, 1 bilinear, 2 its corners aligned
std::vector<std::pair<int64_t, double>> taps(int64_t i, int64_t n, int64_t out, int mode) {
  if (mode == 0) return {{i * n / out, 1.0}};
  const double size = static_cast<double>(n), to = static_cast<double>(out),
               place = static_cast<double>(i);
  double at = mode == 2 ? (out == 1 ? 0 : place * (size - 1) / (to - 1))
                        : std::max(0.0, (place + 0.5) * size / to - 0.5);
  at = std::min(at, size - 1);
  const int64_t low = static_cast<int64_t>(at);
  const double share = at - static_cast<double>(low);
  if (share == 0) return {{low, 1.0}};
  return {{low, 1 - share}, {std::min(low + 1, n - 1), share}};
}
Array resized(const In& in, int mode) {
  const Array& x = in.x();
  need(x.dim() >= 3 && x.dim() <= 5 && in.i(0) > 0 && in.i(1) > 0 && x.shape.numel() > 0);
  Shape s = x.shape;
  s[-2] = in.i(0);
  s[-1] = in.i(1);
  return build(s, [&](Multi at) {
    Line terms;
    Shape from = at;
    for (const auto& [i, a] : taps(at[-2], x.shape[-2], s[-2], mode))
      for (const auto& [j, b] : taps(at[-1], x.shape[-1], s[-1], mode)) {
        from[-2] = i, from[-1] = j;
        const auto whole = [](double v) {
          return v == 1 || v == 0.5 || v == 0.25 || v == 0.75 ? Jet(v)
                                                              : Jet(rounded(v, 4 * rounding.unit));
        };
        terms.push_back(x[from] * whole(a) * whole(b));
      }
    return total(terms);
  });
}
bool draw_dropout2d(Draw& d, Node& n) {
  n.in = {images(d)};
  n.i = {d.whole(0, 1000)};
  n.d = {d.unit()};
  return true;
}

}  // namespace

const Table& image_rows() {
  static const Table table = {
      {"conv2d", draw_conv2d, [](const In& in) { return convolved(in, false, in.x().dim()); },
       [](const Args& a) { return conv2d(a[0], a[1], a[2], options(a)); },
       "conv2d($0, $1, $2, {.stride = {#0, #1}, .padding = {#2, #3}, .dilation = {#4, #5}, .groups "
       "= #6})",
       10},
      {"conv1d", draw_conv1d, convolved_line,
       [](const Args& a) { return conv1d(a[0], a[1], a[2], options(a)); },
       "conv1d($0, $1, $2, {.stride = {#0, #1}, .padding = {#2, #3}, .dilation = {#4, #5}, .groups "
       "= #6})",
       3},
      {"conv_transpose2d", draw_conv_transpose,
       [](const In& in) { return convolved(in, true, in.x().dim()); },
       [](const Args& a) {
         return conv_transpose2d(a[0], a[1], a[2], options(a), {a.i(7), a.i(8)});
       },
       "conv_transpose2d($0, $1, $2, {.stride = {#0, #1}, .padding = {#2, #3}, .dilation = {#4, "
       "#5}, .groups = #6}, {#7, #8})",
       5},
      {"max_pool2d", draw_max_pool, [](const In& in) { return windows(in, first_largest); },
       [](const Args& a) {
         return max_pool2d(a[0], {a.i(0), a.i(1)}, pool_options(a));
       },
       "max_pool2d($0, {#0, #1}, {.stride = {#2, #3}, .padding = {#4, #5}, .dilation = {#6, #7}})",
       4},
      {"avg_pool2d", draw_avg_pool,
       [](const In& in) {
         return windows(in, [&](const Line& v, int64_t n) {
           need(!v.empty());
           return total(v) / Jet(static_cast<double>(in.i(8) ? n : static_cast<int64_t>(v.size())));
         });
       },
       [](const Args& a) {
         return avg_pool2d(a[0], {a.i(0), a.i(1)}, pool_options(a), a.i(8));
       },
       "avg_pool2d($0, {#0, #1}, {.stride = {#2, #3}, .padding = {#4, #5}, .dilation = {#6, #7}}, "
       "#8)",
       4},
      {"adaptive_avg_pool2d", draw_resized, [](const In& in) { return adaptive(in, mean_of); },
       [](const Args& a) {
         return adaptive_avg_pool2d(a[0], {a.i(0), a.i(1)});
       },
       "adaptive_avg_pool2d($0, {#0, #1})"},
      {"adaptive_max_pool2d", draw_resized,
       [](const In& in) { return adaptive(in, [](const Line& v) { return first_largest(v, 0); }); },
       [](const Args& a) {
         return adaptive_max_pool2d(a[0], {a.i(0), a.i(1)});
       },
       "adaptive_max_pool2d($0, {#0, #1})"},
      {"interpolate, nearest", draw_resized, [](const In& in) { return resized(in, 0); },
       [](const Args& a) {
         return interpolate(a[0], {a.i(0), a.i(1)});
       },
       "interpolate($0, {#0, #1})"},
      {"interpolate, bilinear", draw_resized,
       [](const In& in) { return resized(in, in.i(2) ? 2 : 1); },
       [](const Args& a) {
         return interpolate(a[0], {a.i(0), a.i(1)}, Interpolation::bilinear, a.i(2));
       },
       "interpolate($0, {#0, #1}, Interpolation::bilinear, #2)"},
      {"dropout2d", draw_dropout2d,
       [](const In& in) {
         Shape channels = in.x().shape;
         need(channels.size() >= 3);
         channels[-1] = channels[-2] = 1;
         const std::vector<double> u = uniform(Random(static_cast<uint64_t>(in.i(0))), channels, 0,
                                               1, rounding.single() ? DType::f32 : DType::f64)
                                           .to_vector();
         const double p =
             rounding.single() ? static_cast<double>(static_cast<float>(in.d(0))) : in.d(0);
         size_t k = 0;
         const Array scale = build(
             channels, [&](Multi) { return u[k++] < p ? Jet(0.0) : Jet(1.0) / Jet(1 - in.d(0)); });
         return map2(in.x(), scale,
                     [](const Jet& a, const Jet& b) { return b.v() == 0 ? b : a * b; });
       },
       [](const Args& a) { return dropout2d(a[0], a.d(0), Random(static_cast<uint64_t>(a.i(0)))); },
       "dropout2d($0, @0, Random(#0))", 1},
  };
  return table;
}

}  // namespace regrad::programs
