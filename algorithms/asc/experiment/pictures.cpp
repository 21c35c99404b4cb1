#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace regrad::asc {
namespace {

using experiment::Picture;
using Colour = std::array<double, 3>;

// Straight lines between these, at 0, 1/4, .. 1.
constexpr std::array<Colour, 5> heat{
    {{8, 8, 40}, {84, 18, 110}, {190, 50, 85}, {248, 140, 40}, {252, 250, 165}}};

void put(std::string& pixels, double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (heat.size() - 1);
  const size_t i = std::min(static_cast<size_t>(at), heat.size() - 2);
  for (size_t k = 0; k < 3; ++k)
    pixels += static_cast<char>(static_cast<unsigned char>(
        heat[i][k] + (at - static_cast<double>(i)) * (heat[i + 1][k] - heat[i][k]) + 0.5));
}

}  // namespace

Picture spectrogram_picture(const Tensor& x, int zoom) {
  if (x.dim() != 2 || x.numel() == 0)
    throw ShapeError("spectrogram_picture: " + str(x.shape()) + "; needs [F,T]");
  const std::vector<double> v = x.detach().to_vector();
  const auto [low, high] = std::minmax_element(v.begin(), v.end());
  const double from = *low, range = std::max(*high - *low, 1e-12);
  const auto rows = static_cast<size_t>(x.size(0)), columns = static_cast<size_t>(x.size(1)),
             z = static_cast<size_t>(zoom);
  Picture p{static_cast<int>(columns * z), static_cast<int>(rows * z), 3};
  for (size_t r = 0; r < rows * z; ++r)
    for (size_t c = 0; c < columns * z; ++c)
      put(p.pixels, (v[(rows - 1 - r / z) * columns + c / z] - from) / range);
  return p;
}

experiment::Listing confusions(const Tensor& counts, const std::vector<std::string>& classes,
                               const std::string& title) {
  const auto k = static_cast<int64_t>(classes.size());
  if (counts.shape() != Shape{k, k} || k == 0)
    throw ShapeError("confusions: " + str(counts.shape()) + " for " + std::to_string(k) +
                     " classes; needs [K,K]");
  const std::vector<double> v = counts.to_vector();
  experiment::Listing out{title, {"class"}};
  for (const std::string& c : classes) out.columns.push_back(c);
  for (size_t y = 0; y < classes.size(); ++y) {
    const double* row = &v[y * classes.size()];
    const double of = std::accumulate(row, row + classes.size(), 0.0);
    out.rows.push_back({classes[y]});
    for (size_t x = 0; x < classes.size(); ++x)
      out.rows.back().push_back(std::to_string(std::lround(of > 0 ? 100 * row[x] / of : 0)) + "%");
  }
  return out;
}

}  // namespace regrad::asc
