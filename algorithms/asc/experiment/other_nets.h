// Rows of the nets that BC-ResNet-ASC is compared with, under its recipe: the training frame's
// trial (experiment/training/trial.h).
#pragma once

#include <regrad/algorithms/asc/experiment/batches.h>
#include <regrad/algorithms/asc/experiment/methods.h>
#include <regrad/algorithms/asc/experiment/scores.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/layers/nets/cp_mobile.h>
#include <regrad/layers/nets/cp_resnet.h>

namespace regrad::asc {

// f(net), the method's backbone at its initial values.
template <class F>
auto of_backbone(const Method& m, const Settings& s, int64_t classes, const Random& r, DType t,
                 F&& f) {
  switch (m.net) {
    case Backbone::bcresnet_8:
      return f(BcResnet(
          r, {.tau = 8, .classes = classes, .bands = 4, .dropout = s.dropout, .dtype = t}));
    case Backbone::cp_resnet:
      return f(CpResnet(r, {.rho = 7, .base_channels = 64, .classes = classes, .dtype = t}));
    case Backbone::cp_mobile: return f(CpMobile(r, {.classes = classes, .dtype = t}));
    case Backbone::asc: break;
  }
  return f(BcResnetAsc(r, {.tau = m.tau.value_or(s.tau), .classes = classes, .dtype = t}));
}

constexpr const char* behind_norm_net = "behind-norm";  // the metadata's `net`

// A net behind a norm over its input's frequencies.
template <class Net>
struct BehindNorm {
  FreqNormPlace norm;
  Net net;
  Tensor operator()(const Tensor& x, Context& ctx) const { return net(norm(x, ctx), ctx); }
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("norm", self.norm);
    part("net", self.net);
  }
};

class SceneSet {
 public:
  SceneSet(SceneBatches batches, const Random& r) : batches_(std::move(batches)), random_(r) {}
  int64_t batches() const { return batches_.per_epoch(); }
  SceneBatch batch(int64_t i) const { return batches_.at(i, random_ / "training"); }
  template <class Net>
  Moment curve(const Net& net) const {
    const auto v = validation_accuracy(net, batches_.data());
    return v ? Moment{{"validation accuracy", *v}} : Moment{};
  }
  template <class Net>
  void score(const Job& job, const Net& net, Outcome& out) const {
    add_scores(job, logits_by_device(net, batches_.data()), batches_.data(), out);
    if (const auto v = validation_accuracy(net, batches_.data()))
      experiment::add_score(job, "validation", *v, out);
  }

 private:
  SceneBatches batches_;
  Random random_;
};

template <class Net>
struct SceneLearner {
  Settings s;
  Random random;
  int64_t steps;
  Metadata facts;  // of the model's file
  BehindNorm<Net> net;
  Sgd::State sgd = Sgd{.momentum = s.momentum}.initial(parameters(net));

  Tensor learn(const SceneBatch& b, int64_t i) {
    Context ctx{.training = true, .random = random / "pass" / i};
    const Tensor loss = soft_cross_entropy(net(b.x, ctx), b.y);
    const BehindNorm<Net> g = grad(loss, net);
    net = update(experiment::sgd_at(s, i, steps, s.lr), commit(std::move(net), ctx), sgd, g);
    return loss.detach();
  }
  const BehindNorm<Net>& deployed() const { return net; }
  Metadata about() const { return facts; }
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
  }
};

template <class Net>
using SceneTrial = experiment::TrainTrial<SceneLearner<Net>, SceneSet>;

// ConfigError where the method's backbone is BC-ResNet-ASC.
std::unique_ptr<experiment::Trial> other_net(const Job& job, const Settings& settings,
                                             std::shared_ptr<const Recordings> data);

}  // namespace regrad::asc
