// What regrad-map asks of its table.
#pragma once

#include <regrad/algorithms/pruning/experiment/table.h>

namespace regrad::map_pruning {

void claims(experiment::Claims& c, const std::string& variant);
experiment::TaskList tasks();  // of regrad-map

}  // namespace regrad::map_pruning
