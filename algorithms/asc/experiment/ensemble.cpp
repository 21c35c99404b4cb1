#include <regrad/algorithms/asc/experiment/ensemble.h>
#include <regrad/engine/functional.h>

namespace regrad::asc {

Tensor joined(const std::vector<Tensor>& logits) {
  const NoGrad quiet;
  Tensor p = softmax(logits[0].to(DType::f64), -1);
  for (size_t k = 1; k < logits.size(); ++k) p = p + softmax(logits[k].to(DType::f64), -1);
  return log(p * (1 / static_cast<double>(logits.size())));
}

EnsembleTrial::EnsembleTrial(const Job& job, const Settings& settings,
                             const std::shared_ptr<const Recordings>& data)
    : job_(job), data_(data) {
  const int n = experiment::find_method(methods(), job.method).members;
  each_ = phases(settings, job.method, data->clips()).steps() / n;
  for (int k = 0; k < n; ++k)
    members_.push_back(std::make_unique<AscTrial>(job, settings, data, k));
}

Moment EnsembleTrial::step(int64_t i) {
  const int64_t k = i / each_;
  Moment m = members_[static_cast<size_t>(k)]->step(i % each_);
  for (auto& [name, value] : m) name = "net " + std::to_string(k + 1) + ": " + name;
  return m;
}

Outcome EnsembleTrial::finish() {
  std::vector<std::vector<Tensor>> by_device(data_->test_x.size());
  Outcome out;
  int64_t parameters = 0;
  for (const auto& member : members_) {
    const std::vector<Tensor> logits = logits_by_device(member->now().net, *data_);
    for (size_t d = 0; d < logits.size(); ++d) by_device[d].push_back(logits[d]);
    parameters += parameter_count(member->now().net);
  }
  std::vector<Tensor> all;
  for (const std::vector<Tensor>& logits : by_device) all.push_back(joined(logits));
  add_scores(job_, all, *data_, out);
  out.parameters.emplace_back(job_.method, parameters);
  return out;
}

void EnsembleTrial::state(const std::function<void(const std::string&, Tensor&)>& part) {
  for (size_t k = 0; k < members_.size(); ++k)
    members_[k]->state(
        [&](const std::string& name, Tensor& t) { part(std::to_string(k) + "." + name, t); });
}

}  // namespace regrad::asc
