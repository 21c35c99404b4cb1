#include <cmath>
#include <regex>

#include <regrad/algorithms/cml/experiment/mechanism.h>
#include <regrad/algorithms/maml/sharp.h>

namespace regrad::cml {
namespace {

// The centred Gram matrix of one task's examples, [N,N] in f64.
Tensor gram(const Tensor& a) {
  const Tensor x = reshape(a, {a.size(0), -1}).to(DType::f64), centred = x - mean(x, {0}, true);
  return matmul(centred, centred.mT());
}

// "layers.0.weight" -> "layers.0"; "first.weight" -> "first".
std::string layer_of(const std::string& name) {
  std::smatch number;
  if (std::regex_search(name, number, std::regex("(^|\\.)[0-9][^.]*")))
    return name.substr(0, static_cast<size_t>(number.position() + number.length()));
  return name.substr(0, name.find('.'));
}

}  // namespace

std::vector<double> linear_cka(const Tensor& a, const Tensor& b) {
  if (a.dim() < 3 || b.dim() < 3 || a.size(0) != b.size(0) || a.size(1) != b.size(1))
    throw ShapeError("linear_cka: " + str(a.shape()) + " and " + str(b.shape()) +
                     "; both must be [tasks, examples, features...] of the same tasks");
  const NoGrad quiet;
  std::vector<double> out;
  for (int64_t t = 0; t < a.size(0); ++t) {
    const Tensor k = gram(a[t]), l = gram(b[t]);
    const double of_a = std::sqrt(sum(square(k)).item()), of_b = std::sqrt(sum(square(l)).item());
    out.push_back(of_a > 0 && of_b > 0 ? sum(k * l).item() / (of_a * of_b) : of_a == of_b);
  }
  return out;
}

std::vector<std::vector<Tensor>> by_layer(
    const std::vector<std::pair<std::string, Tensor>>& parameters) {
  std::vector<std::vector<Tensor>> out;
  std::string last;
  for (const auto& [name, t] : parameters) {
    if (out.empty() || layer_of(name) != last) out.emplace_back();
    last = layer_of(name);
    out.back().push_back(t);
  }
  return out;
}

double cosine(const std::vector<std::vector<Tensor>>& a,
              const std::vector<std::vector<Tensor>>& b) {
  const auto vector_of = [](const std::vector<std::vector<Tensor>>& layers) {
    std::vector<Tensor> flat;
    for (const auto& layer : layers)
      for (const Tensor& t : layer) flat.push_back(reshape(t, {t.numel()}));
    return cat(flat, 0);
  };
  return cosine_similarity(vector_of(a), vector_of(b), 0).item();
}

double mean_norm(const std::vector<Tensor>& layer) {
  return mean(sqrt(maml::sum_of_squares(layer, true))).item();
}

void log_layers(const std::string& name, const std::vector<double>& values,
                experiment::Moment& out) {
  for (size_t l = 0; l < values.size(); ++l)
    out.emplace_back(
        name + (l + 1 == values.size() ? ", head" : ", body layer " + std::to_string(l + 1)),
        values[l]);
}

}  // namespace regrad::cml
