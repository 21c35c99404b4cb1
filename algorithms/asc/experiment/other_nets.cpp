#include <regrad/algorithms/asc/experiment/other_nets.h>
#include <regrad/engine/error.h>

namespace regrad::asc {
namespace {

template <class Net>
std::unique_ptr<experiment::Trial> trial(const Job& job, const Settings& s,
                                         const SceneBatches& batches, const Method& m, Net net) {
  const Random r = Random(job.seed) / "asc";
  const DType t = batches.data().train_x.dtype();
  SceneLearner<Net> learner{
      s,
      r,
      batches.per_epoch() * s.epochs,
      m.name,
      {FreqNormPlace(m.norm, m.lambda.value_or(s.lambda), 1, t), std::move(net)}};
  return std::make_unique<SceneTrial<Net>>(job, std::move(learner), SceneSet(batches, r),
                                           s.log_every);
}

}  // namespace

std::unique_ptr<experiment::Trial> other_net(const Job& job, const Settings& s,
                                             std::shared_ptr<const Recordings> data) {
  const Method& m = experiment::find_method(methods(), job.method);
  const Random init = Random(job.seed) / "asc" / "init";
  const int64_t classes = data->class_count();
  const DType t = data->train_x.dtype();
  const SceneBatches batches(std::move(data), s);
  switch (m.net) {
    case Backbone::bcresnet_8:
      return trial(
          job, s, batches, m,
          BcResnet(init,
                   {.tau = 8, .classes = classes, .bands = 4, .dropout = s.dropout, .dtype = t}));
    case Backbone::cp_resnet:
      return trial(job, s, batches, m,
                   CpResnet(init, {.rho = 7, .base_channels = 64, .classes = classes, .dtype = t}));
    case Backbone::cp_mobile:
      return trial(job, s, batches, m, CpMobile(init, {.classes = classes, .dtype = t}));
    case Backbone::asc: break;
  }
  throw ConfigError("other_net: " + job.method + " is BC-ResNet-ASC");
}

}  // namespace regrad::asc
