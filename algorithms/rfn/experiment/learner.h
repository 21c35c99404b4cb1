// A method of the table as a learner of the training frame.
#pragma once

#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/algorithms/rfn/experiment/device_set.h>
#include <regrad/algorithms/rfn/experiment/measure.h>
#include <regrad/algorithms/rfn/experiment/nets.h>

namespace regrad::relaxed_norm {

// x moved by `step` along the gradient of the loss with respect to it, each of whose numbers is
// held to [-clip, clip] (0: not held); as a value.
template <class Loss>
Tensor moved(const Tensor& x, double step, double clip, const Loss& loss) {
  const Tensor leaf = x.detach().requires_grad_(), g = grad(loss(leaf), leaf);
  return (x + (clip > 0 ? clamp(g, -clip, clip) : g) * step).detach();
}

// Net: one of nets.h, of the clips' dtype.
template <class Net>
struct Learner {
  Method method;
  Settings s;
  Random random;
  int64_t steps;
  Net net, devices;  // devices: CrossGrad's device classifier
  Sgd::State sgd, device_sgd;
  Metadata facts;  // of the model's file

  Learner(const std::string& called, const Settings& settings, const Recordings& data,
          const Random& r)
      : method(experiment::find_method(methods(), called)),
        s(settings),
        random(r),
        steps(data.clips() / s.batch * s.epochs),
        net(net_for<Net>(method, s, data, data.class_count(), r / "init")),
        sgd(Sgd{.momentum = s.momentum}.initial(parameters(net))),
        facts(facts_of<Net>(method, s, data)) {
    if (!crosses()) return;
    devices = net_for<Net>(method, s, data, device_count(data), r / "device");
    device_sgd = Sgd{.momentum = s.momentum}.initial(parameters(devices));
  }

  Tensor learn(const RecordedBatch& b, int64_t i) {
    const Random r = random / "mix" / i;
    const MixStyle style{.p = s.mix_p, .alpha = s.mix_alpha};
    switch (method.change) {
      case Change::none: return plain(b.x, b.y, i);
      case Change::cross_grad: return across(b, i, s.cross_step, 0);
      case Change::clipped_cross_grad: return across(b, i, s.clipped_step, s.cross_clip);
      case Change::mix_style: return plain(mix_style(b.x, r, style), b.y, i);
      case Change::mix_style_inside:
        // Zhou et al. 2021: at the end of the first three of four stages
        return plain(b.x, b.y, i, [&](int64_t stage, const Tensor& map) {
          return stage < 3 ? mix_style(map, r / "stage" / stage, style) : map;
        });
      case Change::freq_mix_style:
        return plain(freq_mix_style(b.x, r, {.p = s.freq_mix_p, .alpha = s.freq_mix_alpha}), b.y,
                     i);
    }
    return {};
  }
  const Net& deployed() const { return net; }
  Metadata about() const { return facts; }
  void report(const Job& job, const DeviceSet& set, Outcome& out) const {
    if constexpr (has_stages<Net>)
      if (s.information && (method.where & measured) && set.data().seen > 1)
        measure_information(
            job, [&](const Tensor& x) { return maps_of(net, x); }, set.data(), out);
  }
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
    part("devices", self.devices);
    part("device_sgd", self.device_sgd);
  }

 private:
  bool crosses() const {
    return method.change == Change::cross_grad || method.change == Change::clipped_cross_grad;
  }

  Tensor plain(const Tensor& x, const Tensor& y, int64_t i, Context::AfterStage after = {}) {
    Context ctx{.training = true, .random = random / "pass" / i, .after_stage = std::move(after)};
    const Tensor loss = cross_entropy(net(x, ctx), y);
    const Net g = grad(loss, net);
    net = clip_bin(update(sgd_at(s, i, steps, s.lr), commit(std::move(net), ctx), sgd, g));
    return loss.detach();
  }

  // CrossGrad, Shankar et al. 2018: the label net gets inputs moved along the device loss's
  // gradient, the device net those moved along the label loss's.
  Tensor across(const RecordedBatch& b, int64_t i, double far, double clip) {
    const Random r = random / "pass" / i;
    const auto along = [&](const Net& of, const Tensor& y, const char* stream) {
      return moved(b.x, far, clip, [&](const Tensor& x) {
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
