#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/schedule.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

void check(const char* schedule, int64_t step) {
  if (step < 0)
    throw ConfigError(std::string(schedule) + ": step " + std::to_string(step) + " is below 0");
}
void check(const char* schedule, int64_t step, const char* length_name, int64_t length) {
  check(schedule, step);
  if (length < 1)
    throw ConfigError(std::string(schedule) + ": " + length_name + " is " + std::to_string(length) +
                      "; it must be at least 1");
}

double share(int64_t step, int64_t length) {
  return std::min(1.0, static_cast<double>(step) / static_cast<double>(length));
}

int64_t climb_of(const char* schedule, int64_t steps, double share) {
  if (!(share >= 0 && share <= 1))
    throw ConfigError(std::string(schedule) + ": a share of " + decimal(share) +
                      "; it must be in [0, 1]");
  return static_cast<int64_t>(share * static_cast<double>(steps));
}

double line(double from, double to, double t) { return from + (to - from) * t; }
double half_cosine(double from, double to, double t) {
  return to + (from - to) * (1 + std::cos(t * 3.141592653589793)) / 2;
}

}  // namespace

double StepLr::operator()(int64_t step) const {
  check("StepLr", step, "step_size", step_size);
  return lr * std::pow(gamma, static_cast<double>(step / step_size));
}

double MultiStepLr::operator()(int64_t step) const {
  check("MultiStepLr", step);
  return lr * std::pow(gamma,
                       static_cast<double>(std::count_if(milestones.begin(), milestones.end(),
                                                         [step](int64_t m) { return m <= step; })));
}

double CosineAnnealingLr::operator()(int64_t step) const {
  check("CosineAnnealingLr", step, "t_max", t_max);
  return half_cosine(lr, eta_min, share(step, t_max));
}

double PolynomialLr::operator()(int64_t step) const {
  check("PolynomialLr", step, "total_iters", total_iters);
  return lr * std::pow(1 - share(step, total_iters), power);
}

double LinearLr::operator()(int64_t step) const {
  check("LinearLr", step, "total_iters", total_iters);
  return lr * line(start_factor, end_factor, share(step, total_iters));
}

double OneCycleLr::operator()(int64_t step) const {
  check("OneCycleLr", step, "total_steps", total_steps);
  const auto total = static_cast<double>(total_steps);
  const double start = max_lr / div_factor, last = start / final_div_factor,
               top = pct_start * total - 1;
  struct Phase {
    double end, from, to;
  };
  const std::vector<Phase> phases =
      three_phase ? std::vector<Phase>{{top, start, max_lr},
                                       {2 * top, max_lr, start},
                                       {total - 1, start, last}}
                  : std::vector<Phase>{{top, start, max_lr}, {total - 1, max_lr, last}};
  const double at = std::min(static_cast<double>(step), total - 1);
  double begin = 0;
  for (const Phase& p : phases) {
    if (at <= p.end || &p == &phases.back()) {
      const double t = p.end > begin ? (at - begin) / (p.end - begin) : 1;
      return linear ? line(p.from, p.to, t) : half_cosine(p.from, p.to, t);
    }
    begin = p.end;
  }
  return last;
}

Warmup<CosineAnnealingLr> cosine_with_warmup(double lr, int64_t steps, double share) {
  const int64_t climb = climb_of("cosine_with_warmup", steps, share);
  return {.steps = climb, .after = {.lr = lr, .t_max = std::max<int64_t>(1, steps - climb)}};
}

Warmup<PolynomialLr> linear_with_warmup(double lr, int64_t steps, double share) {
  const int64_t climb = climb_of("linear_with_warmup", steps, share);
  return {.steps = climb, .after = {.lr = lr, .total_iters = std::max<int64_t>(1, steps - climb)}};
}

}  // namespace regrad
