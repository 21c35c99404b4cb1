// A second backbone for the table: BC-ResNet as published for keyword spotting
// (layers/nets/bcresnet.h: dilated frames, a striding head and tail, 8 tau channels), with a norm
// on the input and at the end of each of its four stages, as BC-ResNet-ASC has them. The papers
// compare their norms on several nets, whose layout with norms we have not seen: the places are
// ours.
//
//   const KeywordNet net(Random(seed), {.tau = 1, .norm = FreqNorm::rfn, .lambda = 0.5}, 64);
//   Tensor logits = net(x);                                          // [N,1,64,T] -> [N,10]
#pragma once

#include <regrad/layers/nets/bcresnet.h>

#include <vector>

namespace regrad::relaxed_norm {

struct KeywordNet {
  std::vector<FreqNormPlace> norms;  // five
  BcResnet net;

  KeywordNet() = default;
  // tau, classes, norm, lambda, input_only, dropout and dtype count. Sub-bands: five where 40
  // divides the mel bands, as published; else four. ConfigError: 8 tau is no even number.
  KeywordNet(const Random& r, const BcResnetAscOptions& o, int64_t mels)
      : net(r, {.tau = o.tau,
                .classes = o.classes,
                .bands = mels % 40 == 0 ? 5 : 4,
                .dropout = o.dropout,
                .dtype = o.dtype}) {
    const bool on_input_alone = o.input_only || o.norm == FreqNorm::global;
    norms.emplace_back(o.norm, o.lambda, 1, o.dtype);
    for (const size_t last : last_of_stage)
      norms.emplace_back(on_input_alone ? FreqNorm::none : o.norm, o.lambda,
                         net.blocks[last].mix.weight.size(0), o.dtype);
  }
  // After the head and after each stage, its norm included: [N,16 tau,F/2,T] and so on.
  std::vector<Tensor> activations(const Tensor& x, Context& ctx) const {
    std::vector<Tensor> maps{net.head_norm(net.head(norms[0](x, ctx), ctx), ctx, true)};
    Tensor y = maps[0];
    size_t block = 0;
    for (int64_t stage = 0; stage < 4; ++stage) {
      while (block <= last_of_stage[stage]) y = net.blocks[block++](y, ctx);
      y = norms[static_cast<size_t>(stage) + 1](y, ctx);
      if (ctx.after_stage) y = ctx.after_stage(stage, y);
      maps.push_back(y);
    }
    return maps;
  }
  // [N,1,F,T] -> [N,classes]
  Tensor operator()(const Tensor& x, Context& ctx) const {
    const Tensor y = net.tail(activations(x, ctx).back(), ctx),
                 wide = net.widen_norm(net.widen(y, ctx), ctx, true),
                 logits = net.classifier(mean(wide, {2, 3}, true), ctx);
    return reshape(logits, {logits.size(0), logits.size(1)});
  }
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("norms", self.norms);
    part("net", self.net);
  }

 private:
  static constexpr size_t last_of_stage[] = {1, 3, 7, 11};  // stages of 2, 2, 4, 4 blocks
};

}  // namespace regrad::relaxed_norm
