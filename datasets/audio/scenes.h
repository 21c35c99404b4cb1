// Acoustic scenes that need no data: a class is a colour and a rhythm, so that neither the spectrum
// alone nor the envelope alone decides it.
//
//   const AudioSet set = Scenes().sample(Random(seed) / "scenes", 40, 10);
//       // 10 classes, 40 train and 10 test clips of each
//
// Class c has colour c mod 5 and rhythm c / 5. A clip is (bed + tones) envelope + background,
// scaled to an RMS of 0.1:
//   a bed      white noise through two resonances (the colour's two bands), moved by a factor
//              2^U(-jitter, jitter), level U(0.5, 1);
//   tones      the colour's three partials, moved by the same factor, with random phases, level
//              U(0.1, 0.4) each;
//   envelope   bursts at 2.5 Hz (rhythm 0) or 6 Hz (rhythm 1) times 2^U(-jitter, jitter), shifted
//              at
//              random, each U(24, 36)% of a period long, so that the mean level carries no class;
//                  between them a level of U(0.1, 0.3);
//   background white noise, `noise` times the RMS of the rest.
#pragma once

#include <regrad/datasets/audio/clips.h>
#include <regrad/engine/random.h>

namespace regrad {

struct Scenes {
  int rate = 8000;      // Hz; at least 4000
  double seconds = 2;   // at least 0.5
  double jitter = 0.2;  // octaves
  double noise = 0.3;

  // `train` and `test` clips of each of 10 classes, class by class, train first. The address
  // decides each clip: the same in every call with that stream, on any number of threads.
  // ConfigError: settings below the bounds above, jitter or noise below 0, counts below 0 or both
  // 0.
  AudioSet sample(const Random& r, int64_t train, int64_t test) const;
  // One clip, [1, frames].
  Sound draw(const Random& r, int64_t of_class) const;
};

}  // namespace regrad
