#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <array>

namespace regrad::asc {
namespace {

using experiment::Picture;
using Colour = std::array<double, 3>;

// Straight lines between these, at 0, 1/4, .. 1.
constexpr std::array<Colour, 5> heat{
    {{8, 8, 40}, {84, 18, 110}, {190, 50, 85}, {248, 140, 40}, {252, 250, 165}}};
constexpr std::array<Colour, 2> ink{{{255, 255, 255}, {8, 48, 107}}};

template <size_t N>
void put(std::string& pixels, const std::array<Colour, N>& scale, double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (N - 1);
  const size_t i = std::min(static_cast<size_t>(at), N - 2);
  for (size_t k = 0; k < 3; ++k)
    pixels += static_cast<char>(static_cast<unsigned char>(
        scale[i][k] + (at - static_cast<double>(i)) * (scale[i + 1][k] - scale[i][k]) + 0.5));
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
      put(p.pixels, heat, (v[(rows - 1 - r / z) * columns + c / z] - from) / range);
  return p;
}

Picture confusion_picture(const Tensor& counts, const std::string& caption) {
  if (counts.dim() != 2 || counts.size(0) != counts.size(1) || counts.numel() == 0)
    throw ShapeError("confusion_picture: " + str(counts.shape()) + "; needs [K,K]");
  constexpr size_t cell = 20;
  const std::vector<double> v = counts.to_vector();
  const auto k = static_cast<size_t>(counts.size(0));
  Picture p{static_cast<int>(k * cell), static_cast<int>(k * cell), 3, "", caption};
  for (size_t y = 0; y < k * cell; ++y)
    for (size_t x = 0; x < k * cell; ++x) {
      const double* row = &v[y / cell * k];
      double of = 0;
      for (size_t j = 0; j < k; ++j) of += row[j];
      put(p.pixels, ink, of > 0 ? row[x / cell] / of : 0);
    }
  return p;
}

}  // namespace regrad::asc
