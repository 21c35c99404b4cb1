// Random changes of clips in training: time roll, SpecAugment, mixup, MixStyle and Freq-MixStyle
// (../shared/methods/audio.md, section 1).
//
//   x = time_roll(x, 50, r / "roll");  // spectrograms x [N, C, F, T], f32
//   x = spec_augment(x, {.frequency_max = 40, .time_max = 80}, r / "mask");
//   const Mixed m = mixup(x, one_hot(y, 10).to(DType::f32), 0.3, r / "mix");
//
// Each clip has numbers of its own, addressed by its place in the batch: r / i. Statistics and
// random numbers get no gradient.
#pragma once

#include <regrad/engine/random.h>

namespace regrad {

// Beta(a, b) of a stream, as the quotient of gamma variates (Marsaglia and Tsang 2000), in
// logarithms so that small a and b do not underflow. ConfigError where a or b is not above 0.
double beta(const Random& r, double a, double b);

// Clip i of x [N, .., T] turned along the last dim by U{-most, .., most}: what leaves at one end
// comes in at the other. Waveforms or spectrograms. ConfigError where most is outside [0, 2^40];
// ShapeError below 2 dims.
Tensor time_roll(const Tensor& x, int64_t most, const Random& r);

// SpecAugment as the keyword-spotting BC-ResNet code has it: `frequency_masks` masks of floor(U[0,
// frequency_max)) rows and `time_masks` of floor(U[0, time_max)) frames a clip, placed uniformly
// where they fit whole, set to 0. A width never reaches its maximum; it is cut to F or T where that
// is less.
struct SpecAugment {
  int64_t frequency_masks = 2, frequency_max = 0;  // rows
  int64_t time_masks = 2, time_max = 0;            // frames
};
// x f32 [N, C, F, T] (the same masks in all channels). ConfigError at negative settings;
// ShapeError, DTypeError at another x.
Tensor spec_augment(const Tensor& x, const SpecAugment& options, const Random& r);

// x' = l x_i + (1 - l) x_j and the same for soft labels y [N, K], l ~ Beta(alpha, alpha) for each
// clip, j a random order of the batch.
struct Mixed {
  Tensor x, y;
};
Mixed mixup(const Tensor& x, const Tensor& y, double alpha, const Random& r);
// The same by given partners i64 [N] and l [N] of x's dtype. ShapeError where the first dims
// differ.
Mixed mixup(const Tensor& x, const Tensor& y, const Tensor& partner, const Tensor& l);

// MixStyle (Zhou et al. 2021): y = (x - mu) / sig (l sig + (1 - l) sig_j) + l mu + (1 - l) mu_j,
// with mean mu and sig = sqrt(variance + eps) over (f, t) of each clip and channel, j a random
// order of the batch, l ~ Beta(alpha, alpha) for each clip. In training only, which is the caller's
// to see to. The variance is divided by the number of elements; statistics are detached.
struct MixStyle {
  double p = 0.5;      // how likely a batch is restyled at all
  double alpha = 0.1;  // the reference code's
  double eps = 1e-6;
};
Tensor mix_style(const Tensor& x, const Random& r, const MixStyle& options = {});
// Freq-MixStyle: the same with statistics over (c, t) of each clip and frequency. The challenge
// code's p is 0.4 and alpha 0.3 or 0.4.
Tensor freq_mix_style(const Tensor& x, const Random& r,
                      const MixStyle& options = {.p = 0.4, .alpha = 0.3});
// Both by given partners i64 [N] and l [N]: statistics over `dims` of x [N, ..].
Tensor mix_statistics(const Tensor& x, const Dims& dims, const Tensor& partner, const Tensor& l,
                      double eps = 1e-6);

}  // namespace regrad
