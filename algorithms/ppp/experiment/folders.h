// A person's own files: folders of persons for a table, a folder of samples for `personalize`.
#pragma once

#include <regrad/algorithms/ppp/experiment/persons.h>

namespace regrad::ppp {

// --task folder (persons.h). IOError naming folder or file.
Persons load_folder(const std::string& folder, const Settings& s);

// Of --task folder: sounds of `seconds` at 16 kHz as 40 log-mels, or pictures of `size`.
Inputs inputs_for_folder(bool sounds, const Settings& s);
// Of --task digits: a second at 8 kHz, 40 log-mels x 32 frames.
Inputs speech_inputs(const std::vector<std::string>& classes);

// Every sound, or every picture, that lies in a folder (however deep, in the order of their paths),
// as the net takes them: f32 [k,C,H,W]. Sounds are resampled, levelled, and cut or repeated to the
// length of training; pictures are brought to its size. IOError: no folder, no samples of the
// model's kind, one that is broken or holds NaN.
Tensor load_samples(const std::string& folder, const Inputs& in);

}  // namespace regrad::ppp
