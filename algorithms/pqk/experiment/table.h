// The experiment behind regrad-pqk.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::pqk {

// Tasks glyphs (no data), digits, commands, sounds, fmnist, cifar10, cifar100, folder.
experiment::TaskList tasks();

}  // namespace regrad::pqk
