// minilm/step, minilm/infer: BERT of MiniLM's shape (6 layers, 384 wide, 12 heads, 1,536 inner,
// 30,522 word pieces), written as a user of regrad would write it.
//
// Tensors k = 1, 2, .. of two dims in the order of parameters(net), query, key and value as one
// [1152,384], are fill(k, shape, b): b = 0.05 of the three embeddings, 1/sqrt(in) of the others;
// norms start at 1 and 0, biases at 0. Ids [32,32], every one of them a token: id i is 1 +
// floor(30,521 u_i), u = unit(200, 1024); two classes, label of text n: n mod 2.
// minilm/infer: the logits of all 32 texts. Checksums: sum and sum of magnitudes.
// minilm/step: one step of AdamW (lr 2e-5, weight decay 0.01), no dropout. Checksums: the loss at
// steps 1, 2 and 5, before that step's update.
#include <regrad/layers/nets/bert.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int64_t texts = 32, length = 32, vocabulary = 30522;

Bert initial() {
  const Bert net(Random(0),
                 {.vocabulary = vocabulary,
                  .width = 384,
                  .layers = 6,
                  .heads = 12,
                  .inner = 1536,
                  .dropout = 0},
                 2);
  uint32_t k = 0;
  std::vector<Tensor> values = parameters(net);
  for (Tensor& v : values) {
    if (v.dim() != 2) continue;
    ++k;
    v = fill(k, v.shape(), k <= 3 ? 0.05F : 1 / std::sqrt(static_cast<float>(v.size(1))));
  }
  return as_leaves(at(net, values));
}
Tensor ids() {
  const Tensor u = fill(200, {texts * length}, 1);
  std::vector<int64_t> v;
  for (const double x : u.to_vector())
    v.push_back(1 + static_cast<int64_t>((x + 1) / 2 * (vocabulary - 1)));
  return tensor(v, {texts, length});
}

struct Training {
  Bert net = initial();
  Tensor x = ids(), y = labels();
  Adam adam{.lr = 2e-5, .weight_decay = 0.01, .decoupled_weight_decay = true};
  Adam::State state{};

  static Tensor labels() {
    std::vector<int64_t> v;
    for (int64_t i = 0; i < texts; ++i) v.push_back(i % 2);
    return tensor(v);
  }
  double step() {
    Context ctx{.training = true};
    const Tensor loss = cross_entropy(net(x, ctx), y);
    const Bert g = grad(loss, net);
    net = update(adam, std::move(net), state, g);
    return loss.item();
  }
};

Run step() { return steps_of(std::make_shared<Training>()); }

Run infer() {
  const auto net = std::make_shared<Bert>(initial());
  const Tensor x = ids();
  const auto evaluate = [net, x] {
    const NoGrad quiet;
    return (*net)(x);
  };
  const Tensor z = evaluate();
  return {{sum(z).item(), sum(abs(z)).item()}, evaluate};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv, {{"minilm/step", step}, {"minilm/infer", infer}});
}
