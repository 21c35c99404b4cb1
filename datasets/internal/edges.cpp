#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/edges.h>

#include <algorithm>

namespace regrad::detail {

Tensor undirected(std::vector<std::pair<int64_t, int64_t>> links, EdgeCounts& counts) {
  for (auto& [a, b] : links)
    if (a > b) std::swap(a, b);
  const auto loop = [](const auto& link) { return link.first == link.second; };
  const auto kept = std::remove_if(links.begin(), links.end(), loop);
  counts.loops += links.end() - kept;
  links.erase(kept, links.end());
  std::sort(links.begin(), links.end());
  const auto once = std::unique(links.begin(), links.end());
  counts.repeated += links.end() - once;
  links.erase(once, links.end());
  std::vector<int64_t> ends(2 * links.size());
  for (size_t i = 0; i < links.size(); ++i) {
    ends[i] = links[i].first;
    ends[links.size() + i] = links[i].second;
  }
  return adopt(std::move(ends), {2, static_cast<int64_t>(links.size())});
}

}  // namespace regrad::detail
