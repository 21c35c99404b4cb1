// The clips that the tables on recording devices are about, cut to one rate, one length and one
// level (audio.md section 3).
#pragma once

#include <regrad/datasets/audio/clips.h>
#include <regrad/datasets/audio/mel.h>

#include <string>
#include <vector>

namespace regrad::scenes {

// What a clip is made to before any device hears it, and the front end after it.
struct Ear {
  LogMel front;         // its rate is the clips'
  int64_t samples = 0;  // of a clip, repeated where it is shorter: never padded with zeros
  double rms = 0.1;
};
// f32 [samples]: one channel at the front end's rate, of that RMS and length.
Tensor prepared(const Sound& s, const Ear& ear);

// scenes (generated, no data), digits, esc10, tau; in that order.
const std::vector<std::string>& task_names();
// 64 bands (tau: as said in wide), windows of 32 ms every 10 ms for digits, of 40 every 20
// elsewhere; 1 s of digits at 8 kHz, 2 s of generated scenes at 8 kHz, 5 s of esc10 and 10 s of tau
// at 16 kHz. wide: the challenge's 256 bands, 128 ms every 30. ConfigError: no such task.
Ear ear_of(const std::string& task, bool wide = false);

struct Clips {
  Tensor train_x, test_x;  // f32 [n, samples]
  Tensor train_y, test_y;  // i64 [n]
  std::vector<std::string> classes;
};
// Every clip of the train and of the test part, prepared. Generated scenes: so many a class, the
// same ones each time. IOError where the data are not in the folder, naming what is looked for;
// ConfigError for tau, whose clips were recorded by devices of their own (recordings.h).
struct Generated {
  int64_t train = 40, test = 10;
};
Clips load_clips(const std::string& task, const std::string& folder, const Ear& ear,
                 const Generated& generated = {});
// The set behind a task that reads one.
AudioSet load_set(const std::string& task, const std::string& folder);

}  // namespace regrad::scenes
