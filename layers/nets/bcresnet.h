// Broadcasted residual nets over spectrograms [N,1,F,T]: BC-ResNet for keyword spotting (Kim et al.
// 2021, arXiv 2106.04140; the layout of the authors' code) and BC-ResNet-Mod, called BC-ResNet-ASC
// too, for acoustic scenes (arXiv 2206.13909, 2111.06531; the layout as public re-implementations
// have it, which gives the 315k parameters that the paper states).
//
//   BcResnetAsc net(Random(seed), {.tau = 1, .norm = FreqNorm::resnorm});
//       // [N,1,F,T] -> [N,10], F a multiple of 32
//   Context ctx{.training = true, .random = Random(seed) / "step" / i};
//   Tensor loss = cross_entropy(net(x, ctx), y);
//
// f32 or f64. Initial values of convolutions are PyTorch's. ShapeError where F does not divide into
// the bands of a norm.
#pragma once

#include <regrad/layers/conv.h>
#include <regrad/layers/freq_norm.h>
#include <regrad/layers/steps.h>

namespace regrad {

// f2 = SSN(depthwise 3x1 over frequencies); f1 = dropout(1x1(silu(BN(depthwise 1x3 over frames))))
// of f2's mean over frequencies, [N,C,1,T].
//   y = relu(x + f2 + f1), or, where channels change ("transition"),
//   y = relu(f2 + f1) of u = relu(BN(1x1(x))).
// No biases.
struct BcBlock {
  Conv2d enter;  // of a transition; else its weight is undefined
  SubSpectralNorm enter_norm;
  Conv2d over_freq, over_time, mix;
  SubSpectralNorm freq_norm, time_norm;
  double dropout = 0.1;
  // of the block in its net: names its dropout's stream, ctx.random / "dropout" / index
  int64_t index = 0;

  struct Options {
    int64_t bands = 4, freq_stride = 1, time_dilation = 1;
    double dropout = 0.1;
    bool transition = false;  // where channels change one is needed
    int64_t index = 0;
    DType dtype = DType::f32;
  };
  BcBlock() = default;
  // ConfigError: channels that change without a transition.
  BcBlock(const Random& r, int64_t in, int64_t out, const Options& o);
  // [N,in,F,T] -> [N,out,(F - 1) / stride + 1,T]
  Tensor operator()(const Tensor& x, Context& ctx) const;
  // f1: [N,C,F,T] -> [N,C,1,T]
  Tensor f1(const Tensor& f2, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("enter", self.enter);
    part("enter_norm", self.enter_norm);
    part("over_freq", self.over_freq);
    part("freq_norm", self.freq_norm);
    part("over_time", self.over_time);
    part("time_norm", self.time_norm);
    part("mix", self.mix);
  }
};

struct BcResnetOptions {
  double tau = 1;  // width: 8 tau channels in the first stage; 8 tau must be even
  int64_t classes = 12, bands = 5;
  double dropout = 0.1;
  bool classifier_bias = true;
  int64_t in_channels = 1;
  int64_t tail_rows = 5;  // frequencies that the tail's kernel spans
  DType dtype = DType::f32;
};
// The bands and tail_rows that maps of `rows` frequencies allow: bands is the largest number up to
// 5 that divides the rows of all stages, the tail spans what is left, 5 at most. 5 and 5 for 40
// frequencies, as in the paper; else ours, so that images of any size can be taken.
BcResnetOptions fitted(BcResnetOptions o, int64_t rows);
// conv 5x5 stride (2,1), BN, ReLU; stages of 2, 2, 4, 4 blocks, widths b, 1.5b, 2b, 2.5b (b = 8
// tau), frequency stride 2 at the start of the second and third, frames dilated by 1, 2, 4, 8;
// depthwise 5x5 without padding over frequencies; 1x1 to 4b, BN, ReLU; mean over the map; 1x1 to
// classes. F = 40 as in the paper; any F whose F/8 is a multiple of `bands` and at least
// tail_rows.
struct BcResnet {
  Conv2d head, tail, widen, classifier;
  SubSpectralNorm head_norm, widen_norm;
  std::vector<BcBlock> blocks;

  BcResnet() = default;
  BcResnet(const Random& r, const BcResnetOptions& o);
  // [N,in_channels,F,T] -> [N,classes]
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("head", self.head);
    part("head_norm", self.head_norm);
    part("blocks", self.blocks);
    part("tail", self.tail);
    part("widen", self.widen);
    part("widen_norm", self.widen_norm);
    part("classifier", self.classifier);
  }
};

// What stands at the five places of an ASC net: on the input and at the end of each stage. global:
// on the input only.
enum class FreqNorm { none, in, ifn, ln, resnorm, rfn, bin, global };
const char* name(FreqNorm n);                 // "none", "in", ...
FreqNorm freq_norm(const std::string& name);  // ConfigError naming the choices

struct FreqNormPlace {
  FreqNorm kind = FreqNorm::none;
  double lambda = 0.1;
  BatchInstanceNorm bin;  // where kind is bin
  GlobalFreqNorm global;  // where kind is global: to be set from the training set (FreqStatistics)

  FreqNormPlace() = default;
  FreqNormPlace(FreqNorm k, double l, int64_t channels, DType t);
  // ConfigError: global, and no statistics were given
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("bin", self.bin);
    part("global", self.global);
  }
};

struct BcResnetAscOptions {
  double tau = 1;  // c = 10 tau
  int64_t classes = 10, bands = 4;
  FreqNorm norm = FreqNorm::none;
  double lambda = 0.1;      // resnorm's and rfn's
  bool input_only = false;  // the norm stands on the input alone
  double dropout = 0.1;
  DType dtype = DType::f32;
};
// ConfigError where a stage would not have a whole number of channels, at least 1: what the
// constructor refuses, without making a net.
void check(const BcResnetAscOptions& o);
// [norm]; conv 5x5 stride 2 to 2c, BN, ReLU; stages c (2 blocks), max pool 2, 1.5c (2), max pool 2,
// 2c (2), 2.5c (3), each a transition and normal blocks, and a norm at its end (before the pool);
// 1x1 to classes with bias; mean over the map. in has no norm after the last stage: each channel's
// mean over the map would be 0, and every clip's answer the bias.
struct BcResnetAsc {
  Conv2d head, classifier;
  SubSpectralNorm head_norm;
  std::vector<FreqNormPlace> norms;  // five
  std::vector<std::vector<BcBlock>> stages;

  BcResnetAsc() = default;
  BcResnetAsc(const Random& r, const BcResnetAscOptions& o);
  // [N,1,F,T] -> [N,classes]
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  // before the mean: [N,classes,F/8,T/8]
  Tensor logit_map(const Tensor& x, Context& ctx) const;
  // After the head and after each stage (its norm included, its pool not): five maps.
  std::vector<Tensor> activations(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("norms", self.norms);
    part("head", self.head);
    part("head_norm", self.head_norm);
    part("stages", self.stages);
    part("classifier", self.classifier);
  }
};

}  // namespace regrad
