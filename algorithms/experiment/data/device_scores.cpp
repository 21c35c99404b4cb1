#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/experiment/stats.h>

#include <numeric>

namespace regrad::experiment {

double mean_of(const Hits& hits, size_t first, size_t last) {
  double of_means = 0, of_all = 0;
  bool alike = true;
  for (size_t d = first; d < last; ++d) {
    of_means += mean(hits[d]);
    of_all += std::accumulate(hits[d].begin(), hits[d].end(), 0.0);
    alike = alike && hits[d].size() == hits[first].size();
  }
  const auto devices = static_cast<double>(last - first);
  // the same, but where hits are whole numbers rounded once: equal shares are equal numbers
  return alike ? of_all / (devices * static_cast<double>(hits[first].size())) : of_means / devices;
}

std::vector<double> by_clip(const Hits& hits, size_t first, size_t last, bool paired) {
  std::vector<double> out;
  if (!paired) {
    for (size_t d = first; d < last; ++d) out.insert(out.end(), hits[d].begin(), hits[d].end());
    return out;
  }
  out.assign(hits[first].size(), 0.0);
  for (size_t d = first; d < last; ++d)
    for (size_t i = 0; i < out.size(); ++i) out[i] += hits[d][i];
  for (double& v : out) v /= static_cast<double>(last - first);
  return out;
}

std::vector<int64_t> groups_by_clip(const Recordings& data, size_t first, size_t last) {
  if (data.test_group.empty()) return {};
  if (data.paired) return data.test_group[first];
  std::vector<int64_t> out;
  for (size_t d = first; d < last; ++d)
    out.insert(out.end(), data.test_group[d].begin(), data.test_group[d].end());
  return out;
}

std::string title_of(const Job& job) {
  return job.method + (job.variant.empty() ? "" : ", " + job.variant);
}

Chart device_chart(const Job& job, const Hits& hits, const Recordings& data) {
  Series points{job.method, {}, {}, Series::points};
  for (size_t d = 0; d < hits.size(); ++d)
    points.x.push_back(static_cast<double>(d)), points.y.push_back(mean(hits[d]));
  Chart chart{"Accuracy by device", "device, those of training first", "%"};
  chart.x_names = data.devices;
  chart.series.push_back(std::move(points));
  return chart;
}

}  // namespace regrad::experiment
