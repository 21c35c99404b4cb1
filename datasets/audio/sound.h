// Sound files, and what is done to samples before any spectrum: one channel, another rate, a fixed
// level, a fixed length.
//
//   const Sound s = resample(mono(read_sound("clip.wav")), 16000);      // samples [1, frames]
//   Tensor x = tile(normalize_rms(s.samples, 0.1), 160000);             // 10 s of it, repeated
//
// WAV (integers of 8 to 32 bits, floats, A-law and the like; RF64; of a writer that could not seek
// back to fill in the length), FLAC and OGG (Vorbis, Opus), up to 64 channels, by libsndfile.
// Integers are divided by 2^(bits - 1), so they lie in [-1, 1); floats are kept as they are. A file
// that is several, one behind the other (a chained OGG), is one sound.
#pragma once

#include <regrad/engine/tensor.h>

#include <string>
#include <string_view>

namespace regrad {

struct Sound {
  Tensor samples;  // f32 [channels, frames], at least one of each
  int rate = 0;    // frames a second
  int64_t channels() const { return samples.size(0); }
  int64_t frames() const { return samples.size(1); }
  double seconds() const { return static_cast<double>(frames()) / rate; }
};

// IOError naming file and reason: none of these formats, 0 or more than 64 channels, 0 Hz or more
// than 4 MHz, no samples, data that end before the header's length (or before the last page of an
// OGG) or go on behind it, several sounds of other rates or channels or side by side, NaN or
// infinite samples, more than 2^28 samples or 1,024 of them a byte and 2^20 more (silence in FLAC
// has some 400). What is allocated follows what is decoded, never the header.
Sound read_sound(const std::string& path);
// One file in memory; `where` begins messages.
Sound parse_sound(std::string_view bytes, const std::string& where = "sound");

// The mean over channels: [1, frames].
Sound mono(const Sound& s);
// At another rate: ceil(frames rate / s.rate) frames, each channel by itself, silence before and
// after, by libsamplerate's medium sinc (band-limited, 121 dB); the same bits every time.
// ConfigError where rate is below 1 or more than 256 times away.
Sound resample(const Sound& s, int rate);

// x [.., frames], f32. Each row times what makes sqrt(mean(x^2)) the wanted one; a row of zeros
// stays so. ConfigError where rms is not above 0.
Tensor normalize_rms(const Tensor& x, double rms = 0.1);
// The first `frames` of x x x ..: [.., n] -> [.., frames], cut where n is more. Never padded with
// zeros, whose logarithm would not move with the recording device's gain. ShapeError where n is
// below 1 or frames outside [1, 2^28].
Tensor tile(const Tensor& x, int64_t frames);

// A WAV file: bits 8, 16, 24 (integers, rounded and held within [-1, 1)) or 32 (float). ConfigError
// at others; ShapeError where samples are not [channels, frames]; NumericError where an integer
// should hold a NaN. `rate` is written as it is.
std::string to_wav(const Sound& s, int bits = 16);

}  // namespace regrad
