// Google Speech Commands v1 and v2 (Warden 2018), unpacked: <word>/<speaker>_nohash_<take>.wav and
// _background_noise_/*.wav.
//
//   const AudioSet set = load_speech_commands("speech_commands_v0.02", Random(seed));
//       // 12 classes: ten words, unknown, silence
//
// The split is the published one: that of validation_list.txt and testing_list.txt (a line is
// "bed/0c40e715_nohash_0.wav") where the folder holds both, else, as these were made, by name
// alone: SHA-1 of the file's name without "_nohash_" and
// what follows, as a number mod 2^27, times 100 / (2^27 - 1): below 10 validation, below 20 test,
// else train. So a speaker is in one part only; place is the speaker.
// In each part, as the published code has it, ceil(n unknown%) clips of other words and ceil(n
// silence%) of silence, n the wanted words' clips.
// Other words are drawn by `r` among the part's. A silence is a second of background noise, from a
// file, a place and a volume U(0, 1) that `r` draws; the noise is kept, the words are read when
// asked for. IOError naming file: no such names, a .wav of another name, a wanted word without
// clips, no background noise (or shorter than a second) where silence is requested; a list's line
// that is no <word>/<name>.wav, or is in both lists.
#pragma once

#include <regrad/datasets/audio/clips.h>
#include <regrad/engine/random.h>

namespace regrad {

struct SpeechCommandsOptions {
  std::vector<std::string> words = {"yes",   "no", "up",  "down", "left",
                                    "right", "on", "off", "stop", "go"};
  // of each part; 0: no such class. ConfigError outside [0, 1000]
  double unknown_percent = 10, silence_percent = 10;
};
// Classes: the words in their order, then "unknown" and "silence" where requested.
AudioSet load_speech_commands(const std::string& folder, const Random& r,
                              const SpeechCommandsOptions& options = {});

// The part that a file's name falls into, by the published rule.
Part speech_commands_part(const std::string& file, double validation_percent = 10,
                          double test_percent = 10);

}  // namespace regrad
