// One meta-step of MAML: the outer gradient goes through an inner step of gradient descent, at 8
// tasks at once.
#include <regrad/regrad.h>

#include <cstdio>

int main() {
  using namespace regrad;
  const Random random(7);
  Mlp net(random / "init", {1, 40, 40, 1}, true);
  const Tensor slope = uniform(random / "slope", {8, 1, 1}, -2, 2);
  const Tensor support = uniform(random / "support", {8, 10, 1}, -1, 1),
               query = uniform(random / "query", {8, 10, 1}, -1, 1);
  Adam::State state;
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    Mlp adapted = per_task(net, 8);
    const auto p = parameters(adapted);
    const Tensor inner = sum(mse_loss_by_task(adapted(support), slope * support));
    adapted = at(adapted,
                 descend(p, grad(TensorList(inner), TensorList(p), {.create_graph = true}), 0.1));
    const Tensor outer = mean(mse_loss_by_task(adapted(query), slope * query));
    net = update(Adam{}, std::move(net), state, grad(outer, net));
    (step == 0 ? first : last) = outer.item();
  }
  std::printf("query loss after adaptation: %.4f, then %.4f\n", first, last);
  return last < 0.5 * first ? 0 : 1;
}
