#include <regrad/datasets/episodes.h>
#include <regrad/datasets/internal/adopt.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

namespace regrad {
namespace {

// The first k of the numbers below n in a random order, by the first k steps of Fisher and Yates's
// shuffle.
std::vector<int64_t> draw_distinct(const Random& r, int64_t n, int64_t k) {
  std::vector<int64_t> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), int64_t{0});
  for (int64_t i = 0; i < k; ++i)
    std::swap(all[static_cast<size_t>(i)],
              all[static_cast<size_t>(i + r.integer(static_cast<uint64_t>(i), n - i))]);
  all.resize(static_cast<size_t>(k));
  return all;
}

}  // namespace

EpisodeSampler::EpisodeSampler(const Tensor& labels, const std::vector<int64_t>& classes) {
  if (labels.dtype() != DType::i64)
    throw DTypeError(std::string("EpisodeSampler: labels are i64, not ") + name(labels.dtype()));
  if (labels.dim() != 1)
    throw ShapeError("EpisodeSampler: labels are [n], not " + str(labels.shape()));
  typed_memory([&] {
    std::map<int64_t, std::vector<int64_t>> rows_of;
    const Tensor y = labels.contiguous();
    for (int64_t i = 0; i < y.size(0); ++i)
      if (const int64_t label = y.data<int64_t>()[i]; label >= 0) rows_of[label].push_back(i);
    std::vector<int64_t> wanted = classes;
    std::sort(wanted.begin(), wanted.end());
    if (const auto twice = std::adjacent_find(wanted.begin(), wanted.end()); twice != wanted.end())
      throw ConfigError("EpisodeSampler: class " + std::to_string(*twice) + " is named twice");
    for (const int64_t c : wanted)
      if (!rows_of.count(c))
        throw ConfigError("EpisodeSampler: class " + std::to_string(c) + " has no row");
    for (auto& [c, rows] : rows_of) {
      if (!wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), c)) continue;
      classes_.push_back(c);
      rows_.push_back(std::move(rows));
    }
  });
}

Episodes EpisodeSampler::sample(const Random& r, int64_t tasks, const EpisodeShape& shape) const {
  const auto [ways, shots, queries] = shape;
  if (tasks < 1 || ways < 1 || shots < 1 || queries < 0)
    throw ConfigError(
        "EpisodeSampler: tasks, ways and shots must be at least 1, queries at least 0");
  if (ways > static_cast<int64_t>(classes_.size()))
    throw ConfigError("EpisodeSampler: " + std::to_string(ways) + " ways of " +
                      std::to_string(classes_.size()) + " classes");
  return typed_memory([&, ways = ways, shots = shots, queries = queries] {
    std::vector<int64_t> support, query, support_y, query_y, chosen;
    for (int64_t t = 0; t < tasks; ++t) {
      const Random task = r / t;
      const std::vector<int64_t> drawn =
          draw_distinct(task / "classes", static_cast<int64_t>(classes_.size()), ways);
      for (int64_t w = 0; w < ways; ++w) {
        const auto c = static_cast<size_t>(drawn[static_cast<size_t>(w)]);
        const auto held = static_cast<int64_t>(rows_[c].size());
        if (held - shots < queries)
          throw ConfigError("EpisodeSampler: class " + std::to_string(classes_[c]) + " has " +
                            std::to_string(held) + " rows, " + std::to_string(shots) +
                            " shots and " + std::to_string(queries) + " queries are wanted");
        const std::vector<int64_t> picks = draw_distinct(task / "rows" / w, held, shots + queries);
        for (int64_t i = 0; i < shots + queries; ++i) {
          (i < shots ? support : query)
              .push_back(rows_[c][static_cast<size_t>(picks[static_cast<size_t>(i)])]);
          (i < shots ? support_y : query_y).push_back(w);
        }
        chosen.push_back(classes_[c]);
      }
    }
    return Episodes{detail::adopt(std::move(support), {tasks, ways * shots}),
                    detail::adopt(std::move(query), {tasks, ways * queries}),
                    detail::adopt(std::move(support_y), {tasks, ways * shots}),
                    detail::adopt(std::move(query_y), {tasks, ways * queries}),
                    detail::adopt(std::move(chosen), {tasks, ways})};
  });
}

}  // namespace regrad
