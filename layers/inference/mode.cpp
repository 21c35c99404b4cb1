// Which way of running takes less time: costs by instruction set, measured, and counted over the
// layers.
#include <regrad/layers/inference/plan.h>

namespace regrad::inference {
namespace {

// Picoseconds on one core (Zen 5 at 4 GHz, held to each set; ratios are what counts) of
struct Cost {
  int64_t lanes;    // a register's f32
  double dense;     // a multiply-add of a dense convolution
  double matrix;    // one of a dense matrix and a vector: the time to read a weight
  double vector;    // a kept weight's multiply-add with one register of pixels
  double finish;    // a register of sums: bias, residual, ReLU, mask
  double gathered;  // a kept weight of a matrix
  double whole;     // a multiply-add of whole numbers, in a convolution
  double bytes;     // one in a matrix and a vector
};
Cost cost_on(const std::string& isa, bool vnni) {
  if (isa == "avx512" && vnni) return {16, 8.5, 45, 310, 1000, 240, 3.1, 12};
  if (isa == "avx512") return {16, 8.5, 45, 310, 1000, 240, 6, 20};
  if (isa == "avx2") return {8, 16.5, 45, 195, 600, 240, 11, 23};
  return {4, 63, 45, 170, 400, 300, 24, 42};
}

}  // namespace

InferenceMode faster_mode(const std::vector<InferenceLayer>& layers, const Plan& plan,
                          const std::string& isa, bool vnni) {
  const Cost c = cost_on(isa, vnni);
  double dense = 0, sparse = 0, whole = 0;
  bool has_levels = false;
  for (size_t i = 0; i < layers.size(); ++i) {
    const InferenceLayer& l = layers[i];
    const Planes& to = plan.values[i + 1];
    const auto& begin = plan.layers[i].taps.begin;
    const auto kept = static_cast<double>(begin.empty() ? 0 : begin.back());
    if (l.kind == InferenceLayer::conv) {
      const auto vectors = static_cast<double>((to.reach() + c.lanes - 1) / c.lanes),
                 products = static_cast<double>(l.weight.numel() * to.size.h * to.size.w);
      dense += c.dense * products;
      whole += (l.levels ? c.whole : c.dense) * products;
      sparse += vectors * (c.vector * kept + c.finish * static_cast<double>(to.size.c));
    } else if (l.kind == InferenceLayer::linear) {
      dense += c.matrix * static_cast<double>(l.weight.numel());
      whole += (l.levels ? c.bytes : c.matrix) * static_cast<double>(l.weight.numel());
      sparse += c.gathered * kept;
    }
    has_levels = has_levels || l.levels;
  }
  if (has_levels && whole < dense && whole < sparse) return InferenceMode::integers;
  return sparse < dense ? InferenceMode::sparse : InferenceMode::dense;
}

}  // namespace regrad::inference
