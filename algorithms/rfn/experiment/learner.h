// A method of the table as a learner of the training frame, and the recordings as its set.
#pragma once

#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/rfn/experiment/methods.h>
#include <regrad/algorithms/rfn/experiment/pooled.h>
#include <regrad/algorithms/rfn/experiment/settings.h>

namespace regrad::relaxed_norm {

using experiment::Job, experiment::Moment, experiment::Outcome, experiment::RecordedBatch;
using experiment::Recordings;

// What the seen devices recorded, in an order of its own each epoch; accuracy by device.
class DeviceSet {
 public:
  DeviceSet(std::shared_ptr<const Recordings> data, const Settings& settings, const Random& r)
      : data_(std::move(data)), s_(settings), random_(r) {}

  int64_t batches() const { return data_->clips() / s_.batch; }
  RecordedBatch batch(int64_t i) const;
  // On the first three unseen devices, and on the source.
  template <class Net>
  Moment curve(const Net& net) const {
    return curve_of(
        [&](size_t d) { return experiment::hits_of(net, data_->test_x[d], data_->test_y[d]); });
  }
  // By clip: "source", "other seen" and "unseen", the mean over these devices, and "gap", from
  // source to unseen. Where devices have clips of their own, all clips of such a group one after
  // the other, and no gap by clip.
  template <class Net>
  void score(const Job& job, const Net& net, experiment::Outcome& out) const {
    add_scores(job, experiment::hits_of(net, *data_), out);
  }
  const Recordings& data() const { return *data_; }

 private:
  Moment curve_of(const std::function<std::vector<double>(size_t device)>& hits) const;
  void add_scores(const Job& job, const experiment::Hits& hits, Outcome& out) const;

  std::shared_ptr<const Recordings> data_;
  Settings s_;
  Random random_;
};

// Net: BcResnetAsc, or PooledNet, which has one norm and no information to measure.
template <class Net>
struct Learner {
  Method method;
  Settings s;
  Random random;
  int64_t steps;
  Net net, devices;  // devices: CrossGrad's device classifier
  Sgd::State sgd, device_sgd;
  Metadata facts;  // of the model's file; none of a PooledNet

  Learner(const std::string& called, const Settings& settings, const Recordings& data,
          const Random& r);
  Tensor learn(const RecordedBatch& b, int64_t i);
  const Net& deployed() const { return net; }
  Metadata about() const { return facts; }
  void report(const Job& job, const DeviceSet& set, experiment::Outcome& out) const;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
    part("devices", self.devices);
    part("device_sgd", self.device_sgd);
  }

 private:
  Tensor plain(const RecordedBatch& b, int64_t i);
  Tensor across(const RecordedBatch& b, int64_t i);  // CrossGrad
};

// One method with one seed on one kind of devices.
template <class Net>
using RfnTrial = experiment::TrainTrial<Learner<Net>, DeviceSet>;
template <class Net>
RfnTrial<Net> trial(const Job& job, const Settings& s,
                    const std::shared_ptr<const Recordings>& data) {
  const Random r = Random(job.seed) / "rfn";
  return {job, Learner<Net>(job.method, s, *data, r), DeviceSet(data, s, r), s.log_every};
}

}  // namespace regrad::relaxed_norm
