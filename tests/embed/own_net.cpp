// One net for two persons, cut for one of them without labels, gradients or training.
#include <regrad/algorithms/ppp/personalize.h>
#include <regrad/algorithms/ppp/ppp.h>
#include <regrad/layers/export.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;

int main() {
  const Random r(1);
  const Tensor centres = normal(r / "centres", {4, 1, 8, 8});
  // person 0 has classes 0 and 1, person 1 classes 2 and 3, and another level
  const auto draw = [&](int64_t person, int64_t i, Tensor& y) {
    y = randint(r / "y" / person / i, 2 * person, 2 * person + 2, {8});
    return index_select(centres, 0, y) + normal(r / "x" / person / i, {8, 1, 8, 8}, 0, 0.3) +
           static_cast<double>(person);
  };
  ppp::Learner learner(GatedNet(r / "init", {.in_channels = 1, .width = 8, .classes = 4}),
                       {.rate = 50}, r);
  for (int64_t i = 0; i < 150; ++i) {
    Tensor y0, y1;
    const Tensor x = cat({draw(0, i, y0), draw(1, i, y1)}, 0);
    learner.learn({x, cat({y0, y1}, 0), 2}, i, {.lr = 0.05, .momentum = 0.9});
  }

  Tensor y;
  const ppp::Personal mine = ppp::personalize(learner.net, draw(1, -1, y));  // 8 examples
  const InferenceInfo info{1, 8, 8, {}, {}, {}};
  const InferenceNet small = export_net(mine.net, info);
  const Tensor x = draw(1, -2, y);
  const double right = mean(eq(argmax(small(x), -1), y).to(DType::f32)).item();
  const int64_t kept = small.cost().parameters, all = parameter_count(learner.net);
  std::printf("%lld parameters of %lld; %.0f%% right\n", static_cast<long long>(kept),
              static_cast<long long>(all), 100 * right);
  return kept < all && right > 0.9 ? 0 : 1;
}
