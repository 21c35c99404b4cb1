// A scene net made small: six weights in ten pruned, fine-tuned with its former self as teacher,
// run by 8-bit integers.
#include <regrad/algorithms/asc/compress.h>
#include <regrad/regrad.h>

#include <cstdio>

using namespace regrad;
using namespace regrad::asc;

int main() {
  const Random r(1);
  const BcResnetAsc net(r / "init", {.tau = 1, .classes = 4, .norm = FreqNorm::resnorm});
  const Tensor x = normal(r / "x", {16, 1, 32, 40}),
               y = one_hot(randint(r / "y", 0, 4, {16}), 4).to(DType::f32);  // spectrograms, labels

  const std::vector<Tensor> masks = one_shot_masks(net, 0.6);
  const Tensor teacher = logits_of(net, x);
  BcResnetAsc student = pruned(net, masks);
  const Sgd sgd{.lr = 0.02, .momentum = 0.9};
  Sgd::State state = sgd.initial(parameters(student));
  for (int64_t i = 0; i < 10; ++i)
    fine_tune(student, state, sgd, masks, x, y, &teacher, {.quantized = true}, r / "step" / i);
  const BcResnetAsc small = deployed(student, masks, x).net;
  const Int8Report int8 = evaluate_int8(small, x, {x});  // ranges by x, logits of x

  const auto bytes = challenge_bytes(small), before = challenge_bytes(net);
  std::printf("%lld bytes of %lld; integers are %g from their simulation\n",
              static_cast<long long>(bytes), static_cast<long long>(before),
              int8.largest_difference);
  return bytes < before && int8.largest_difference == 0 ? 0 : 1;
}
