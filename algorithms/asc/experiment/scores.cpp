#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/asc/experiment/scores.h>
#include <regrad/engine/ops.h>

namespace regrad::asc {

Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < logits.size(); ++d)
    out.push_back(experiment::hits_of(logits[d], data.test_y[d]));
  return out;
}

void add(const Job& job, const std::string& metric, const Hits& hits, size_t first, size_t last,
         const Recordings& data, Outcome& out) {
  if (first >= last) return;
  add_score(job, metric, experiment::mean_of(hits, first, last), out);
  add_items(job, metric, experiment::by_clip(hits, first, last, data.paired), out);
}

void add_by_device(const Job& job, const Hits& hits, const Recordings& data, Outcome& out) {
  constexpr size_t most = 12;
  const auto seen = static_cast<size_t>(data.seen);
  add(job, "accuracy", hits, 0, hits.size(), data, out);
  add(job, "unseen", hits, seen, hits.size(), data, out);
  add(job, "seen", hits, 0, seen, data, out);
  for (size_t d = 0; d < hits.size() && hits.size() <= most; ++d)
    add_score(job, "on device " + data.devices[d], experiment::mean(hits[d]), out);
}

void add_figures(const Job& job, const std::vector<Tensor>& logits, const Hits& hits,
                 const Recordings& data, Outcome& out) {
  out.figures.push_back(device_chart(job, hits, data));
  const size_t k = data.classes.size();
  std::vector<double> counts(k * k, 0.0);
  for (size_t d = 0; d < logits.size(); ++d) {
    const std::vector<int64_t> guess = argmax(logits[d], -1).to_vector<int64_t>(),
                               truth = data.test_y[d].to_vector<int64_t>();
    for (size_t i = 0; i < guess.size(); ++i)
      counts[static_cast<size_t>(truth[i]) * k + static_cast<size_t>(guess[i])] += 1;
  }
  const std::string caption =
      "row: the true class, column: the net's answer, the shade is the share of the row. From the "
      "top and the left: " +
      experiment::joined(data.classes, ", ");
  const auto n = static_cast<int64_t>(k);
  out.galleries.push_back({"Confusions on all devices, " + title_of(job),
                           {confusion_picture(tensor(counts, {n, n}, DType::f64), caption)}});
}

}  // namespace regrad::asc
