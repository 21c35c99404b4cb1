// Step sizes as pure functions of the step, 0 being the first: lr(step). Values are PyTorch's
// torch.optim.lr_scheduler, whose names these have.
//
//   const Warmup<CosineAnnealingLr> lr{
//       .steps = 500, .after = {.lr = 1e-3, .eta_min = 1e-5, .t_max = 10000}};
//   net = update(with_lr(adam, lr(step)), std::move(net), state, g);
//
// Each throws ConfigError for a step below 0, and for lengths below 1.
#pragma once

#include <cstdint>
#include <vector>

namespace regrad {

// lr gamma^floor(step / step_size)
struct StepLr {
  double lr = 0.1;
  int64_t step_size = 30;
  double gamma = 0.1;
  double operator()(int64_t step) const;
};

// lr gamma^(number of milestones that step has reached). Milestones in any order; one given twice
// counts twice.
struct MultiStepLr {
  double lr = 0.1;
  std::vector<int64_t> milestones = {};
  double gamma = 0.1;
  double operator()(int64_t step) const;
};

// From lr at step 0 to the floor eta_min at t_max, along half a cosine (Loshchilov and Hutter 2017,
// eq. 5). Later steps stay at the floor, where PyTorch's climb again.
struct CosineAnnealingLr {
  double lr = 0.1, eta_min = 0;
  int64_t t_max = 100;
  double operator()(int64_t step) const;
};

// lr (1 - step / total_iters)^power, 0 from total_iters on.
struct PolynomialLr {
  double lr = 0.1;
  int64_t total_iters = 5;
  double power = 1;
  double operator()(int64_t step) const;
};

// lr times a factor that goes from start_factor to end_factor in a straight line over total_iters
// steps, and stays there.
struct LinearLr {
  double lr = 0.1, start_factor = 1.0 / 3, end_factor = 1;
  int64_t total_iters = 5;
  double operator()(int64_t step) const;
};

// One cycle (Smith and Topin 2018; PyTorch's form): from max_lr / div_factor up to max_lr during
// the first pct_start of the steps, then down to max_lr / div_factor / final_div_factor at the
// last, step total_steps - 1, where later ones stay. three_phase: down as long as up, to the start,
// and only then to the end. By cosines, or by straight lines with `linear`. Momentum is not cycled.
struct OneCycleLr {
  double max_lr = 0.1;
  int64_t total_steps = 100;
  double pct_start = 0.3, div_factor = 25, final_div_factor = 1e4;
  bool linear = false, three_phase = false;
  double operator()(int64_t step) const;
};

// From start_factor after(0) up to after(0) in a straight line over `steps` steps, then
// after(step - steps): PyTorch's SequentialLR([LinearLR, after], milestones=[steps]).
template <class After>
struct Warmup {
  int64_t steps = 0;
  After after = {};
  double start_factor = 0;
  double operator()(int64_t step) const {
    if (step >= steps) return after(step - steps);
    return LinearLr{.lr = after(0), .start_factor = start_factor, .total_iters = steps}(step);
  }
};

// From 0 up to lr over the first floor(share steps) of `steps`, then along half a cosine to 0 where
// they end. ConfigError: share outside [0, 1].
Warmup<CosineAnnealingLr> cosine_with_warmup(double lr, int64_t steps, double share);
// The same, but in a straight line down to 0: how BERT is fine-tuned (Devlin et al. 2019).
Warmup<PolynomialLr> linear_with_warmup(double lr, int64_t steps, double share);

}  // namespace regrad
