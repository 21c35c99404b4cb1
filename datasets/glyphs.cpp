#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

constexpr int segments = 8;  // straight pieces of a curve

struct Point {
  double x = 0, y = 0;
};
struct Stroke {
  Point p[3];
};

// A stream read from its start on.
class Draws {
 public:
  explicit Draws(const Random& r) : r_(r) {}
  double uniform(double low, double high) { return low + (high - low) * r_.uniform(next_++); }
  double normal() { return r_.normal(next_++); }
  int64_t integer(int64_t low, int64_t high) { return low + r_.integer(next_++, high - low + 1); }

 private:
  Random r_;
  uint64_t next_ = 0;
};

void check(const Glyphs& g) {
  const auto need = [](bool holds, const char* what) {
    if (!holds) throw ConfigError(std::string("Glyphs: ") + what);
  };
  need(g.size >= 1 && g.size <= 4096, "size must lie between 1 and 4096");
  need(g.least_strokes >= 1 && g.strokes >= g.least_strokes && g.strokes <= 100,
       "strokes must be at least least_strokes, both between 1 and 100");
  for (const double v : {g.reach, g.wobble, g.rotation, g.scale, g.shift})
    need(v >= 0 && std::isfinite(v), "lengths and angles must be 0 or more");
  need(g.thin > 0 && g.thick >= g.thin && std::isfinite(g.thick),
       "the pen's width must be above 0, and thick at least thin");
}

std::vector<Stroke> strokes_of(const Glyphs& g, const Random& of_class) {
  Draws draws(of_class / "strokes");
  std::vector<Stroke> strokes(static_cast<size_t>(draws.integer(g.least_strokes, g.strokes)));
  for (Stroke& s : strokes) {
    for (int i = 0; i < 3; ++i) {
      // A few tries for a point that lies far enough off; where reach leaves no room the last one
      // stands.
      for (int tries = 0; tries < 16; ++tries) {
        s.p[i] = {draws.uniform(0.1, 0.9), draws.uniform(0.1, 0.9)};
        if (i == 0 || std::hypot(s.p[i].x - s.p[i - 1].x, s.p[i].y - s.p[i - 1].y) >= g.reach)
          break;
      }
    }
  }
  return strokes;
}

double distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// Pieces of the strokes as example e draws them, in pixels, and half the pen's width.
std::vector<Point> shaky(const Glyphs& g, std::vector<Stroke> strokes, const Random& example,
                         double& half_pen) {
  Draws draws(example);
  const double angle = draws.uniform(-g.rotation, g.rotation) * std::numbers::pi / 180,
               scale = 1 + draws.uniform(-g.scale, g.scale);
  const Point shift{draws.uniform(-g.shift, g.shift), draws.uniform(-g.shift, g.shift)};
  const auto side = static_cast<double>(g.size);
  half_pen = draws.uniform(g.thin, g.thick) / 2 * side;
  const double c = std::cos(angle) * scale, s = std::sin(angle) * scale;
  std::vector<Point> line;
  for (Stroke& stroke : strokes) {
    for (Point& p : stroke.p) {
      const double x = p.x - 0.5 + g.wobble * draws.normal(),
                   y = p.y - 0.5 + g.wobble * draws.normal();
      p = {(0.5 + shift.x + c * x - s * y) * side, (0.5 + shift.y + s * x + c * y) * side};
    }
    for (int k = 0; k <= segments; ++k) {
      const double t = static_cast<double>(k) / segments, u = 1 - t, a = u * u, b = 2 * u * t,
                   d = t * t;
      line.push_back({a * stroke.p[0].x + b * stroke.p[1].x + d * stroke.p[2].x,
                      a * stroke.p[0].y + b * stroke.p[1].y + d * stroke.p[2].y});
    }
  }
  return line;
}

void draw_into(const Glyphs& g, const std::vector<Stroke>& strokes, const Random& example,
               float* image) {
  double half_pen = 0;
  const std::vector<Point> line = shaky(g, strokes, example, half_pen);
  std::fill_n(image, g.size * g.size, 0.f);
  for (size_t k = 0; k + 1 < line.size(); ++k) {
    if (k % (segments + 1) == segments) continue;  // from one stroke to the next the pen is up
    const Point a = line[k], b = line[k + 1];
    const double reach = half_pen + 1;
    const auto within = [&](double v) {
      return std::clamp<int64_t>(static_cast<int64_t>(std::floor(v)), 0, g.size - 1);
    };
    for (int64_t y = within(std::min(a.y, b.y) - reach); y <= within(std::max(a.y, b.y) + reach);
         ++y)
      for (int64_t x = within(std::min(a.x, b.x) - reach); x <= within(std::max(a.x, b.x) + reach);
           ++x) {
        const double d =
            distance({static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5}, a, b);
        float& ink = image[y * g.size + x];
        ink = std::max(ink, static_cast<float>(std::clamp(half_pen + 0.5 - d, 0.0, 1.0)));
      }
  }
}

Random class_stream(const Random& r, int64_t c) { return r / "glyph" / c; }

}  // namespace

Tensor Glyphs::draw(const Random& r, int64_t of_class, int64_t example) const {
  check(*this);
  return typed_memory([&] {
    const Random stream = class_stream(r, of_class);
    std::vector<float> image(static_cast<size_t>(size * size));
    draw_into(*this, strokes_of(*this, stream), stream / "example" / example, image.data());
    return detail::adopt(std::move(image), {1, size, size});
  });
}

ImageSet Glyphs::sample(const Random& r, int64_t classes, int64_t examples) const {
  check(*this);
  if (classes < 1 || examples < 1)
    throw ConfigError("Glyphs: " + std::to_string(classes) + " classes of " +
                      std::to_string(examples) + " examples; both must be at least 1");
  return typed_memory([&] {
    const Shape sizes{classes, examples, size, size};
    contiguous_strides(sizes);  // ShapeError where that overflows
    std::vector<float> images(static_cast<size_t>(sizes.numel()));
    std::vector<int64_t> labels(static_cast<size_t>(classes * examples));
    ImageSet set;
    parallel_for(classes, [&](int64_t c) {
      const Random stream = class_stream(r, c);
      const std::vector<Stroke> drawn = strokes_of(*this, stream);
      for (int64_t e = 0; e < examples; ++e) {
        draw_into(*this, drawn, stream / "example" / e,
                  images.data() + (c * examples + e) * size * size);
        labels[static_cast<size_t>(c * examples + e)] = c;
      }
    });
    for (int64_t c = 0; c < classes; ++c) set.classes.push_back("glyph " + std::to_string(c));
    set.images = detail::adopt(std::move(images), {classes * examples, 1, size, size});
    set.labels = detail::adopt(std::move(labels), {classes * examples});
    return set;
  });
}

}  // namespace regrad
