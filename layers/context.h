// What a forward pass takes beside its input, and what it reports back: training or not, a random
// stream, how its steps are evaluated, and batch statistics.
//
//   Context ctx{.training = true, .random = root / "step" / i};
//   Tensor loss = cross_entropy(net(x, ctx), y);
//       // batch norms report to ctx; nothing in net changes
//   net = commit(std::move(net), ctx);                  // running statistics move
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/params.h>

namespace regrad {

// A step of a forward pass as Context::evaluate gets it: a layer with its parameters, or an op that
// nets report (steps.h).
struct Step {
  enum Kind {
    conv,
    linear,
    norm,
    relu,
    add,
    max_pool,
    mean,
    subsample,
    flatten,
    silu,
    mean_rows,
    broadcast
  } kind;
  Tensor x;
  Tensor weight = {}, bias = {};     // conv, linear, norm; bias may be undefined
  ConvOptions options = {};          // conv
  BatchStatistics running = {};      // norm: undefined where it has none
  BatchNormOptions after = {};       // norm: eps, and what happens in the same pass
  int64_t bands = 1;                 // norm: of frequencies (SubSpectralNorm)
  Tensor other = {};                 // add; broadcast: the residual, or undefined
  Tensor row = {};                   // broadcast
  Window window = {};                // max_pool
  int64_t stride = 1, channels = 0;  // subsample
};

struct Context {
  bool training = false;
  std::optional<Random> random = {};  // dropout's; without one nothing is dropped

  // Where set, each step's value is what this returns: what `plain` computes, or something else in
  // its place (quantize.h), noted or not (export.h).
  using Evaluate = std::function<Tensor(const Step& step, const std::function<Tensor()>& plain)>;
  Evaluate evaluate = {};

  // Where set, the map at the end of stage 0, 1, .. of a net that has stages is what this returns
  // (MixStyle inside a net). Nets that call it: nets/bcresnet.h.
  using AfterStage = std::function<Tensor(int64_t stage, const Tensor& map)>;
  AfterStage after_stage = {};

  // A buffer's next value: the one that holds now, and what a forward pass makes of it.
  struct Report {
    Tensor buffer, seen;
    double momentum;
  };
  std::vector<Report> reports = {};
};

// plain(), or what ctx.evaluate makes of step().
template <class MakeStep, class Plain>
Tensor evaluated(Context& ctx, MakeStep&& step, Plain&& plain) {
  return ctx.evaluate ? ctx.evaluate(step(), plain) : plain();
}

// net(x, ctx), not in training.
template <class Net, class... X>
Tensor out_of_training(const Net& net, const X&... x) {
  Context ctx;
  return net(x..., ctx);
}

// The net with its buffers moved by the reports, in their order: b <- (1 - momentum) b + momentum
// seen. Buffers are matched by identity: copies of a net and at(net, ...) share them. Reports of
// several contexts (one per task) are committed one context after the other.
template <class Net>
Net commit(Net net, const Context& ctx) {
  const NoGrad quiet;
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (!is_buffer) return;
    const Tensor before = t;
    for (const Context::Report& r : ctx.reports)
      if (r.buffer.node() == before.node()) t = t * (1 - r.momentum) + r.seen * r.momentum;
  });
  return net;
}

}  // namespace regrad
