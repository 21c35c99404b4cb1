// Mel scales, mel filter banks and the log-mel spectrogram, as librosa and torchaudio define them.
//
//   const LogMel front{.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256};
//   Tensor s = log_mel(x, front);  // x [160000] -> f32 [256, 334];  [N, 160000] -> [N, 256, 334]
#pragma once

#include <regrad/datasets/audio/stft.h>

#include <string>
#include <vector>

namespace regrad {

// htk: m = 2595 log10(1 + f / 700). slaney: linear below 1 kHz (3 f / 200), logarithmic above (27
// steps a factor of 6.4), librosa's default.
enum class MelScale { htk, slaney };
// none: triangles of height 1 (torchaudio's default). slaney: times 2 / (right edge - left edge in
// Hz), so each has the same area (librosa's).
enum class MelNorm { none, slaney };

double hz_to_mel(double hz, MelScale scale);
double mel_to_hz(double mel, MelScale scale);

// Every setting of the front end. Defaults: the challenge nets' 16 kHz, 128 ms and 30 ms, 256 bands
// (audio.md section 1), with torchaudio's scale.
struct LogMel {
  int64_t rate = 16000;  // Hz
  int64_t n_fft = 2048;  // even
  int64_t window = 0;    // samples; 0: n_fft
  int64_t hop = 480;     // samples
  int64_t mels = 256;    // bands
  double f_min = 0;      // Hz
  double f_max = 0;      // Hz; 0: rate / 2
  MelScale scale = MelScale::htk;
  MelNorm norm = MelNorm::none;
  double power = 2;      // of the magnitude: 2 energy, 1 magnitude
  double offset = 1e-6;  // ln(mel + offset)
  bool center = true;

  Stft stft() const { return {n_fft, window, hop, center}; }
  int64_t frames(int64_t samples) const { return stft().frames(samples); }
  double top() const { return f_max > 0 ? f_max : static_cast<double>(rate) / 2; }
};
// Every setting in one line: the key of a cache of spectrograms.
std::string str(const LogMel& front);

// Triangles over the FFT's bins (k rate / n_fft Hz) between mels + 2 points equally spaced on the
// scale from f_min to f_max: f32 [mels, bins]. ConfigError: rate below 1, mels outside [1, 65536],
// or not 0 <= f_min < f_max <= rate / 2. Bands narrower than a bin may be all zeros, as librosa's.
Tensor mel_filters(const LogMel& front);
// The bands' middles in Hz, f64 [mels].
Tensor mel_middles(const LogMel& front);

// ln(filters |X|^power + offset), x f32 [n] or [N, n] -> [mels, frames] or [N, mels, frames]. Clips
// and blocks of frames are spread over the threads, with the same bits for any number of them.
// Errors as those of mel_filters and power_spectrogram; ConfigError where offset is below 0.
Tensor log_mel(const Tensor& x, const LogMel& front);

}  // namespace regrad
