// The experiment behind regrad-rde.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/rde/experiment/settings.h>

namespace regrad::rde {

// Tasks reviews (no data), sst2, ag_news, imdb, yelp, table.
experiment::TaskList rde_tasks();

// The settings of a task's preset: tiny, small, long, paper.
TableSettings preset_of(const std::string& task, const std::string& preset);
// ConfigError: none, one that there is not, one twice.
void check_nets(const std::vector<std::string>& nets);

// What the abstract claims, for each net, attack and mixture near to the boundary and far from it.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& nets,
                                          const std::vector<std::string>& attacks);

}  // namespace regrad::rde
