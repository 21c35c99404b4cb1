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
// With what empty lists stand for: the preset's, or with a pretrained net that net, and of the
// preset's attacks pwws and tf-lite.
TableSettings settled(TableSettings s, const TableSettings& preset);
// Of settled ones. ConfigError: no net, one that there is not, one twice, pretrained without a
// folder (net).
void check_nets(const TableSettings& s);

// What the abstract claims, for each net, attack and mixture near to the boundary and far from it.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& nets,
                                          const std::vector<std::string>& attacks);

}  // namespace regrad::rde
