// Every task of regrad-cml.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::cml {

// sinusoid, omniglot, images, nodes, nodes-gmeta, nodes-amm.
experiment::TaskList cml_tasks();

}  // namespace regrad::cml
