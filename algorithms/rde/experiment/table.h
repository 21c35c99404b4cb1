// The experiment behind regrad-rde.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::rde {

// Tasks reviews (no data), sst2, ag_news, imdb, yelp, table.
experiment::TaskList rde_tasks();

// What the abstract claims, for each net, attack and mixture near to the boundary and far from it.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& nets,
                                          const std::vector<std::string>& attacks);

}  // namespace regrad::rde
