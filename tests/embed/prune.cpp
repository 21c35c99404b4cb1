// A net of one's own, pruned by MAP while it learns: nine weights in ten are 0 in the end.
#include <regrad/algorithms/map/map.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;

struct Net {  // [N,16] -> logits of 4 classes
  Linear first, second, last;
  Tensor operator()(const Tensor& x, Context&) const { return last(relu(second(relu(first(x))))); }
  static void parts(auto& self, auto&& part) {
    part("first", self.first), part("second", self.second), part("last", self.last);
  }
};

int main() {
  const Random random(7);
  const Net net{{random / 0, 16, 64}, {random / 1, 64, 64}, {random / 2, 64, 4}};
  pruning::Learner learner(net, map_pruning::method(),
                           {.sparsity = 0.9, .epochs = 20, .batches = 30});
  const Tensor centres = 2 * normal(random / "centres", {4, 16});
  Tensor x, y;
  const auto draw = [&](int64_t i) {
    y = randint(random / "y" / i, 0, 4, {32});
    x = index_select(centres, 0, y) + normal(random / "x" / i, {32, 16});
  };
  for (int64_t i = 0; i < learner.schedule.steps(); ++i) {
    draw(i);
    learner.learn(x, y, i, 0.05);
  }
  const Net sparse = learner.deployed().as<Net>();  // to save, export or run
  draw(-1);
  Context ctx;
  const double right = mean(eq(argmax(sparse(x, ctx), -1), y).to(DType::f32)).item();
  const int64_t zeros = zeros_in({sparse.first.weight, sparse.second.weight});
  std::printf("%.1f%% of the weights are 0; %.0f%% right\n", zeros / 51.2, 100 * right);
  return zeros == 4608 && right > 0.9 ? 0 : 1;
}
