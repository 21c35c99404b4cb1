// A method of the table as a learner of the training frame, and the recordings as its set.
#pragma once

#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/rfn/experiment/measure.h>
#include <regrad/algorithms/rfn/experiment/methods.h>
#include <regrad/algorithms/rfn/experiment/pooled.h>
#include <regrad/algorithms/rfn/experiment/settings.h>
#include <regrad/datasets/audio/augment.h>

#include <type_traits>

namespace regrad::relaxed_norm {

using experiment::Job, experiment::Moment, experiment::Outcome, experiment::RecordedBatch;
using experiment::Recordings;

// What the seen devices recorded, in an order of its own each epoch; accuracy by device.
class DeviceSet {
 public:
  DeviceSet(std::shared_ptr<const Recordings> data, const Settings& settings, const Random& r)
      : data_(std::move(data)), s_(settings), random_(r) {}

  int64_t batches() const { return data_->clips() / s_.batch; }
  RecordedBatch batch(int64_t i) const {
    const Tensor order = argsort(
        uniform(random_ / "order" / (i / batches()), {data_->clips()}, 0, 1, DType::f64), 0);
    RecordedBatch b = batch_of(*data_, order, i % batches(), s_.batch);
    b.x = experiment::rolled(b.x, data_->front.mel, s_.roll, random_ / "roll" / i);
    return b;
  }
  // On the first three unseen devices, and on the source.
  template <class Net>
  Moment curve(const Net& net) const {
    const auto on_device = [&](size_t d) {
      return experiment::mean(experiment::hits_of(net, data_->test_x[d], data_->test_y[d]));
    };
    const auto first = static_cast<size_t>(data_->seen);
    std::vector<double> unseen;
    for (size_t d = first; d < std::min(first + 3, data_->test_x.size()); ++d)
      unseen.push_back(on_device(d));
    Moment m;
    if (!unseen.empty()) m.emplace_back("accuracy on unseen devices", experiment::mean(unseen));
    m.emplace_back("accuracy on the source", on_device(0));
    return m;
  }
  template <class Net>
  void score(const Job& job, const Net& net, Outcome& out) const {
    add_scores(job, experiment::hits_of(net, *data_), out);
  }
  const Recordings& data() const { return *data_; }

 private:
  // "source", "other seen" and "unseen", means over these devices, and "gap", from source to
  // unseen. By clip the same; where devices have clips of their own, all clips of such a group one
  // after the other, and no gap by clip.
  void add_scores(const Job& job, const experiment::Hits& hits, Outcome& out) const {
    using namespace experiment;
    const auto seen = static_cast<size_t>(data_->seen);
    const auto over = [&](const char* metric, size_t first, size_t last) {
      const std::vector<double> of = by_clip(hits, first, last, data_->paired);
      add_score(job, metric, data_->paired ? mean(of) : mean_of(hits, first, last), out);
      add_items(job, metric, of, out, groups_by_clip(*data_, first, last));
      return of;
    };
    out.figures.push_back(device_chart(job, hits, *data_));
    if (seen == hits.size()) return void(over("source", 0, 1));
    const std::vector<double> unseen = over("unseen", seen, hits.size());
    over("source", 0, 1);
    if (seen > 1) over("other seen", 1, seen);
    if (!data_->paired)
      return add_score(job, "gap", mean(hits[0]) - mean_of(hits, seen, hits.size()), out);
    std::vector<double> gap = hits[0];
    for (size_t i = 0; i < gap.size(); ++i) gap[i] -= unseen[i];
    add_score(job, "gap", mean(gap), out);
    add_items(job, "gap", gap, out, groups_by_clip(*data_, 0, 1));
  }

  std::shared_ptr<const Recordings> data_;
  Settings s_;
  Random random_;
};

// x moved by `step` along the gradient of the loss with respect to it, as a value.
template <class Loss>
Tensor moved(const Tensor& x, double step, const Loss& loss) {
  const Tensor leaf = x.detach().requires_grad_();
  return (x + grad(loss(leaf), leaf) * step).detach();
}

// Net: BcResnetAsc, or PooledNet, which has one norm and no information to measure. Of the clips'
// dtype.
template <class Net>
struct Learner {
  static constexpr bool pooled = std::is_same_v<Net, PooledNet>;
  Method method;
  Settings s;
  Random random;
  int64_t steps;
  Net net, devices;  // devices: CrossGrad's device classifier
  Sgd::State sgd, device_sgd;
  Metadata facts;  // of the model's file; none of a PooledNet

