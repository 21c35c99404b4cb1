// The experiment behind regrad-map and regrad-dcil: the same rows, each paper's own claims first.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>

#include <string>
#include <vector>

namespace regrad::pruning {

// What a table tests at one of its sparsities ("90%").
using Asks = void (*)(experiment::Claims&, const std::string& variant);

struct Paper {
  const char *name, *about;
  std::vector<Asks> claims;
};
// Tasks glyphs (no data), fmnist, cifar10, cifar100, a folder of pictures, and one whose pictures
// stay on disk (imagenet).
experiment::TaskList tasks(const Paper& paper);

// "a above b at 90%" of accuracy, by seeds and test images; "swing of a below swing of b at 90%" of
// any other metric, by seeds.
void ask(experiment::Claims& c, const std::string& metric, const std::string& a,
         const std::string& b, const std::string& variant);

}  // namespace regrad::pruning
