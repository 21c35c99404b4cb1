#include <regrad/algorithms/cml/experiment/node_data.h>
#include <regrad/datasets/block_model.h>
#include <regrad/datasets/citations.h>

namespace regrad::cml {
namespace {

NodeData data_of(const Graph& g) {
  return {g.features, g.labels, g.edges, static_cast<int64_t>(g.classes.size())};
}

}  // namespace

NodeData load_nodes(const std::string& folder, const std::string& graph) {
  if (graph == "blocks")
    return data_of(
        BlockModel{.topic = 30, .p_in = 0.03, .p_topic = 0.3}.sample(Random(0) / "graph"));
  if (graph != "cora" && graph != "citeseer")
    throw ConfigError("graph '" + graph + "': there are cora, citeseer and blocks");
  if (folder.empty())
    throw IOError("graph " + graph + ": no folder was given; --data DIR names the one with " +
                  graph + ".content and " + graph + ".cites");
  return data_of(find_citations(folder, graph, Dangling::count).graph);
}

}  // namespace regrad::cml
