// CML: a co-learner beside the meta-learner's head helps to train the body that both share.
#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;

int main() {
  const Random random(7);
  cml::Model<Mlp, Linear, Mlp> net{Mlp(random / "body", {1, 40, 40}, false),
                                   Linear(random / "head", 40, 1),
                                   Mlp(random / "cohead", {40, 40, 1}, true)};
  const cml::Rule<> rule{.inner = {.alpha = 0.01}, .gamma = 0.2};  // CML on MAML
  const Sinusoids curves;
  Adam::State state;
  for (int step = 0; step < 1000; ++step) {
    const TaskBatch batch = curves.sample(random / "tasks" / step, 8, 10, 10);
    const Tensor loss = objective(net, rule, mse_loss_by_task, batch).total;
    net = update(Adam{.lr = 3e-3}, std::move(net), state, grad(loss, net));
  }
  const TaskBatch mine = curves.sample(random / "mine", 100, 10, 50);
  const auto fast = adapted(net, rule, mse_loss_by_task, mine.support_x, mine.support_y);
  const Tensor features = fast.body(mine.query_x);
  const auto error = [&](const Tensor& prediction) {
    return mean(mse_loss_by_task(prediction, mine.query_y)).item();
  };
  const double head = error(fast.head(features)), dagger = error(fast.cohead(features));
  std::printf("error by the adapted head: %.3f, by the co-learner on the adapted body: %.3f\n",
              head, dagger);
  return head < 1.5 && dagger < 1.5 ? 0 : 1;
}
