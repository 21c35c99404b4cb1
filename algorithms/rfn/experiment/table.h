// The experiment behind regrad-rfn.
#pragma once

#include <regrad/algorithms/experiment/data/sound_table.h>

namespace regrad::relaxed_norm {

std::unique_ptr<experiment::Experiment> rfn_table(const std::string& task);
inline experiment::TaskList rfn_tasks() { return experiment::sound_tables(rfn_table); }

// The six directions that were written down before any table (audio.md section 3), as claims judged
// by seeds and test clips: those whose rows the result has, in the order of the specification. Each
// text begins with its direction's number.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& devices);

}  // namespace regrad::relaxed_norm
