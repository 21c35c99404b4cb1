#include <algorithm>

#include <regrad/algorithms/cml/experiment/settings.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/error.h>

namespace regrad::cml {

void check(const MetaSettings& s) {
  MetaSettings copy = s;
  for (const experiment::Field& field : experiment::fields(copy))
    if (const std::string what = experiment::out_of_range(field); !what.empty())
      throw ConfigError(what);
  need(!s.shots.empty(), "shots: at least one K");
  need(s.precision == "f32" || s.precision == "bf16", "precision must be f32 or bf16");
  need(s.precision == "f32" || bf16_available(),
       "precision: this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)");
  need(s.sharp.levels == "low" || s.sharp.levels == "up" || s.sharp.levels == "both",
       "sharp.levels must be low, up or both");
}

double mlp_parameters(const std::vector<double>& sizes) {
  double n = 0;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) n += (sizes[i] + 1) * sizes[i + 1];
  return n;
}

std::vector<experiment::Need> needs_of(const MetaSettings& s, const TaskSize& t) {
  const double tasks = s.tasks, together = s.chunk > 0 ? std::min<double>(s.chunk, tasks) : tasks,
               item = sizeof(float);
  const double examples = t.support + t.query, test = std::min<double>(s.test_chunk, s.test_tasks),
               tested = t.support + t.test_query;
  return {
      experiment::trained(t.parameters, 2, "Adam's averages"),
      {item * tasks * examples * t.inputs, "the examples of a batch of tasks"},
      {item * together * ((s.inner_steps > 0 ? t.parameters : 0) + examples * t.activations),
       "the tasks that are adapted at once"},
      {item * test * ((s.inner_steps > 0 ? t.parameters : 0) + tested * (t.inputs + t.activations)),
       "the test tasks of a chunk"},
      {sizeof(double) * static_cast<double>(s.test_tasks), "the scores of the test tasks"},
      {2 * sizeof(double) * std::min<double>(s.last, s.steps / s.log_every),
       "the last points of the learning curve"}};
}

}  // namespace regrad::cml
