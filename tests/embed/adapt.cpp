// A net of one's own, meta-trained by MAML and adapted to curves that it has not seen.
#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;

struct Net {
  Linear first, second, last;
  Tensor operator()(const Tensor& x) const { return last(tanh(second(tanh(first(x))))); }
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("second", self.second);
    part("last", self.last);
  }
};

int main() {
  const Random random(7);
  Net net{{random / "first", 1, 40}, {random / "second", 40, 40}, {random / "last", 40, 1}};
  const maml::Rule rule{.alpha = 0.02, .steps = 3};
  const Sinusoids curves;
  Adam::State state;
  for (int step = 0; step < 1000; ++step) {
    const TaskBatch batch = curves.sample(random / "tasks" / step, 8, 10, 10);
    const Tensor loss = objective(net, rule, mse_loss_by_task, batch);
    net = update(Adam{.lr = 3e-3}, std::move(net), state, grad(loss, net));
  }
  const TaskBatch mine = curves.sample(random / "mine", 100, 10, 50);
  const Net fast = adapted(net, rule, mse_loss_by_task, mine.support_x, mine.support_y);
  const auto error = [&](const Net& n) {
    return mean(mse_loss_by_task(n(mine.query_x), mine.query_y)).item();
  };
  const double before = error(per_task(net, 100)), after = error(fast);
  std::printf("error before adaptation: %.3f, after: %.3f\n", before, after);
  return after < 0.5 * before ? 0 : 1;
}
