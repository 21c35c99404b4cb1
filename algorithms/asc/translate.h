// Spectrogram-to-spectrogram translation, G(x, d): a clip that device a recorded as device d would
// have recorded it. The report of the challenge's winner (arXiv 2206.13909) reports that such nets
// made training data of other devices; net, loss and rate are unknown to us. This one is ours:
//
//   G(x, d) = scale_d (x + spread (h((x - centre) / spread, d) + shift_d)),
//   h: four 3x3 convolutions 1, w, w, w, 1 with ReLU between
//
// scale_d and shift_d [mels] are a device's own; h depends on the device by what is added after its
// first convolution. At first scale_d is 1, shift_d 0 and h's last convolution 0: G(x, d) = x, bit
// for bit. Trained by L1 on clips that a and d recorded at the same time.
//
//   TranslationNet g(Random(seed) / "translation", devices, mels);
//   g = standardized(std::move(g), from);
//   Tensor y = g(x, d);  // x [N,1,F,T], d i64 [N] in [0, devices) -> [N,1,F,T]
#pragma once

#include <regrad/layers/conv.h>
#include <regrad/layers/optim.h>

namespace regrad::asc {

struct TranslationNet {
  Conv2d first, second, third, last;
  Tensor device;          // [D,w]: added after the first convolution
  Tensor scale, shift;    // [D,F]
  Tensor centre, spread;  // buffers []: mean and deviation of the source's log-mel values

  TranslationNet() = default;
  // ConfigError: fewer than one device, mel band or channel.
  TranslationNet(const Random& r, int64_t devices, int64_t mels, int64_t width = 8,
                 DType t = DType::f32);
  // ShapeError where F is not that of scale, or d is not [N].
  Tensor operator()(const Tensor& x, const Tensor& d) const;
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("second", self.second);
    part("third", self.third);
    part("last", self.last);
    part("device", self.device);
    part("scale", self.scale);
    part("shift", self.shift);
    part("centre", self.centre, buffer);
    part("spread", self.spread, buffer);
  }
};

// With centre and spread of these spectrograms. ConfigError where there are none.
TranslationNet standardized(TranslationNet net, const Tensor& x);

// One step of Adam on mean |G(x, d) - y|, x and y [N,1,F,T] of the same clips by device a and by d.
// Returns that loss, detached.
Tensor learn_translation(TranslationNet& net, Adam::State& state, double lr, const Tensor& x,
                         const Tensor& y, const Tensor& d);

// A batch in which each clip of device 0 is replaced, with probability p, by G(x, d), d drawn from
// 1 to devices - 1: never a device that training has not seen, for G has no other. Clips of other
// devices are as they were. x [N,1,F,T], device i64 [N]; clip i's numbers are r / i. No gradients.
Tensor translated(const TranslationNet& net, const Tensor& x, const Tensor& device, double p,
                  const Random& r);

}  // namespace regrad::asc
