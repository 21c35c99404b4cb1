#include <regrad/algorithms/ppp/ppp.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

namespace regrad::ppp {

Tensor rate_loss(const Tensors& h, double target) {
  if (h.empty()) throw ConfigError("ppp: a rate of no gates");
  Tensor all;
  for (const Tensor& of : h) {
    const Tensor l = square(target - mean(of));
    all = all.defined() ? all + l : l;
  }
  return all / static_cast<double>(h.size());
}

Tensor prototype_loss(const Tensors& pi, int64_t persons) {
  if (pi.empty()) throw ConfigError("ppp: a prototype of no gates");
  Tensor all;
  int64_t count = 0;
  for (const Tensor& of : pi) {
    if (persons < 1 || of.size(0) % persons)
      throw ShapeError("ppp: " + std::to_string(of.size(0)) + " examples are not those of " +
                       std::to_string(persons) + " persons, equally many of each");
    const Tensor by = reshape(of, {persons, of.size(0) / persons, of.size(1)}),
                 l = sum(square(by - stop_gradient(mean(by, {1}, true))));
    all = all.defined() ? all + l : l;
    count += of.numel();
  }
  return all / static_cast<double>(count);
}

Loss loss(const GatedNet& net, const PersonBatch& batch, const Options& o, bool shared_gates,
          const Random& r, Context& ctx) {
  if (!net.gated()) throw ConfigError("ppp: the net has no gates");
  Paths paths;
  const Tensor z =
      net.forward(batch.x, ctx, shared_gates ? shared(r, batch.persons, paths) : sampled(r, paths));
  Loss out;
  out.cross_entropy = cross_entropy(z, batch.y);
  out.rate = rate_loss(paths.h, o.target);
  out.total = out.cross_entropy + out.rate * o.rate;
  if (o.prototype > 0) {
    out.prototype = prototype_loss(paths.pi, batch.persons);
    out.total = out.total + out.prototype * o.prototype;
  }
  for (const Tensor& h : paths.h)
    out.open += mean(h.detach()).item() / static_cast<double>(paths.h.size());
  return out;
}

Learner::Learner(GatedNet start, const Options& o, const Random& r, double momentum)
    : net(std::move(start)),
      options(o),
      random(r),
      sgd(Sgd{.momentum = momentum}.initial(parameters(net))) {}

Loss Learner::learn(const PersonBatch& batch, int64_t i, const Sgd& by) {
  Context ctx{.training = true};
  Loss out = loss(net, batch, options, options.shared && i % 2 == 1, random / "gates" / i, ctx);
  const GatedNet g = grad(out.total, net);
  net = update(by, commit(std::move(net), ctx), sgd, g);
  for (Tensor* t : {&out.total, &out.cross_entropy, &out.rate, &out.prototype})
    if (t->defined()) *t = t->detach();
  return out;
}

}  // namespace regrad::ppp
