#include <regrad/datasets/internal/pixels.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace regrad::detail {
namespace {

float unit(float v) { return std::min(std::max(v, 0.f), 1.f); }

float luma(float r, float g, float b) { return 0.2989f * r + 0.587f * g + 0.114f * b; }

// The mean of value(i) in eight sums, whatever the instruction set.
template <class F>
double mean_of(int64_t n, F&& value) {
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int64_t q = 0; q < 8; ++q) lane[q] += double{value(i + q)};
  for (; i < n; ++i) lane[0] += double{value(i)};
  return (((lane[0] + lane[1]) + (lane[2] + lane[3])) +
          ((lane[4] + lane[5]) + (lane[6] + lane[7]))) /
         static_cast<double>(n);
}

// to[x] = sum over k of weights[k] rows[k][x], k ascending
void weighted(const float* const* rows, const float* weights, int64_t taps, float* to, int64_t n) {
  constexpr int64_t width = 16;
  int64_t x = 0;
  for (; x + width <= n; x += width) {
    float sum[width] = {};
    for (int64_t k = 0; k < taps; ++k) {
      const float w = weights[k];
      const float* row = rows[k] + x;
      for (int64_t j = 0; j < width; ++j) sum[j] += w * row[j];
    }
    std::copy_n(sum, width, to + x);
  }
  for (; x < n; ++x) {
    float sum = 0;
    for (int64_t k = 0; k < taps; ++k) sum += weights[k] * rows[k][x];
    to[x] = sum;
  }
}

// For each new pixel `count` old ones from first[i] on, of which some may weigh nothing.
struct Taps {
  int64_t count = 0;
  std::vector<int64_t> first{};
  std::vector<float> weights{};  // [to, count]
};

// A triangle of width max(scale, 1) about the new pixel's middle, of weights that sum to 1.
Taps triangle(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to),
               support = std::max(scale, 1.0);
  Taps t;
  t.count = std::min(from, static_cast<int64_t>(std::ceil(2 * support)));
  t.first.resize(static_cast<size_t>(to));
  t.weights.resize(static_cast<size_t>(to * t.count));
  std::vector<double> w(static_cast<size_t>(t.count));
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const int64_t first = std::min(begin, from - t.count);
    double total = 0;
    for (int64_t k = 0; k < t.count; ++k) {
      const double away = std::abs((static_cast<double>(first + k) - centre + 0.5) / support);
      total += w[static_cast<size_t>(k)] = std::max(0.0, 1 - away);
    }
    t.first[static_cast<size_t>(i)] = first;
    for (int64_t k = 0; k < t.count; ++k)
      t.weights[static_cast<size_t>(i * t.count + k)] =
          static_cast<float>(w[static_cast<size_t>(k)] / total);
  }
  return t;
}

void resize_columns(const float* line, const Taps& t, float* to) {
  const auto n = static_cast<int64_t>(t.first.size());
  const float* w = t.weights.data();
  for (int64_t x = 0; x < n; ++x, w += t.count) {
    const float* p = line + t.first[static_cast<size_t>(x)];
    float sum = 0;
    for (int64_t k = 0; k < t.count; ++k) sum += w[k] * p[k];
    to[x] = sum;
  }
}

// Borders that reflect without their last pixel (.. 2 1 | 0 1 2 ..), as often as it takes.
int64_t reflected(int64_t i, int64_t n) {
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), at = ((i % period) + period) % period;
  return at < n ? at : period - at;
}

std::vector<float> gaussian(int64_t size, double sigma) {
  std::vector<double> w(static_cast<size_t>(size));
  double total = 0;
  for (int64_t k = 0; k < size; ++k) {
    const double x = static_cast<double>(k - size / 2) / sigma;
    total += w[static_cast<size_t>(k)] = std::exp(-0.5 * x * x);
  }
  std::vector<float> out;
  for (const double v : w) out.push_back(static_cast<float>(v / total));
  return out;
}

}  // namespace

void brighten(const Pixels& p, float factor) {
  for (int64_t i = 0; i < p.numel(); ++i) p.at[i] = unit(factor * p.at[i]);
}

void contrast(const Pixels& p, float factor) {
  const int64_t n = p.plane();
  const float *r = p.at, *g = r + n, *b = g + n;
  const double mean = p.channels == 1
                          ? mean_of(n, [&](int64_t i) { return r[i]; })
                          : mean_of(n, [&](int64_t i) { return luma(r[i], g[i], b[i]); });
  const float shift = (1 - factor) * static_cast<float>(mean);
  for (int64_t i = 0; i < p.numel(); ++i) p.at[i] = unit(factor * p.at[i] + shift);
}

void saturate(const Pixels& p, float factor) {
  if (p.channels == 1) return;
  const int64_t n = p.plane();
  float* __restrict r = p.at, * __restrict g = p.at + n, * __restrict b = p.at + 2 * n;
  for (int64_t i = 0; i < n; ++i) {
    const float grey = (1 - factor) * luma(r[i], g[i], b[i]);
    r[i] = unit(factor * r[i] + grey);
    g[i] = unit(factor * g[i] + grey);
    b[i] = unit(factor * b[i] + grey);
  }
}

