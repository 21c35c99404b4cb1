#include <regrad/datasets/block_model.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/edges.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

void check(const BlockModel& m) {
  const auto need = [](bool holds, const char* what) {
    if (!holds) throw ConfigError(std::string("BlockModel: ") + what);
  };
  need(m.nodes >= 1 && m.classes >= 1 && m.words >= 1,
       "nodes, classes and words must be at least 1");
  need(m.classes <= m.nodes, "there are more classes than nodes");
  need(m.topic >= 0 && m.topic <= m.words, "topic must lie between 0 and words");
  for (const double p : {m.p_in, m.p_out, m.p_topic, m.p_word})
    need(p >= 0 && p <= 1, "a probability lies outside [0, 1]");
}

// Pairs (i, j), j < i, by jumps: with the larger of both probabilities p, the gap to the next
// candidate is geometric, floor(log(1 - u) / log(1 - p)) (Batagelj and Brandes 2005); a candidate
// of the rarer kind is then kept with its share of p.
std::vector<std::pair<int64_t, int64_t>> draw_links(const BlockModel& m, const Random& r) {
  std::vector<std::pair<int64_t, int64_t>> links;
  const double p = std::max(m.p_in, m.p_out), log_miss = std::log1p(-p);
  if (p == 0) return links;
  for (int64_t i = 1; i < m.nodes; ++i) {
    const Random node = r / i;
    uint64_t draw = 0;
    for (int64_t j = -1;;) {
      const double gap = p < 1 ? std::floor(std::log1p(-node.uniform(draw)) / log_miss) : 0;
      if (gap >= static_cast<double>(i - j - 1)) break;
      j += 1 + static_cast<int64_t>(gap);
      const double wanted = i % m.classes == j % m.classes ? m.p_in : m.p_out;
      if (node.uniform(draw + 1) * p < wanted) links.emplace_back(j, i);
      draw += 2;
    }
  }
  return links;
}

std::vector<float> draw_words(const BlockModel& m, const Random& r) {
  std::vector<char> topical(static_cast<size_t>(m.classes * m.words), 0);
  for (int64_t c = 0; c < m.classes; ++c) {
    const Tensor order = randperm(r / "topic" / c, m.words);
    for (int64_t k = 0; k < m.topic; ++k)
      topical[static_cast<size_t>(c * m.words + order.data<int64_t>()[k])] = 1;
  }
  std::vector<float> words(static_cast<size_t>(m.nodes * m.words));
  for (int64_t i = 0; i < m.nodes; ++i) {
    const Random node = r / "words" / i;
    for (int64_t w = 0; w < m.words; ++w) {
      const double p =
          topical[static_cast<size_t>(i % m.classes * m.words + w)] ? m.p_topic : m.p_word;
      words[static_cast<size_t>(i * m.words + w)] =
          node.uniform(static_cast<uint64_t>(w)) < p ? 1.f : 0.f;
    }
  }
  return words;
}

}  // namespace

Graph BlockModel::sample(const Random& r) const {
  check(*this);
  return typed_memory([&] {
    contiguous_strides({nodes, std::max(words, classes)});  // ShapeError where that overflows
    Graph g;
    g.features = detail::adopt(draw_words(*this, r), {nodes, words});
    std::vector<int64_t> labels(static_cast<size_t>(nodes));
    for (int64_t i = 0; i < nodes; ++i) {
      labels[static_cast<size_t>(i)] = i % classes;
      g.names.push_back(std::to_string(i));
    }
    g.labels = detail::adopt(std::move(labels), {nodes});
    for (int64_t c = 0; c < classes; ++c) g.classes.push_back("class " + std::to_string(c));
    EdgeCounts counts;
    g.edges = detail::undirected(draw_links(*this, r / "links"), counts);
    return g;
  });
}

}  // namespace regrad
