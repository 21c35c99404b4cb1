#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/asc/experiment/scores.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/engine/ops.h>

namespace regrad::asc {
namespace {

constexpr size_t most_devices = 12;

// "resnorm", or "resnorm, sd4" of one variant among several.
std::string title_of(const experiment::Job& job) {
  return job.method + (job.variant.empty() ? "" : ", " + job.variant);
}

}  // namespace

Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < logits.size(); ++d)
    out.push_back(experiment::hits_of(logits[d], data.test_y[d]));
  return out;
}

double mean_of_unseen(const Hits& hits, const Recordings& data) {
  return experiment::mean_of(hits, static_cast<size_t>(data.seen), hits.size());
}

void add(const experiment::Job& job, const std::string& metric, const Hits& hits, size_t first,
         size_t last, const Recordings& data, experiment::Outcome& out) {
  if (first >= last) return;
  const std::string named = experiment::on(metric, job.variant);
  out.scores.push_back({job.method, named, experiment::mean_of(hits, first, last)});
  out.items.push_back({job.method, named, experiment::by_clip(hits, first, last, data.paired)});
}

void add_by_device(const experiment::Job& job, const Hits& hits, const Recordings& data,
                   experiment::Outcome& out) {
  const auto seen = static_cast<size_t>(data.seen);
  add(job, "accuracy", hits, 0, hits.size(), data, out);
  add(job, "unseen", hits, seen, hits.size(), data, out);
  add(job, "seen", hits, 0, seen, data, out);
  for (size_t d = 0; d < hits.size() && hits.size() <= most_devices; ++d)
    out.scores.push_back({job.method, experiment::on("on device " + data.devices[d], job.variant),
                          experiment::mean(hits[d])});
}

void add_figures(const experiment::Job& job, const std::vector<Tensor>& logits, const Hits& hits,
                 const Recordings& data, experiment::Outcome& out) {
  out.figures.push_back(
      experiment::device_chart("Accuracy by device, " + title_of(job), job.method, hits, data));
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
