// What regrad-dcil asks of its table.
#pragma once

#include <regrad/algorithms/pruning/experiment/table.h>

namespace regrad::dcil {

void claims(experiment::Claims& c, const std::string& variant);
experiment::TaskList tasks();  // of regrad-dcil

}  // namespace regrad::dcil
