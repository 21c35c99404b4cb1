#include <regrad/algorithms/sdssl/evaluation.h>
#include <regrad/algorithms/sdssl/experiment/measure.h>
#include <regrad/algorithms/sdssl/experiment/model.h>
#include <regrad/algorithms/sdssl/experiment/trial.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/serialize.h>

#include <cmath>

namespace regrad::sdssl {

using namespace experiment;

std::vector<ViewRecipe> recipes(const Settings& s) {
  std::vector<ViewRecipe> out =
      s.blur ? std::vector{first_view(0), second_view(0)} : std::vector{small_view(), small_view()};
  for (ViewRecipe& r : out) r.crop.scale_low = s.scale;
  return out;
}

int64_t steps_of(const Row& row, const Settings& s) { return row.trained ? s.steps : 1; }

SdsslTrial::SdsslTrial(const Job& job, const Settings& s, std::shared_ptr<const Images> images)
    : job_(job),
      s_(s),
      row_(row(job.method)),
      images_(std::move(images)),
      loader_(loader_of(*images_, Split::train, s.train, Random(job.seed) / "loader",
                        {.batch = s.batch, .drop_last = true, .views = recipes(s)})) {
  learner_ = Learner(Random(job.seed) / "learner", options(row_, s),
                     vit(s, images_->side(), images_->channels()), steps_of(row_, s), training(s));
}

Moment SdsslTrial::step(int64_t i) {
  if (!row_.trained) return {};
  const int64_t each = loader_.batches();
  const auto drawn = [&] {
    const ProfileScope scope("data");
    return loader_.at(i / each, i % each);
  };
  const Batch b = drawn();
  const double loss = learner_.learn(b.views[0], b.views[1], i);
  if ((i + 1) % s_.log_every != 0 && i + 1 != s_.steps) return {};
  return {{"training loss", loss},
          {"effective rank of keys", effective_rank(learner_.keys)},
          {"deviation of keys", spread(learner_.keys).deviation}};
}

const Vit& SdsslTrial::judged() const {
  return s_.by_target && learner_.options.has_target() ? learner_.teacher.net
                                                       : learner_.student.net;
}

Outcome SdsslTrial::finish() {
  Outcome out;
  if (row_.pixels) {
    measure_pixels(job_, *images_, s_, out);
    out.parameters.emplace_back(job_.method, 0);
    return out;
  }
  measure(job_, judged(), *images_, s_, out);
  if (row_.trained) add_score(job_, "effective rank of keys", effective_rank(learner_.keys), out);
  out.parameters.emplace_back(job_.method, parameter_count(judged()));
  return out;
}

void SdsslTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  if (!row_.trained) return;
  each(learner_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
  // of the last step, so that a run that is resumed behind it reports it too
  if (!learner_.keys.defined()) learner_.keys = zeros({2 * s_.batch, s_.projection});
  part("keys", learner_.keys);
}

std::vector<NamedTensor> SdsslTrial::model() const {
  return row_.pixels ? std::vector<NamedTensor>() : named_tensors(judged());
}

Metadata SdsslTrial::about() const {
  Metadata out = to_metadata(Model{judged(), images_->mean, images_->deviation});
  out["class_names"] = joined(images_->classes(), "\n");
  return out;
}

}  // namespace regrad::sdssl
