#include <regrad/algorithms/rde/experiment/victim.h>

namespace regrad::rde {

std::vector<int64_t> Classifier::ids(const std::string& text) const {
  if (tokenizer) return (*tokenizer)(text, most);
  std::vector<int64_t> out = vocabulary->ids(text);
  if (static_cast<int64_t>(out.size()) > most) out.resize(static_cast<size_t>(most));
  return out;
}

Read Classifier::read(const std::vector<std::string>& texts) const {
  std::vector<std::vector<int64_t>> all;
  for (const std::string& t : texts) all.push_back(ids(t));
  return rde::read(net, all);
}

Pattern Classifier::pattern(std::string text) const {
  return tokenizer ? Pattern(std::move(text), *tokenizer, most)
                   : Pattern(std::move(text), *vocabulary, most);
}

Victim Classifier::victim(const Pattern& pattern) const {
  return [this, &pattern](const std::vector<Words>& texts) {
    std::vector<std::vector<int64_t>> all;
    for (const Words& t : texts) all.push_back(pattern.ids(t));
    const Tensor p = rde::read(net, all).probabilities;
    const int64_t classes = p.size(1);
    std::vector<std::vector<double>> out;
    for (int64_t i = 0; i < p.size(0); ++i)
      out.emplace_back(p.data<double>() + i * classes, p.data<double>() + (i + 1) * classes);
    return out;
  };
}

}  // namespace regrad::rde
