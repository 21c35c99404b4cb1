// Moving averages of a net's parameters: the target nets of BYOL, MoCo v3 and SDSSL, and averages
// for evaluation.
//
//   Net target = as_leaves(online, false);
//   target = moving_average(std::move(target), online, cosine_momentum(0.996, step, steps));
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <regrad/engine/ops.h>
#include <regrad/layers/params.h>

namespace regrad {

namespace detail {
// decay a + (1 - decay) b for each, without recording; ShapeError where they do not fit.
void average(std::vector<Tensor>& a, const std::vector<Tensor>& b, double decay);
}  // namespace detail

// average <- decay average + (1 - decay) net, parameter by parameter, without recording; the result
// requires no gradients. Buffers stay the average's own, as its forward passes left them; with
// copy_buffers they are the net's (PyTorch's AveragedModel). ShapeError where the nets differ;
// ConfigError where decay lies outside [0, 1].
template <class Net>
Net moving_average(Net average, const Net& net, double decay, bool copy_buffers = false) {
  std::vector<Tensor*> slots;
  std::vector<Tensor> mine;
  each(average, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer) return;
    slots.push_back(&t);
    mine.push_back(std::move(t));
  });
  detail::average(mine, parameters(net), decay);
  for (size_t i = 0; i < slots.size(); ++i) *slots[i] = std::move(mine[i]);
  if (!copy_buffers) return average;
  std::vector<Tensor> theirs;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (is_buffer) theirs.push_back(t);
  });
  size_t next = 0;
  each(average, [&](const std::string& name, Tensor& t, bool is_buffer) {
    if (!is_buffer) return;
    if (next >= theirs.size())
      throw ShapeError("moving_average: the net has no buffer '" + name + "'");
    t = theirs[next++];
  });
  return average;
}

// The decay of BYOL (Grill et al. 2020, section 3.2) and MoCo v3: 1 - (1 - base) (cos(pi step /
// steps) + 1) / 2, from base at step 0 to 1 at `steps` and after. ConfigError where step is below 0
// or steps below 1.
double cosine_momentum(double base, int64_t step, int64_t steps);

}  // namespace regrad
