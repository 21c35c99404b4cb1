#include <regrad/datasets/internal/picture.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::detail {
namespace {

constexpr int precision = 32 - 8 - 2;  // bits of Pillow's weights

struct Span {
  int64_t first = 0;
  std::vector<int32_t> weights{};
};

double weight_at(Filter filter, double x) {
  if (filter == Filter::box) return x > -0.5 && x <= 0.5 ? 1 : 0;
  return std::max(0.0, 1 - std::abs(x));
}

// For each new pixel the old ones that it is made of.
std::vector<Span> spans(int64_t from, int64_t to, Filter filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to),
               widening = std::max(scale, 1.0), narrowing = 1 / widening;
  const double support = (filter == Filter::box ? 0.5 : 1.0) * widening;
  std::vector<Span> out(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const auto last = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), from);
    std::vector<double> w;
    double total = 0;
    for (int64_t j = first; j < last; ++j) {
      w.push_back(weight_at(filter, (static_cast<double>(j) - center + 0.5) * narrowing));
      total += w.back();
    }
    Span& span = out[static_cast<size_t>(i)];
    span.first = first;
    for (const double v : w)
      span.weights.push_back(
          static_cast<int32_t>(0.5 + (total != 0 ? v / total : v) * (1 << precision)));
  }
  return out;
}

uint8_t rounded(int64_t sum) {
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> precision, 0, 255));
}

// Applies spans along one axis: `lines` lines whose elements lie `step` apart.
void pass(const uint8_t* from, int64_t step, const std::vector<Span>& all, uint8_t* to,
          int64_t to_step) {
  for (size_t i = 0; i < all.size(); ++i) {
    int64_t sum = int64_t{1} << (precision - 1);
    const uint8_t* p = from + all[i].first * step;
    for (const int32_t w : all[i].weights) {
      sum += int64_t{*p} * w;
      p += step;
    }
    to[static_cast<int64_t>(i) * to_step] = rounded(sum);
  }
}

// The old pixels below [i, i + 1) of `to` new ones, lengths in units of 1 / to: new pixel i covers
// [i from, (i + 1) from) of from x to units.
std::vector<Span> overlaps(int64_t from, int64_t to) {
  std::vector<Span> out(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const int64_t begin = i * from, end = begin + from;
    Span& span = out[static_cast<size_t>(i)];
    span.first = begin / to;
    for (int64_t j = span.first; j * to < end; ++j)
      span.weights.push_back(
          static_cast<int32_t>(std::min((j + 1) * to, end) - std::max(j * to, begin)));
  }
  return out;
}

}  // namespace

void to_gray(Picture& p) {
  if (p.channels == 1) return;
  const size_t n = p.bytes.size() / 3;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t r = p.bytes[3 * i], g = p.bytes[3 * i + 1], b = p.bytes[3 * i + 2];
    p.bytes[i] = static_cast<uint8_t>((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16);
  }
  p.bytes.resize(n);
  p.channels = 1;
}

void repeat_gray(Picture& p) {
  if (p.channels == 3) return;
  std::vector<uint8_t> three;
  three.reserve(3 * p.bytes.size());
  for (const uint8_t v : p.bytes) three.insert(three.end(), 3, v);
  p.bytes = std::move(three);
  p.channels = 3;
}

std::vector<double> area_average(const Picture& p, int64_t height, int64_t width) {
  const std::vector<Span> rows = overlaps(p.height, height), columns = overlaps(p.width, width);
  const double area = static_cast<double>(p.height) * static_cast<double>(p.width);
  std::vector<double> out;
  out.reserve(static_cast<size_t>(p.channels * height * width));
  for (int64_t c = 0; c < p.channels; ++c)
    for (const Span& row : rows)
      for (const Span& column : columns) {
        int64_t sum = 0;
        for (size_t i = 0; i < row.weights.size(); ++i) {
          const uint8_t* line =
              p.bytes.data() +
              ((row.first + static_cast<int64_t>(i)) * p.width + column.first) * p.channels + c;
          int64_t part = 0;
          for (size_t j = 0; j < column.weights.size(); ++j)
            part += int64_t{column.weights[j]} * line[static_cast<int64_t>(j) * p.channels];
          sum += part * row.weights[i];
        }
        out.push_back(static_cast<double>(sum) / area);
      }
  return out;
}

std::vector<uint8_t> resample(const Picture& p, int64_t height, int64_t width, Filter filter) {
  // Pillow leaves out a pass that changes nothing.
  const std::vector<Span> columns = spans(p.width, width, filter),
                          rows = spans(p.height, height, filter);
  const bool narrower = width != p.width, lower = height != p.height;
  std::vector<uint8_t> wide(static_cast<size_t>(p.channels * p.height * width)),
      out(static_cast<size_t>(p.channels * height * width));
  for (int64_t c = 0; c < p.channels; ++c) {
    uint8_t* plane = wide.data() + c * p.height * width;
    for (int64_t y = 0; y < p.height; ++y) {
      const uint8_t* line = p.bytes.data() + y * p.width * p.channels + c;
      if (narrower)
        pass(line, p.channels, columns, plane + y * width, 1);
      else
        for (int64_t x = 0; x < width; ++x) plane[y * width + x] = line[x * p.channels];
    }
    uint8_t* to = out.data() + c * height * width;
    if (!lower) std::copy_n(plane, height * width, to);
    for (int64_t x = 0; lower && x < width; ++x) pass(plane + x, width, rows, to + x, width);
  }
  return out;
}

}  // namespace regrad::detail
