// Residual nets for small images and spectrograms whose blocks have gates (AIG, Veit and Belongie
// 2018): from a block's input a small net decides what of the block is computed.
//
//   GatedNet net(Random(seed), {.in_channels = 1, .classes = 10});  // [N,1,H,W] -> [N,10]
//   Tensor z = net(x, ctx);                                    // each example by its own gates
//   Tensor all = net.forward(x, ctx);                          // every gate open: a ResNet
//   Tensor some = net.forward(x, ctx, choose);                 // gates that `choose` gives
#pragma once

#include <regrad/layers/nets/residual.h>

#include <map>
#include <string>

namespace regrad {

// channel: a gate for each hidden channel of a block (after its first convolution, norm and ReLU),
// so that what is taken out never breaks a shortcut. block: one gate for the residual branch, AIG's
// own.
enum class GateKind { none, block, channel };
std::string name(GateKind kind);  // "none", "block", "channel"
// ConfigError for another name.
GateKind gate_kind(const std::string& name);

// AIG's gate net: global average pool, linear map to 16, batch norm, ReLU, linear map to two
// logits a gate (l0: closed, l1: open). The last weights are zeros at first and its biases (0.1,
// 2.0), so P(open) = e^2 / (e^2 + e^0.1) = 0.8699.
struct GateNet {
  static constexpr int64_t hidden_units = 16;
  Linear hidden, logits;
  BatchNorm norm;

  GateNet() = default;
  GateNet(const Random& r, int64_t channels, int64_t gates, DType t = DType::f32);
  bool there() const { return logits.weight.defined(); }
  int64_t gates() const { return logits.weight.size(0) / 2; }
  // x [N,C,H,W] -> [N, gates, 2]
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("hidden", self.hidden);
    part("norm", self.norm);
    part("logits", self.logits);
  }
};

// The gates of block 0, 1, ..: [N, gates] or [gates], of the net's dtype; undefined: all open.
// logits() runs the block's gate net: [N, gates, 2].
using ChooseGates = std::function<Tensor(int64_t block, const std::function<Tensor()>& logits)>;

// 1 where sigmoid(l1 - l0) is above 1/2, else 0, without noise or gradient; of channels at least
// the likeliest: logits [N,G,2] -> [N,G].
Tensor own_gates(const Tensor& logits, GateKind kind);

// relu(shortcut(x) + branch(x)), branch = norm2(conv2(relu(norm1(conv1(x))))). Without a branch
// (conv1.weight undefined) relu(shortcut(x)).
struct GatedBlock {
  Conv2d conv1, conv2, shortcut;  // shortcut.weight undefined: identity or pad
  BatchNorm norm1, norm2, shortcut_norm;
  GateNet gate;  // undefined: no gates
  GateKind kind = GateKind::none;
  int64_t stride = 1, out = 0;

  GatedBlock() = default;
  GatedBlock(const Random& r, int64_t in, int64_t out, int64_t stride, Shortcut shortcut,
             GateKind kind, DType t = DType::f32);
  // h: its gates, or undefined
  Tensor operator()(const Tensor& x, Context& ctx, const Tensor& h) const;
  static void parts(auto& self, auto&& part) {
    part("conv1", self.conv1);
    part("norm1", self.norm1);
    part("conv2", self.conv2);
    part("norm2", self.norm2);
    part("shortcut", self.shortcut);
    part("shortcut_norm", self.shortcut_norm);
    part("gate", self.gate);
  }
};

struct GatedOptions {
  int depth = 8;  // 6 n + 2
  int64_t in_channels = 1, width = 16, classes = 10;
  GateKind gate = GateKind::channel;
  Shortcut shortcut = Shortcut::project;
  DType dtype = DType::f32;
};
// The net of residual.h, with gates. Its other parameters start as those of Resnet (resnet.h) with
// the same stream do; gates by r / "block" / i / "gate".
struct GatedNet {
  Conv2d conv;
  BatchNorm norm;
  std::vector<GatedBlock> blocks;
  Linear linear;

  GatedNet() = default;
  // ConfigError where depth is not 6 n + 2.
  GatedNet(const Random& r, const GatedOptions& o);
  // Without `choose` every gate is open, and no gate net is run.
  Tensor forward(const Tensor& x, Context& ctx, const ChooseGates& choose = {}) const;
  // own_gates() where there are gate nets.
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  bool gated() const;
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

// For the metadata of a model's file, and back: IOError naming `where` for one that is missing or
// no number. dtype and shortcut are not in it.
std::map<std::string, std::string> to_metadata(const GatedOptions& o);
GatedOptions gated_from_metadata(const std::map<std::string, std::string>& metadata,
                                 const std::string& where);

}  // namespace regrad
