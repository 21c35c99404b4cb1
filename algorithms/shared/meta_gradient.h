// The outer gradient of a batch of tasks: at once, or in chunks of tasks that run side by side on
// the pool's threads.
//
//   const auto [g, loss] = gradient_by_chunks(net, batch, 5, [&](const auto& w, const TaskBatch&
//       part) {
//     return maml::objective(w, rule, mse_loss_by_task, part);
//   });
//   net = update(adam, std::move(net), state, g);
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include <regrad/algorithms/shared/episodes.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/params.h>

namespace regrad {

// A gradient for an outer step: of the shape of its net, plain values.
template <class Net>
struct MetaGradient {
  Net gradient;
  Tensor loss;  // at the net itself, a scalar without a graph
};

// grad f(net), f: net -> scalar.
template <class Net, class F>
MetaGradient<Net> plain_gradient(const Net& net, F&& f) {
  const Net here = as_leaves(net);
  const Tensor loss = f(here);
  return {grad(loss, here), loss.detach()};
}

// Tasks [first, last) of a batch.
inline TaskBatch tasks_of(const TaskBatch& batch, int64_t first, int64_t last) {
  const auto part = [&](const Tensor& t) { return slice(t, 0, first, last); };
  return {part(batch.support_x), part(batch.support_y), part(batch.query_x), part(batch.query_y)};
}

// The same as plain_gradient for f(net, batch), a mean over the batch's tasks: each `chunk`
// neighbouring tasks are a graph of their own, weighted by their share of the batch and added in
// their order, so the bits depend on `chunk` but not on the threads. A chunk is one more walk
// through all ops and small kernels: it pays where the work on a chunk's tasks is well above that.
// f is called from several threads at once; it may read shared tensors and must write nothing
// shared. f may take a third argument, the chunk's number. ConfigError: chunk below 1; ShapeError:
// a batch without tasks.
template <class Net, class F>
MetaGradient<Net> gradient_by_chunks(const Net& net, const TaskBatch& batch, int64_t chunk, F&& f) {
  const int64_t tasks = batch.tasks();
  if (chunk < 1)
    throw ConfigError("gradient_by_chunks: chunks of " + std::to_string(chunk) +
                      " tasks; at least 1");
  if (tasks == 0) throw ShapeError("gradient_by_chunks: a batch without tasks");
  const int64_t chunks = (tasks + chunk - 1) / chunk;
  std::vector<MetaGradient<Net>> parts(static_cast<size_t>(chunks));
  parallel_for(chunks, [&](int64_t c) {
    const int64_t first = c * chunk, last = std::min(tasks, first + chunk);
    const double share = static_cast<double>(last - first) / static_cast<double>(tasks);
    const TaskBatch part = chunks == 1 ? batch : tasks_of(batch, first, last);
    parts[static_cast<size_t>(c)] = plain_gradient(net, [&](const Net& w) {
      Tensor loss;
      if constexpr (std::is_invocable_v<F&, const Net&, const TaskBatch&, int64_t>) {
        loss = f(w, part, c);
      } else {
        loss = f(w, part);
      }
      return chunks == 1 ? loss : share * loss;
    });
  });
  std::vector<Tensor> total = parameters(parts[0].gradient);
  Tensor loss = parts[0].loss;
  for (size_t c = 1; c < parts.size(); ++c) {
    const std::vector<Tensor> g = parameters(parts[c].gradient);
    for (size_t i = 0; i < total.size(); ++i) total[i] = std::move(total[i]) + g[i];
    loss = loss + parts[c].loss;
  }
  return {at(std::move(parts[0].gradient), total), loss};
}

}  // namespace regrad
