// Spoken words as pictures for a table of images (images.h): log-mels of 40 bands, [n,1,40,frames].
#pragma once

#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/algorithms/experiment/data/sounds.h>

namespace regrad::experiment {

// digits (the Free Spoken Digit Dataset), commands (Speech Commands), sounds (a folder of sounds
// for each class).
const std::vector<std::string>& word_tasks();

// Of `seconds`, in whole frames (digits at 8 kHz, else 16): 40 bands, a frame every second /
// frames, windows of twice that, ln(mel + 1e-6). Ours: neither paper on pruning names its front
// end. ConfigError: a rate that `frames` does not divide into whole samples, at least 1.
FrontEnd word_front(const std::string& task, int64_t frames = 32, double seconds = 1);

// f32 [1,40,frames]: one channel, its first second (or so many), zeros after it where it is
// shorter.
Tensor word_picture(const Sound& s, const FrontEnd& front, int64_t frames);

// A set by its parts for the seed 0 (parts_for), normalized by the training part's mean and
// deviation. IOError naming the task: no clip of the training or the test part. was: takes the rate
// of each.
Images word_images(const std::string& task, const AudioSet& set, const FrontEnd& front,
                   Brought* was = nullptr);

// The set's own parts: digits by take (parts_for), commands by its lists, a folder by names.
// Normalized by the training part's mean and deviation; test clips of commands are clustered by
// speaker. IOError where a set is not in the folder, or a part of it is empty.
Images load_words(const std::string& task, const std::string& folder, int64_t frames = 32);

}  // namespace regrad::experiment
