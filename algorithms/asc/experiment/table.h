// The experiment behind regrad-asc: acoustic scenes with residual normalization, device translation
// and the compression of the challenge's system. One kind of devices is the table; several are
// columns, "simulated", "sd4", ..
#pragma once

#include <regrad/algorithms/experiment/data/sound_table.h>

namespace regrad::asc {

std::unique_ptr<experiment::Experiment> asc_table(const std::string& task);
// The sounds' tasks, and tau2022: TAU in clips of a second, under the limits of DCASE 2022
// (limits.h); keywords (keywords.h).
experiment::TaskList asc_tasks();

}  // namespace regrad::asc
