// One arm with one seed on one set of devices: training on what the seen devices recorded, accuracy
// by device.
#pragma once

#include <regrad/algorithms/rfn/arms.h>
#include <regrad/algorithms/rfn/pooled.h>
#include <regrad/algorithms/rfn/settings.h>
#include <regrad/algorithms/scenes/recordings.h>
#include <regrad/layers/optim.h>

#include <memory>
#include <type_traits>

namespace regrad::relaxed_norm {

// Net: BcResnetAsc, or PooledNet, which has one norm and no information to measure.
template <class Net>
class RfnTrial : public experiment::Trial {
 public:
  RfnTrial(const experiment::Job& job, const Settings& settings,
           std::shared_ptr<const scenes::Recordings> data);

  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;

  int64_t batches() const { return data_->train_x.size(0) / s_.batch; }
  int64_t steps() const { return batches() * s_.epochs; }

 private:
  struct Step {
    Tensor x, y, device;
    int64_t i;
  };
  Step batch(int64_t i) const;
  double lr(int64_t i) const;
  Tensor train(const Step& s);
  Tensor train_across(const Step& s);              // CrossGrad
  std::vector<double> right(size_t device) const;  // 100 or 0 a test clip
  std::vector<std::vector<double>> all_right() const;
  void score(const std::vector<std::vector<double>>& right, experiment::Outcome& out) const;
  void measure_information(
      experiment::Outcome& out) const requires std::is_same_v<Net, BcResnetAsc>;

  const experiment::Job job_;
  const Arm arm_;
  const Settings s_;
  const std::shared_ptr<const scenes::Recordings> data_;
  const Random random_;
  Net net_, devices_;  // devices_: CrossGrad's device classifier
  Sgd::State sgd_, device_sgd_;
};

}  // namespace regrad::relaxed_norm
