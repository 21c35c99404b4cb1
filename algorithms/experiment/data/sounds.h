// Clips of sound by class, cut to one rate, one length and one level (audio.md section 3):
// generated ones, published sets, or a person's own.
#pragma once

#include <regrad/algorithms/experiment/range.h>
#include <regrad/datasets/audio/clips.h>
#include <regrad/datasets/audio/mel.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::experiment {

// What a clip is made to before any device records it, and the spectrogram after it.
struct FrontEnd {
  LogMel mel;           // its rate is the clips'
  int64_t samples = 0;  // of a clip, repeated where it is shorter: never padded with zeros
  double rms = 0.1;
};
// f32 [samples]: one channel at the front end's rate, of that RMS and length.
Tensor prepared(const Sound& s, const FrontEnd& front);

// scenes (generated, no data), digits, esc10, tau, folder; in that order.
const std::vector<std::string>& sound_tasks();
// 64 bands (tau: as in wide), windows of 32 ms every 10 ms for digits, of 40 every 20
// elsewhere; 1 s of digits at 8 kHz, 2 s of generated scenes at 8 kHz, 5 s of esc10 and of a folder
// and 10 s of tau at 16 kHz. wide: the challenge's 256 bands, 128 ms every 30. ConfigError: no such
// task.
FrontEnd front_end(const std::string& task, bool wide = false);

struct Clips {
  Tensor train_x, test_x;  // f32 [n, samples]
  Tensor train_y, test_y;  // i64 [n]
  std::vector<std::string> classes;
};
struct Generated {
  int train = 40, test = 10;
  static void parts(auto& self, auto&& part) {
    part("train", self.train, "scenes: generated training clips of each class", at_least(1));
    part("test", self.test, "scenes: generated test clips of each class", at_least(1));
  }
};
// Every clip of the train and of the test part, prepared. Generated scenes: so many of each class,
// the same ones each time. folder: sounds by class (datasets/audio/sound_folder.h). IOError where
// the data are not in `folder`, naming what is looked for; ConfigError for tau, whose clips were
// recorded by devices of their own (recordings.h).
Clips load_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                 const Generated& generated = {});
// The set behind a task that reads one; of some of its clips what `of` makes of each sound,
// stacked, and a number of each clip, i64.
AudioSet load_sounds(const std::string& task, const std::string& folder);
Tensor each_sound(const AudioSet& set, const std::vector<int64_t>& at,
                  const std::function<Tensor(const Sound&)>& of);
Tensor each_number(const AudioSet& set, const std::vector<int64_t>& at,
                   const std::function<int64_t(const Clip&)>& of);

}  // namespace regrad::experiment
