#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/asc/experiment/scores.h>
#include <regrad/engine/functional.h>

namespace regrad::asc {
namespace {

using namespace experiment;

// Accuracy by device, and the confusions of all devices together.
void add_figures(const Job& job, const std::vector<Tensor>& logits, const Hits& hits,
                 const Recordings& data, Outcome& out) {
  out.figures.push_back(device_chart(job, hits, data));
  const int64_t k = data.class_count();
  const auto hot = [&](const Tensor& y) { return one_hot(y, k).to(DType::f64); };
  Tensor counts = zeros({k, k}, DType::f64);
  for (size_t d = 0; d < logits.size(); ++d)
    counts = counts + matmul(hot(data.test_y[d]).mT(), hot(argmax(logits[d], -1)));
  out.listings.push_back(
      confusions(counts, data.classes,
                 "Confusions on all devices, " + title_of(job) +
                     ": a row the true class, a column the net's answer, % of the row"));
}

}  // namespace

Hits hits_of(const std::vector<Tensor>& logits, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < logits.size(); ++d)
    out.push_back(experiment::hits_of(logits[d], data.test_y[d]));
  return out;
}

Hits log_losses(const std::vector<Tensor>& logits, const Recordings& data) {
  Hits out;
  for (size_t d = 0; d < logits.size(); ++d) {
    const Tensor p = log_softmax(logits[d].to(DType::f64), -1),
                 y = one_hot(data.test_y[d], data.class_count()).to(DType::f64);
    out.push_back((sum(p * y, {1}) * -1).to_vector());
  }
  return out;
}

void add(const Job& job, const std::string& metric, const Hits& values, size_t first, size_t last,
         const Recordings& data, Outcome& out) {
  if (first >= last) return;
  add_score(job, metric, experiment::mean_of(values, first, last), out);
  add_items(job, metric, by_clip(values, first, last, data.paired), out,
            groups_by_clip(data, first, last));
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

void add_scores(const Job& job, const std::vector<Tensor>& logits, const Recordings& data,
                Outcome& out) {
  const Hits hits = hits_of(logits, data), losses = log_losses(logits, data);
  const auto seen = static_cast<size_t>(data.seen);
  add_by_device(job, hits, data, out);
  add(job, "log loss", losses, 0, losses.size(), data, out);
  add(job, "log loss, unseen", losses, seen, losses.size(), data, out);
  add(job, "log loss, seen", losses, 0, seen, data, out);
  add_figures(job, logits, hits, data, out);
}

}  // namespace regrad::asc
