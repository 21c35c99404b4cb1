#include <regrad/algorithms/rfn/experiment/learner.h>

namespace regrad::relaxed_norm {

using namespace experiment;

RecordedBatch DeviceSet::batch(int64_t i) const {
  const Tensor order =
      argsort(uniform(random_ / "order" / (i / batches()), {data_->clips()}, 0, 1, DType::f64), 0);
  RecordedBatch b = batch_of(*data_, order, i % batches(), s_.batch);
  b.x = rolled(b.x, data_->front.mel, s_.roll, random_ / "roll" / i);
  return b;
}

void DeviceSet::add_scores(const Job& job, const Hits& hits, Outcome& out) const {
  const auto seen = static_cast<size_t>(data_->seen);
  const auto add = [&](const char* metric, const std::vector<double>& of) {
    add_score(job, metric, mean(of), out);
    add_items(job, metric, of, out);
  };
  const auto over = [&](size_t first, size_t last) {
    return by_clip(hits, first, last, data_->paired);
  };
  out.figures.push_back(device_chart(job, hits, *data_));
  if (seen == hits.size()) return add("source", hits[0]);
  const std::vector<double> unseen = over(seen, hits.size());
  add("unseen", unseen);
  add("source", hits[0]);
  if (seen > 1) add("other seen", over(1, seen));
  if (!data_->paired) return add_score(job, "gap", mean(hits[0]) - mean(unseen), out);
  std::vector<double> gap = hits[0];
  for (size_t i = 0; i < gap.size(); ++i) gap[i] -= unseen[i];
  add("gap", gap);
}

}  // namespace regrad::relaxed_norm
