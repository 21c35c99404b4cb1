#include <algorithm>

#include <regrad/algorithms/cml/settings.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/error.h>

namespace regrad::cml {
namespace {

void need(bool holds, const char* what) {
  if (!holds) throw ConfigError(what);
}

}  // namespace

void check(const MetaSettings& s) {
  need(s.steps >= 1 && s.tasks >= 1 && s.inner_steps >= 0 && s.log_every >= 1,
       "steps, tasks and log-every must be at least 1, inner-steps at least 0");
  need(!s.shots.empty() && *std::min_element(s.shots.begin(), s.shots.end()) >= 1, "shots: at least one K, each at least 1");
  need(s.test_tasks >= 1 && s.test_chunk >= 1 && s.validation_tasks >= 1, "test-tasks, test-chunk and validation-tasks must be at least 1");
  need(s.lr > 0 && s.alpha >= 0 && s.gamma >= 0, "lr must be above 0, alpha and gamma not below 0");
  need(s.chunk >= 0 && s.last >= 0 && s.last_tasks >= 1, "chunk and last must not be below 0, last-tasks must be at least 1");
  const PlusPlusSettings& p = s.plus_plus;
  need(p.inner_steps >= 1 && p.epochs >= 1, "plus-plus.inner-steps and plus-plus.epochs must be at least 1");
  need(p.multi_step_epochs >= 0 && p.first_order_epochs >= 0, "plus-plus.multi-step-epochs and plus-plus.first-order-epochs must not be below 0");
  need(s.precision == "f32" || s.precision == "bf16", "precision must be f32 or bf16");
  need(s.precision == "f32" || bf16_available(), "precision: this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)");
  need(s.sharp.levels == "low" || s.sharp.levels == "up" || s.sharp.levels == "both", "sharp.levels must be low, up or both");
  need(s.sharp.inner_steps >= 0 && s.sharp.alpha_low >= 0 && s.sharp.alpha_up >= 0,
       "sharp.inner-steps, sharp.alpha-low and sharp.alpha-up must not be below 0");
}

}  // namespace regrad::cml
