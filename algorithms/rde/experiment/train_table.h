// regrad-rde train: classifiers alone, for the other commands.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::rde {

// The tasks of rde_tasks(): each a table of the nets' accuracy, whose models are those of the whole
// table at the same settings and seeds.
experiment::TaskList train_tasks();

}  // namespace regrad::rde
