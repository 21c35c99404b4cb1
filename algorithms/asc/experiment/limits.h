// What a system of DCASE 2022 task 1 might take, for --task tau2022: 128 kB of parameters, a byte
// each whether they are 0 or not, and 30 million multiply-adds for a clip of a second. Recalled,
// not read again; kB is 1024 bytes, as in audio.md.
#pragma once

#include <regrad/algorithms/asc/experiment/methods.h>
#include <regrad/algorithms/asc/experiment/settings.h>
#include <regrad/algorithms/shared/cost.h>

namespace regrad::asc {

inline constexpr int64_t most_bytes = 128 * 1024, most_macs = 30'000'000;

// Of one clip, for ten classes; of an ensemble all its nets.
Cost cost_of_row(const Method& m, const Settings& s, const experiment::FrontEnd& front);
// ConfigError naming what is too large and by how much.
void check_limits(const Method& m, const Settings& s, const experiment::FrontEnd& front);

}  // namespace regrad::asc
