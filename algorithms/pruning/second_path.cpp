#include <regrad/algorithms/pruning/second_path.h>

#include <algorithm>

namespace regrad::pruning {

Tensors buffers(const NamedNet& net) {
  Tensors out;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (is_buffer) out.push_back(t);
  });
  return out;
}

NamedNet with_buffers(NamedNet net, const Tensors& buffers) {
  size_t b = 0;
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer) t = buffers[b++];
  });
  return net;
}

std::pair<size_t, size_t> classifier_of(const Tensors& params) {
  for (size_t i = params.size(); i-- > 0;)
    if (params[i].dim() == 2) {
      const bool bias = i + 1 < params.size() && params[i + 1].dim() == 1;
      return {i, i + 1 + (bias ? 1 : 0)};
    }
  return {params.size(), params.size()};
}

std::vector<size_t> own_places(const State& s, bool share_norms, bool share_classifier) {
  const Tensors params = parameters(s.trained.net);
  const auto [first, end] = classifier_of(params);
  std::vector<size_t> out;
  for (size_t i = 0; i < params.size(); ++i) {
    if (std::binary_search(s.at.begin(), s.at.end(), i)) continue;
    const bool shared = first <= i && i < end ? share_classifier : share_norms;
    if (!shared) out.push_back(i);
  }
  return out;
}

Tensors second_parameters(const State& s, const std::vector<size_t>& own, const Tensors& mine) {
  Tensors out = parameters(s.trained.net);
  for (size_t k = 0; k < own.size(); ++k) out[own[k]] = mine[k];
  return as_leaves(out);
}

std::pair<Tensors, Tensors> of_paths(const Tensor& loss, const Tensors& first,
                                     const Tensors& second) {
  Tensors both = first;
  both.insert(both.end(), second.begin(), second.end());
  both = grad(TensorList(loss), TensorList(both));
  const auto middle = both.begin() + static_cast<std::ptrdiff_t>(first.size());
  return {Tensors(both.begin(), middle), Tensors(middle, both.end())};
}

}  // namespace regrad::pruning
