#include <regrad/algorithms/asc/pictures.h>
#include <regrad/algorithms/asc/scores.h>
#include <regrad/engine/ops.h>

namespace regrad::asc {
namespace {

constexpr size_t most_devices = 12;

std::vector<double> items(const Hits& hits, size_t first, size_t last, bool paired) {
  std::vector<double> out;
  if (!paired) {
    for (size_t d = first; d < last; ++d) out.insert(out.end(), hits[d].begin(), hits[d].end());
    return out;
  }
  out.assign(hits[first].size(), 0.0);
  for (size_t d = first; d < last; ++d)
    for (size_t i = 0; i < out.size(); ++i)
      out[i] += hits[d][i] / static_cast<double>(last - first);
  return out;
}

}  // namespace

Hits hits_of(const std::vector<Tensor>& logits, const scenes::Recordings& data) {
  Hits out;
  for (size_t d = 0; d < logits.size(); ++d) {
    std::vector<double> of = eq(argmax(logits[d], -1), data.test_y[d]).to(DType::f64).to_vector();
    for (double& h : of) h *= 100;
    out.push_back(std::move(of));
  }
  return out;
}

double mean_of(const Hits& hits, size_t first, size_t last) {
  double sum = 0;
  for (size_t d = first; d < last; ++d) sum += experiment::mean(hits[d]);
  return sum / static_cast<double>(last - first);
}

double mean_of_unseen(const Hits& hits, const scenes::Recordings& data) {
  return mean_of(hits, static_cast<size_t>(data.seen), hits.size());
}

void add(const std::string& method, const std::string& metric, const Hits& hits, size_t first,
         size_t last, const scenes::Recordings& data, experiment::Outcome& out) {
  if (first >= last) return;
  out.scores.push_back({method, metric, mean_of(hits, first, last)});
  out.items.push_back({method, metric, items(hits, first, last, data.paired)});
}

void add_by_device(const std::string& method, const Hits& hits, const scenes::Recordings& data,
                   experiment::Outcome& out) {
  const auto seen = static_cast<size_t>(data.seen);
  add(method, "accuracy", hits, 0, hits.size(), data, out);
  add(method, "unseen", hits, seen, hits.size(), data, out);
  add(method, "seen", hits, 0, seen, data, out);
  for (size_t d = 0; d < hits.size() && hits.size() <= most_devices; ++d)
    out.scores.push_back({method, "on device " + data.devices[d], experiment::mean(hits[d])});
}

void add_figures(const std::string& method, const std::vector<Tensor>& logits, const Hits& hits,
                 const scenes::Recordings& data, experiment::Outcome& out) {
  std::string names;
  for (size_t d = 0; d < hits.size(); ++d)
    names += (d ? d == static_cast<size_t>(data.seen) ? " | " : ", " : "") + data.devices[d];
  experiment::Chart chart{"Accuracy by device, " + method,
                          "device, those of training first: " + names, "%"};
  experiment::Series points{method, {}, {}, experiment::Series::points};
  for (size_t d = 0; d < hits.size(); ++d)
    points.x.push_back(static_cast<double>(d + 1)), points.y.push_back(experiment::mean(hits[d]));
  chart.series.push_back(std::move(points));
  out.figures.push_back(std::move(chart));

  const size_t k = data.classes.size();
  std::vector<double> counts(k * k, 0.0);
  for (size_t d = 0; d < logits.size(); ++d) {
    const std::vector<int64_t> said = argmax(logits[d], -1).to_vector<int64_t>(),
                               truth = data.test_y[d].to_vector<int64_t>();
    for (size_t i = 0; i < said.size(); ++i)
      counts[static_cast<size_t>(truth[i]) * k + static_cast<size_t>(said[i])] += 1;
  }
  std::string caption =
      "row: the true class, column: what the net said, the shade is the share of the row. From the "
      "top and the left: ";
  for (size_t c = 0; c < k; ++c) caption += (c ? ", " : "") + data.classes[c];
  const auto n = static_cast<int64_t>(k);
  out.galleries.push_back({"Confusions on all devices, " + method,
                           {confusion_picture(tensor(counts, {n, n}, DType::f64), caption)}});
}

}  // namespace regrad::asc
