// Spectra of a clip's frames, block by block over the threads. Internal to the front end.
#pragma once

#include <regrad/datasets/audio/internal/fft.h>
#include <regrad/datasets/audio/stft.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <vector>

namespace regrad::detail {

inline constexpr int64_t frames_a_block = 128;

// Clips of a tensor [n] or [N, n], contiguous. DTypeError, ShapeError naming op.
struct Waves {
  Tensor x;
  int64_t clips, samples;
  Waves(const Tensor& t, const char* op);
  const float* clip(int64_t i) const { return x.data<float>() + i * samples; }
  // [N] and `rest`, or `rest` alone, as x was.
  Shape sizes(std::initializer_list<int64_t> rest) const;
};

// Cuts, mirrors and windows frames of one clip, and transforms them: one per thread.
class FrameReader {
 public:
  FrameReader(const Stft& options, const Tensor& window);
  // Spectrum of frame t; valid until the next.
  const std::complex<float>* spectrum(const float* clip, int64_t samples, int64_t t);

 private:
  const Stft& options_;
  const float* window_;
  RealFft fft_;
  std::vector<float> frame_;
  std::vector<std::complex<float>> spectrum_;
};

// f(clip, t, spectrum) of every frame of every clip.
template <class F>
void each_frame(const Waves& waves, const Stft& options, F&& f) {
  const int64_t frames = options.frames(waves.samples),
                blocks = (frames + frames_a_block - 1) / frames_a_block;
  const Tensor window = hann_window(options);
  parallel_for(waves.clips * blocks, [&](int64_t b) {
    const int64_t clip = b / blocks, first = b % blocks * frames_a_block;
    FrameReader reader(options, window);
    for (int64_t t = first; t < std::min(frames, first + frames_a_block); ++t)
      f(clip, t, reader.spectrum(waves.clip(clip), waves.samples, t));
  });
}

// |z|^power of n numbers.
void magnitudes(const std::complex<float>* z, int64_t n, double power, float* out);

}  // namespace regrad::detail
