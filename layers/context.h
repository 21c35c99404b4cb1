// What a forward pass is told beside its input, and what it reports back: training or not, a random
// stream, and batch statistics.
//
//   Context ctx{.training = true, .random = root / "step" / i};
//   Tensor loss = cross_entropy(net(x, ctx), y);
//       // batch norms report to ctx; nothing in net changes
//   net = commit(std::move(net), ctx);                  // running statistics move
#pragma once

#include <optional>
#include <vector>

#include <regrad/engine/functional.h>
#include <regrad/layers/params.h>

namespace regrad {

struct Context {
  bool training = false;
  std::optional<Random> random = {};  // dropout's; without one nothing is dropped

  // A buffer's next value: the one that holds now, and what a forward pass makes of it.
  struct Report {
    Tensor buffer, seen;
    double momentum;
  };
  std::vector<Report> reports = {};
};

// The net with its buffers moved by the reports, in their order: b <- (1 - momentum) b + momentum
// seen. Buffers are known by identity: copies of a net and at(net, ...) share them. Reports of
// several contexts (one a task) are committed one context after the other.
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
