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
// f32 [1, samples]: the beginning of one channel at the front end's rate, zeros after it where it
// is shorter, at its own level. For words, of which silence is one.
Tensor first_samples(const Sound& s, const FrontEnd& front);

// scenes (generated, no data), digits, esc10, tau, folder; in that order.
const std::vector<std::string>& sound_tasks();
// tau2022 is one more, which only some tables have: TAU's recordings in clips of a second.
bool is_tau(const std::string& task);  // tau or tau2022
// 64 bands, windows of 32 ms every 10 ms for digits, of 40 every 20 elsewhere; 1 s of digits at 8
// kHz, 2 s of generated scenes at 8 kHz, 5 s of esc10 and of a folder, 10 s of tau and 1 s of
// tau2022 at 16 kHz. wide: the challenge's 256 bands (128 at 8 kHz), 128 ms every 30. ConfigError:
// no such task.
FrontEnd front_end(const std::string& task, bool wide = false);

struct Generated {
  int train = 40, test = 10, validation = 10;
  static void parts(auto& self, auto&& part) {
    part("train", self.train, "scenes: generated training clips of each class", at_least(1));
    part("test", self.test, "scenes: generated test clips of each class", at_least(1));
    part("validation", self.validation,
         "scenes: generated clips of each class for the curve and for choices", at_least(0));
  }
};
// Every clip of a task, prepared once for all seeds.
struct AllClips {
  AudioSet set;  // without the sounds
  Tensor x;      // f32 [n, samples]
  // of a folder: what was read and what was done to it, for the log
  std::vector<std::string> notes = {};
};
// Generated scenes: so many of each class, the same ones each time. folder: sounds by class
// (own.h), the share for test where there is no train/ and test/. IOError where the data are not
// in `folder`, naming what is looked for; ConfigError for tau, whose clips were recorded by
// devices of their own (recordings.h).
AllClips prepare_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                       const Generated& generated = {}, double test_share = 0.2);

// The part of each clip for a seed. Test clips are those that the set names, and of esc10 fold
// 1 + seed mod 5. For the learning curve and for whatever is chosen, a part of its own, which is
// never trained on:
//   scenes   clips generated for it
//   digits   takes 5 and 6 of each speaker and digit (takes 0 to 4 are the set's test part)
//   esc10    fold 1 + (seed + 1) mod 5
//   tau(2022) of each scene the share `held` of the training part's locations, rounded
//   folder   of each class the share `held` of the training sounds, by the hash of their names,
//            where it has five or more
// Ours, as none of these sets names one; only Speech Commands does.
std::vector<Part> parts_for(const std::string& task, const AudioSet& set, uint64_t seed,
                            double held = 0.1);

// Clips by part; the validation part may be empty, [0, samples] or undefined.
struct Clips {
  Tensor train_x, validation_x, test_x;  // f32 [n, samples]
  Tensor train_y, validation_y, test_y;  // i64 [n]
  // Of each test clip what it hangs together with (ESC-10: clips cut from one recording; else the
  // clip itself): a number of the whole set, so no clip of another part or fold has it.
  std::vector<int64_t> test_group;
  std::vector<std::string> classes;
};
Clips clips_of(const std::string& task, const AllClips& all, uint64_t seed, double held = 0.1);
// prepare_clips and clips_of in one.
Clips load_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                 const Generated& generated = {}, uint64_t seed = 0);
// The set behind a task that reads one.
AudioSet load_sounds(const std::string& task, const std::string& folder, double test_share = 0.2);
// Speech Commands with ten words, unknown and silence: the published folder in `folder`, or
// `folder` itself. IOError where it is not there.
AudioSet load_commands(const std::string& folder);
// Of some of a set's clips what `of` makes of each sound, stacked, and a number of each clip, i64.
Tensor each_sound(const AudioSet& set, const std::vector<int64_t>& at,
                  const std::function<Tensor(const Sound&)>& of);
Tensor each_number(const AudioSet& set, const std::vector<int64_t>& at,
                   const std::function<int64_t(const Clip&)>& of);

}  // namespace regrad::experiment
