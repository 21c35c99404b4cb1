// Layers and nets against what text_layers.py and bert.py wrote.
#pragma once

#include <regrad/layers/context.h>
#include <regrad/layers/serialize.h>

#include <cmath>
#include <limits>

namespace regrad::test {

// As in the scripts: odd multiples of 1/16.
inline Tensor cotangent(const Tensor& like) {
  std::vector<double> v(static_cast<size_t>(like.numel()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = (static_cast<double>(i * 7 % 16) * 2 - 15) / 16.0;
  return tensor(v, like.shape(), like.dtype());
}

// Largest distance, by the largest magnitude of b; infinite where shapes differ.
inline double apart(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const double scale = amax(abs(b.detach())).item();
  const double d = amax(abs(a.detach() - b.detach())).item();
  return std::isfinite(d) ? d / std::max(scale, 1e-300) : d;
}

// Bit for bit.
inline bool equal_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         a.to_vector<double>() == b.to_vector<double>();
}

// One case of the fixture: what(name) of it.
struct Case {
  const TensorFile& file;
  std::string name;
  const Tensor& in(const std::string& key) const { return file[name + ".in." + key]; }
  const Tensor& out(const std::string& key) const { return file[name + ".out." + key]; }
  template <class Net>
  Net net(const Net& like) const {
    return as_leaves(with_tensors(to(like, DType::f64), file, name + ".net."));
  }
  // Largest distance of the gradients of sum <outputs, cotangents> by the net and by `inputs`.
  template <class Net>
  double gradients_apart(const Net& net, const std::vector<Tensor>& outputs,
                         const std::vector<NamedTensor>& inputs = {}) const {
    std::vector<NamedTensor> wanted = named_parameters(net);
    wanted.insert(wanted.end(), inputs.begin(), inputs.end());
    std::vector<Tensor> leaves;
    for (const auto& [key, t] : wanted) leaves.push_back(t);
    Tensor total = scalar(0, DType::f64);
    for (const Tensor& y : outputs) total = total + sum(y * cotangent(y));
    const std::vector<Tensor> g = grad(TensorList(total), TensorList(leaves));
    double worst = 0, scale = 0;
    for (size_t i = 0; i < g.size(); ++i) {
      const Tensor& truth = file[name + ".grad." + wanted[i].first];
      if (g[i].shape() != truth.shape()) return std::numeric_limits<double>::infinity();
      worst = std::max(worst, amax(abs(g[i] - truth)).item());
      scale = std::max(scale, amax(abs(truth)).item());
    }
    return worst / scale;
  }
};

}  // namespace regrad::test
