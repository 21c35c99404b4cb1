#include <regrad/algorithms/rde/ngram.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::rde {
namespace {

void check_ids(const std::vector<int64_t>& text, int64_t vocabulary) {
  for (const int64_t id : text)
    if (id < 0 || id >= vocabulary)
      throw ConfigError("Trigram: id " + std::to_string(id) + " of a vocabulary of " +
                        std::to_string(vocabulary));
}

// n1 / (n1 + 2 n2); 1/2 where no count is 1, so that nothing has probability 0.
template <class All>
double discount(const All& all) {
  double once = 0, twice = 0;
  for (const auto* follows : all)
    for (const auto& [word, count] : follows->counts) once += count == 1, twice += count == 2;
  return once == 0 ? 0.5 : once / (once + 2 * twice);
}
template <class Map>
auto all_of(const Map& map) {
  std::vector<const typename Map::mapped_type*> out;
  for (const auto& [history, follows] : map) out.push_back(&follows);
  return out;
}

}  // namespace

Trigram::Trigram(const std::vector<std::vector<int64_t>>& texts, int64_t vocabulary)
    : vocabulary_(vocabulary) {
  int64_t tokens = 0;
  for (const std::vector<int64_t>& text : texts) {
    check_ids(text, vocabulary);
    tokens += static_cast<int64_t>(text.size());
    int64_t u = begin(), v = begin();
    for (size_t i = 0; i <= text.size(); ++i) {
      const int64_t w = i < text.size() ? text[i] : end();
      Follows& f = three_[{u, v}];
      ++f.counts[w], ++f.all;
      u = v, v = w;
    }
  }
  if (tokens == 0) throw ConfigError("Trigram: texts without tokens");
  for (const auto& [history, follows] : three_)
    for (const auto& [w, count] : follows.counts) {
      Follows& f = two_[history.second];
      ++f.counts[w], ++f.all;
    }
  for (const auto& [history, follows] : two_)
    for (const auto& [w, count] : follows.counts) ++one_.counts[w], ++one_.all;
  d3_ = discount(all_of(three_)), d2_ = discount(all_of(two_));
  d1_ = discount(std::vector<const Follows*>{&one_});
}

double Trigram::probability(int64_t u, int64_t v, int64_t w) const {
  const auto of = [w](const Follows& f, double d, double lower) {
    const auto found = f.counts.find(w);
    const double own = found == f.counts.end() ? 0 : static_cast<double>(found->second),
                 all = static_cast<double>(f.all);
    return std::max(own - d, 0.0) / all + d * static_cast<double>(f.counts.size()) / all * lower;
  };
  double p = of(one_, d1_, 1 / static_cast<double>(vocabulary_ + 1));
  if (const auto at = two_.find(v); at != two_.end()) p = of(at->second, d2_, p);
  if (const auto at = three_.find({u, v}); at != three_.end()) p = of(at->second, d3_, p);
  return p;
}

double Trigram::mean_nll(const std::vector<int64_t>& text) const {
  check_ids(text, vocabulary_);
  int64_t u = begin(), v = begin();
  double sum = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const int64_t w = i < text.size() ? text[i] : end();
    sum -= std::log(probability(u, v, w));
    u = v, v = w;
  }
  return sum / static_cast<double>(text.size() + 1);
}

}  // namespace regrad::rde
