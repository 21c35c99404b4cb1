#include <regrad/algorithms/asc/experiment/other_nets.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/engine/error.h>

namespace regrad::asc {
namespace {

template <class Net>
std::unique_ptr<experiment::Trial> trial(const Job& job, const Settings& s,
                                         const SceneBatches& batches, const Method& m, Net net) {
  const Random r = Random(job.seed) / "asc";
  const Recordings& data = batches.data();
  const DType t = data.train_x.dtype();
  const double lambda = m.lambda.value_or(s.lambda);
  Metadata facts = experiment::to_metadata({.norm = m.norm, .lambda = lambda}, data.front,
                                           data.classes, behind_norm_net);
  facts["backbone"] = m.name;
  SceneLearner<Net> learner{s,
                            r,
                            batches.per_epoch() * s.epochs,
                            std::move(facts),
                            {FreqNormPlace(m.norm, lambda, 1, t), std::move(net)}};
  return std::make_unique<SceneTrial<Net>>(job, std::move(learner), SceneSet(batches, r),
                                           s.log_every);
}

}  // namespace

std::unique_ptr<experiment::Trial> other_net(const Job& job, const Settings& s,
                                             std::shared_ptr<const Recordings> data) {
  const Method& m = experiment::find_method(methods(), job.method);
  experiment::need(m.net != Backbone::asc, "other_net: " + job.method + " is BC-ResNet-ASC");
  const int64_t classes = data->class_count();
  const DType t = data->train_x.dtype();
  const SceneBatches batches(std::move(data), s);
  return of_backbone(m, s, classes, Random(job.seed) / "asc" / "init", t,
                     [&](auto net) { return trial(job, s, batches, m, std::move(net)); });
}

}  // namespace regrad::asc
