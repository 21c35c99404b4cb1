// The graphs of the node tasks by name.
#pragma once

#include <regrad/algorithms/cml/experiment/nodes.h>

namespace regrad::cml {

// "cora", "citeseer": NAME.content and NAME.cites in the folder, plain, .gz or .xz. "blocks": seven
// classes of a block model of 700 nodes, without a folder. IOError where files are missing (naming
// the folder and what to give) or broken; ConfigError for another name.
NodeData load_nodes(const std::string& folder, const std::string& graph);

}  // namespace regrad::cml
