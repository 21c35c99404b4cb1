#include <regrad/datasets/augment.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

// Each new pixel looks back along the turn, and takes the four old ones around by their nearness.
void rotate(float* plane, std::vector<float>& old, int64_t h, int64_t w, double angle) {
  std::copy_n(plane, h * w, old.begin());
  const double c = std::cos(angle), s = std::sin(angle), cy = static_cast<double>(h - 1) / 2,
               cx = static_cast<double>(w - 1) / 2;
  const auto at = [&](int64_t y, int64_t x) {
    return y < 0 || y >= h || x < 0 || x >= w ? 0.0 : double{old[static_cast<size_t>(y * w + x)]};
  };
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x) {
      const double dy = static_cast<double>(y) - cy, dx = static_cast<double>(x) - cx;
      const double fx = cx + c * dx - s * dy, fy = cy + s * dx + c * dy;
      const auto x0 = static_cast<int64_t>(std::floor(fx)),
                 y0 = static_cast<int64_t>(std::floor(fy));
      const double ax = fx - static_cast<double>(x0), ay = fy - static_cast<double>(y0);
      plane[y * w + x] =
          static_cast<float>((1 - ay) * ((1 - ax) * at(y0, x0) + ax * at(y0, x0 + 1)) +
                             ay * ((1 - ax) * at(y0 + 1, x0) + ax * at(y0 + 1, x0 + 1)));
    }
}

// The image moved by (dy, dx), zeros from outside.
void shift(float* plane, std::vector<float>& old, int64_t h, int64_t w, int64_t dy, int64_t dx) {
  std::copy_n(plane, h * w, old.begin());
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 0; x < w; ++x) {
      const int64_t from_y = y + dy, from_x = x + dx;
      const bool inside = from_y >= 0 && from_y < h && from_x >= 0 && from_x < w;
      plane[y * w + x] = inside ? old[static_cast<size_t>(from_y * w + from_x)] : 0.f;
    }
}

}  // namespace

void augment(const Augment& how, const Random& r, float* image, int64_t channels, int64_t height,
             int64_t width) {
  if (how.padding < 0 || !(how.rotation >= 0))
    throw ConfigError("augment: padding and rotation must be 0 or more");
  const double angle = how.rotation * (2 * r.uniform(0) - 1) * std::numbers::pi / 180;
  const bool flip = how.flip && r.uniform(1) < 0.5;
  const int64_t side = 2 * how.padding + 1, dy = r.integer(2, side) - how.padding,
                dx = r.integer(3, side) - how.padding;
  std::vector<float> old(static_cast<size_t>(height * width));
  for (int64_t c = 0; c < channels; ++c) {
    float* plane = image + c * height * width;
    if (how.rotation > 0) rotate(plane, old, height, width, angle);
    for (int64_t y = 0; flip && y < height; ++y)
      std::reverse(plane + y * width, plane + (y + 1) * width);
    if (how.padding > 0) shift(plane, old, height, width, dy, dx);
  }
}

}  // namespace regrad
