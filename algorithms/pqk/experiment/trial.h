// One row with one seed at one point.
#pragma once

#include <regrad/algorithms/pqk/experiment/rows.h>

namespace regrad::pqk {

std::unique_ptr<experiment::Trial> trial(const experiment::Job& job, const Settings& s,
                                         const std::shared_ptr<const experiment::Images>& images);

}  // namespace regrad::pqk
