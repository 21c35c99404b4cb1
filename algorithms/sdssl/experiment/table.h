// The tables of regrad-sdssl: what self-distillation does to each layer of a ViT.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::sdssl {

// glyphs, fmnist, cifar10, cifar100, folder.
experiment::TaskList sdssl_tasks();

std::vector<experiment::Claim> directions(const experiment::Result& result, int64_t depth);

}  // namespace regrad::sdssl
