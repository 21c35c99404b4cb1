// The recordings as a set of the training frame: batches of what seen devices recorded, accuracy by
// device.
#pragma once

#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/rfn/experiment/settings.h>
#include <regrad/datasets/audio/augment.h>

namespace regrad::relaxed_norm {

using experiment::Job, experiment::Moment, experiment::Outcome, experiment::RecordedBatch;
using experiment::Recordings;

// What CrossGrad's device net tells apart.
inline int64_t device_count(const Recordings& data) { return std::max<int64_t>(2, data.seen); }

class DeviceSet {
 public:
  DeviceSet(std::shared_ptr<const Recordings> data, const Settings& settings, const Random& r)
      : data_(std::move(data)), s_(settings), random_(r) {}

  int64_t batches() const { return data_->clips() / s_.batch; }
  // Clips in an order of its own each epoch: turned in time, masked, mixed. Labels are i64 [n];
  // mixed ones shares, [n,classes] and [n,devices].
  RecordedBatch batch(int64_t i) const {
    const Tensor order = argsort(
        uniform(random_ / "order" / (i / batches()), {data_->clips()}, 0, 1, DType::f64), 0);
    RecordedBatch b = batch_of(*data_, order, i % batches(), s_.batch);
    b.x = experiment::rolled(b.x, data_->front.mel, s_.roll, random_ / "roll" / i);
    if (s_.mask_mels > 0 || s_.mask_frames > 0)
      b.x = spec_augment(b.x, {.frequency_max = s_.mask_mels, .time_max = s_.mask_frames},
                         random_ / "mask" / i);
    return s_.mixup > 0 ? mixed(b, random_ / "mixup" / i) : b;
  }
  // Of the validation clips, which seen devices alone have recorded; nothing where there are none.
  template <class Net>
  Moment curve(const Net& net) const {
    const experiment::Hits hits = experiment::validation_hits_of(net, *data_);
    if (hits.empty()) return {};
    return {{"validation accuracy on seen devices", experiment::mean_of(hits, 0, hits.size())},
            {"validation accuracy on the source", experiment::mean_of(hits, 0, 1)}};
  }
  template <class Net>
  void score(const Job& job, const Net& net, Outcome& out) const {
    add_scores(job, experiment::hits_of(net, *data_), out);
  }
  const Recordings& data() const { return *data_; }

 private:
  // Clips, classes and devices by the same partners and shares.
  RecordedBatch mixed(const RecordedBatch& b, const Random& r) const {
    const int64_t classes = data_->class_count();
    const Tensor labels = cat({one_hot(b.y, classes), one_hot(b.device, device_count(*data_))}, 1);
    const Mixed m = mixup(b.x, labels.to(b.x.dtype()), s_.mixup, r);
    return {m.x, slice(m.y, 1, 0, classes).contiguous(),
            slice(m.y, 1, classes, m.y.size(1)).contiguous()};
  }

  // "source", "other seen" and "unseen", means over these devices, and "gap", from source to
  // unseen. By clip the same; where devices have clips of their own, all clips of such a group one
  // after the other, and no gap by clip.
  void add_scores(const Job& job, const experiment::Hits& hits, Outcome& out) const {
    using namespace experiment;
    const auto seen = static_cast<size_t>(data_->seen);
    const auto over = [&](const char* metric, size_t first, size_t last) {
      const std::vector<double> of = by_clip(hits, first, last, data_->paired);
      add_score(job, metric, mean_of(hits, first, last), out);
      add_items(job, metric, of, out, groups_by_clip(*data_, first, last));
      return of;
    };
    out.figures.push_back(device_chart(job, hits, *data_));
    if (seen == hits.size()) return void(over("source", 0, 1));
    const std::vector<double> unseen = over("unseen", seen, hits.size());
    over("source", 0, 1);
    if (seen > 1) over("other seen", 1, seen);
    add_score(job, "gap", mean_of(hits, 0, 1) - mean_of(hits, seen, hits.size()), out);
    if (!data_->paired) return;
    std::vector<double> gap = hits[0];
    for (size_t i = 0; i < gap.size(); ++i) gap[i] -= unseen[i];
    add_items(job, "gap", gap, out, groups_by_clip(*data_, 0, 1));
  }

  std::shared_ptr<const Recordings> data_;
  Settings s_;
  Random random_;
};

}  // namespace regrad::relaxed_norm
