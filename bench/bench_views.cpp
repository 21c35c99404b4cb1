// Two views of a batch of images, as self-supervised training takes them;
// peers/views_torchvision.py has the same in torchvision, whose functions are defined alike.
//
//   Images x[i] = unit(1)[i], f32 in [0, 1).
//   views/32   256 images of 3 x 32 x 32, both views by small_view: crop, jitter, grey, flip.
//   views/224  16 images of 3 x 256 x 256 to 224, by the papers' two recipes, with blur.
//   What is drawn differs from the peers'; the checksum is of fixed parameters: mean and mean
//   square of one image's crop of three quarters to 32 x 32, changed by all of them in turn.
#include <regrad/datasets/views.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <vector>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

Tensor images(int64_t n, int64_t side) {
  std::vector<float> v(static_cast<size_t>(n * 3 * side * side));
  for (size_t i = 0; i < v.size(); ++i) v[i] = unit(1, static_cast<uint32_t>(i));
  return from_data(v.data(), {n, 3, side, side}, DType::f32);
}

std::vector<double> checksum(const Tensor& x) {
  const int64_t side = x.size(2), off = side / 8;
  Tensor y = resized_crop(x[0], {off, off, side - 2 * off, side - 2 * off}, 32, 32);
  y = adjust_hue(adjust_saturation(adjust_contrast(adjust_brightness(y, 1.2), 0.7), 1.3), 0.1);
  y = solarize(gaussian_blur(y, 5, 0.8), 0.5);
  const Tensor grey = rgb_to_grayscale(hflip(y));
  return {mean(y).item(), mean(y * y).item(), mean(grey * grey).item()};
}

Run two_views(int64_t n, int64_t side, const std::vector<ViewRecipe>& recipes) {
  const Tensor x = images(n, side), index = arange(0, static_cast<double>(n));
  Run run;
  run.checksum = checksum(x);
  int64_t epoch = 0;
  run.step = [=]() mutable { image_views(x, index, recipes, Random(1) / epoch++); };
  return run;
}
Run small() { return two_views(256, 32, {small_view(), small_view()}); }
Run large() { return two_views(16, 256, {first_view(), second_view()}); }

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, {{"views/32", small}, {"views/224", large}});
}