  Learner(const std::string& called, const Settings& settings, const Recordings& data,
          const Random& r)
      : method(experiment::find_method(methods(), called)),
        s(settings),
        random(r),
        steps(data.clips() / s.batch * s.epochs),
        net(net_of(data, data.class_count(), r / "init")),
        sgd(Sgd{.momentum = s.momentum}.initial(parameters(net))) {
    if constexpr (!pooled)
      facts = experiment::to_metadata(options(data, data.class_count()), data.front, data.classes);
    if (method.change != Change::cross_grad) return;
    devices = net_of(data, std::max<int64_t>(2, data.seen), r / "device");
    device_sgd = Sgd{.momentum = s.momentum}.initial(parameters(devices));
  }

  Tensor learn(const RecordedBatch& b, int64_t i) {
    const Random r = random / "mix" / i;
    switch (method.change) {
      case Change::none: return plain(b.x, b.y, i);
      case Change::cross_grad: return across(b, i);
      case Change::mix_style:
        return plain(mix_style(b.x, r, {.p = s.mix_p, .alpha = s.mix_alpha}), b.y, i);
      case Change::freq_mix_style:
        return plain(freq_mix_style(b.x, r, {.p = s.freq_mix_p, .alpha = s.freq_mix_alpha}), b.y,
                     i);
    }
    return {};
  }
  const Net& deployed() const { return net; }
  Metadata about() const { return facts; }
  void report(const Job& job, const DeviceSet& set, Outcome& out) const {
    if constexpr (!pooled)
      if (s.information && (method.where & measured) && set.data().seen > 1)
        measure_information(job, net, set.data(), out);
  }
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
    part("devices", self.devices);
    part("device_sgd", self.device_sgd);
  }

 private:
  BcResnetAscOptions options(const Recordings& data, int64_t classes) const {
    return {.tau = s.tau,
            .classes = classes,
            .norm = method.norm,
            .lambda = method.lambda,
            .input_only = method.input_only,
            .dropout = s.dropout,
            .dtype = data.train_x.dtype()};
  }
  Net net_of(const Recordings& data, int64_t classes, const Random& r) const {
    Net out;
    if constexpr (pooled)
      out = Net(r, {.mels = data.front.mel.mels,
                    .classes = classes,
                    .norm = method.norm,
                    .lambda = method.lambda,
                    .dtype = data.train_x.dtype()});
    else
      out = Net(r, options(data, classes));
    if (method.norm == FreqNorm::global) {
      FreqStatistics seen;
      seen.add(data.train_x);
      out.norms[0].global = seen.norm(data.train_x.dtype());
    }
    return out;
  }

  Tensor plain(const Tensor& x, const Tensor& y, int64_t i) {
    Context ctx{.training = true, .random = random / "pass" / i};
    const Tensor loss = cross_entropy(net(x, ctx), y);
    const Net g = grad(loss, net);
    net = clip_bin(update(sgd_at(s, i, steps, s.lr), commit(std::move(net), ctx), sgd, g));
    return loss.detach();
  }

  // CrossGrad, Shankar et al. 2018: the label net gets inputs moved along the device loss's
  // gradient, the device net those moved along the label loss's.
  Tensor across(const RecordedBatch& b, int64_t i) {
    const Random r = random / "pass" / i;
    const auto along = [&](const Net& of, const Tensor& y, const char* stream) {
      return moved(b.x, s.cross_step, [&](const Tensor& x) {
        Context ctx{.training = true, .random = r / stream};
        return cross_entropy(of(x, ctx), y);
      });
    };
    const Tensor x_d = along(devices, b.device, "device"), x_l = along(net, b.y, "label");
    const double a = s.cross_share;
    const auto step = [&](Net& of, Sgd::State& state, const Tensor& other, const Tensor& y,
                          const char* stream) {
      Context ctx{.training = true, .random = r / stream},
          moved_ctx{.training = true, .random = r / stream / "moved"};
      const Tensor loss =
          cross_entropy(of(b.x, ctx), y) * (1 - a) + cross_entropy(of(other, moved_ctx), y) * a;
      const Net g = grad(loss, of);
      of = update(sgd_at(s, i, steps, s.lr), commit(std::move(of), ctx), state, g);
      return loss.detach();
    };
    const Tensor loss = step(net, sgd, x_d, b.y, "label step");
    step(devices, device_sgd, x_l, b.device, "device step");
    return loss;
  }
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
