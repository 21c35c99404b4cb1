// The short-time Fourier transform, as librosa.stft and torch.stft define it.
//
//   Tensor s = power_spectrogram(x, {.n_fft = 2048, .hop = 480});      // x [160000] -> [1025, 334]
//
// Frame t holds samples t hop - n_fft / 2 .. t hop + n_fft / 2 - 1 (center), mirrored at both ends
// without repeating the outermost sample ("reflect"; clips shorter than half a frame are mirrored
// again and again, as numpy.pad does it). Without center frame t begins at t hop. Each is
// multiplied by the periodic Hann window 0.5 - 0.5 cos(2 pi i / window); a window shorter than
// n_fft lies in its middle, zeros around it.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad {

struct Stft {
  int64_t n_fft = 2048;  // even
  int64_t window = 0;    // samples, at most n_fft; 0: n_fft
  int64_t hop = 480;     // samples
  bool center = true;

  int64_t bins() const { return n_fft / 2 + 1; }
  int64_t window_size() const { return window == 0 ? n_fft : window; }
  // Of so many samples: center: floor(n / hop) + 1; else floor((n - n_fft) / hop) + 1. ConfigError:
  // n_fft odd or outside [2, 2^24], window outside [1, n_fft], hop below 1; ShapeError: no samples,
  // or without center fewer than n_fft.
  int64_t frames(int64_t samples) const;
};

// The window's samples: f32 [window_size()].
Tensor hann_window(const Stft& options);

// x f32 [n] or [N, n]. Frames are spread over the threads of engine/parallel.h, with the same bits
// for any number of them.
// [.., bins, frames, 2]: real and imaginary part
Tensor stft(const Tensor& x, const Stft& options);
// |X|^power: [.., bins, frames]. ConfigError where power is not above 0.
Tensor power_spectrogram(const Tensor& x, const Stft& options, double power = 2);

}  // namespace regrad