// In the hexagon of hues, h in [0, 6) from red by green (2) and blue (4): with v the largest and c
// the largest less the smallest channel, a channel is v - c min(max(min(k, 4 - k), 0), 1), k = (n +
// h) mod 6, n = 5, 3, 1 for red, green and blue. Grey pixels have c = 0 and any hue.
void turn_hue(const Pixels& p, float factor) {
  if (p.channels == 1) return;
  const int64_t n = p.plane();
  const float turn = 6 * factor;
  float* __restrict r = p.at, * __restrict g = p.at + n, * __restrict b = p.at + 2 * n;
  const auto once = [](float k) { return k >= 6.f ? k - 6.f : k; };
  const auto below = [&](float k) { return unit(std::min(once(k), 4.f - once(k))); };
  for (int64_t i = 0; i < n; ++i) {
    const float red = r[i], green = g[i], blue = b[i];
    const float v = std::max(red, std::max(green, blue)),
                c = v - std::min(red, std::min(green, blue)), inverse = 1.f / (c > 0.f ? c : 1.f);
    const float from_red = (green - blue) * inverse, from_green = 2.f + (blue - red) * inverse,
                from_blue = 4.f + (red - green) * inverse;
    float h = v == green ? from_green : from_blue;
    h = (v == red ? from_red : h) + turn;
    h = once(h < 0.f ? h + 6.f : h);
    r[i] = v - c * below(5.f + h);
    g[i] = v - c * below(3.f + h);
    b[i] = v - c * below(1.f + h);
  }
}

void to_grayscale(const Pixels& p) {
  if (p.channels == 1) return;
  const int64_t n = p.plane();
  float* __restrict r = p.at, * __restrict g = p.at + n, * __restrict b = p.at + 2 * n;
  for (int64_t i = 0; i < n; ++i) r[i] = g[i] = b[i] = luma(r[i], g[i], b[i]);
}

void invert_above(const Pixels& p, float threshold) {
  for (int64_t i = 0; i < p.numel(); ++i) {
    const float v = p.at[i], inverted = 1.f - v;
    p.at[i] = v >= threshold ? inverted : v;
  }
}

void mirror(const Pixels& p) {
  for (int64_t y = 0; y < p.channels * p.height; ++y)
    std::reverse(p.at + y * p.width, p.at + (y + 1) * p.width);
}

void blur(const Pixels& p, int64_t kernel_size, double sigma) {
  const std::vector<float> w = gaussian(kernel_size, sigma);
  const int64_t half = kernel_size / 2;
  std::vector<float> line(static_cast<size_t>(p.width + 2 * half)),
      wide(static_cast<size_t>(p.plane()));
  std::vector<const float*> rows(static_cast<size_t>(kernel_size));
  for (int64_t c = 0; c < p.channels; ++c) {
    float* plane = p.at + c * p.plane();
    for (int64_t k = 0; k < kernel_size; ++k) rows[static_cast<size_t>(k)] = line.data() + k;
    for (int64_t y = 0; y < p.height; ++y) {
      const float* from = plane + y * p.width;
      for (int64_t x = 0; x < half; ++x) {
        line[static_cast<size_t>(x)] = from[reflected(x - half, p.width)];
        line[static_cast<size_t>(half + p.width + x)] = from[reflected(p.width + x, p.width)];
      }
      std::copy_n(from, p.width, line.data() + half);
      weighted(rows.data(), w.data(), kernel_size, wide.data() + y * p.width, p.width);
    }
    for (int64_t y = 0; y < p.height; ++y) {
      for (int64_t k = 0; k < kernel_size; ++k)
        rows[static_cast<size_t>(k)] = wide.data() + reflected(y + k - half, p.height) * p.width;
      weighted(rows.data(), w.data(), kernel_size, plane + y * p.width, p.width);
    }
  }
}

void resize_box(const float* from, int64_t height, int64_t width, const Box& box, const Pixels& p) {
  const Taps rows = triangle(box.height, p.height), columns = triangle(box.width, p.width);
  std::vector<float> line(static_cast<size_t>(box.width));
  std::vector<const float*> above(static_cast<size_t>(rows.count));
  for (int64_t c = 0; c < p.channels; ++c) {
    const float* corner = from + (c * height + box.top) * width + box.left;
    for (int64_t y = 0; y < p.height; ++y) {
      for (int64_t k = 0; k < rows.count; ++k)
        above[static_cast<size_t>(k)] = corner + (rows.first[static_cast<size_t>(y)] + k) * width;
      weighted(above.data(), rows.weights.data() + y * rows.count, rows.count, line.data(),
               box.width);
      resize_columns(line.data(), columns, p.at + (c * p.height + y) * p.width);
    }
  }
}

}  // namespace regrad::detail
