// Graphs by name and as the encoders read them, and psi on them.
#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/datasets/block_model.h>
#include <regrad/datasets/citations.h>

namespace regrad::cml {
namespace {

// G-Meta: nodes [N] -> [N,out]; [T,N] -> [T,N,out], task by task, for their subgraphs differ in
// size.
Tensor by_subgraphs(const Gcn& gcn, const NodeGraph& g, const Tensor& nodes, const Context& ctx) {
  if (nodes.dim() == 1) {
    const Subgraphs around = neighbourhoods(g.edges, nodes, 2);
    return spmm(around.mean, gcn(normalized(around.adjacency, Propagation::random_walk),
                                 index_rows(g.words, around.nodes), ctx));
  }
  std::vector<Tensor> tasks;
  for (int64_t t = 0; t < nodes.size(0); ++t) {
    const Gcn own =
        gcn.conv1.weight.dim() == 3 ? map(gcn, [t](const Tensor& p) { return p[t]; }) : gcn;
    Context of_task = ctx;
    if (ctx.random) of_task.random = *ctx.random / t;
    tasks.push_back(by_subgraphs(own, g, nodes[t], of_task));
  }
  return stack(tasks, 0);
}

// AMM-GNN: X diag(1 + 0.01 scale) W is X times W with its rows scaled, so X stays sparse.
Tensor on_whole_graph(Gcn gcn, const FeatureScale& scale, const NodeGraph& g, const Tensor& nodes,
                      const Context& ctx) {
  Tensor at = nodes;
  if (nodes.dim() == 3) {
    at = select(nodes, 2, 0);
    const Tensor support = slice(select(nodes, 1, 0), 1, 1, nodes.size(2));
    gcn.conv1.weight =
        gcn.conv1.weight *
        unsqueeze(affine(scale(mean(embedding(support, g.features), {1})), 0.01, 1), 2);
  }
  const Tensor h = gcn(g.edges, g.words, ctx);
  if (h.dim() == 2) return embedding(at, h);
  std::vector<Tensor> tasks;
  for (int64_t t = 0; t < at.size(0); ++t) tasks.push_back(index_select(h[t], 0, at[t]));
  return stack(tasks, 0);
}

}  // namespace

Graph load_nodes(const std::string& folder, const std::string& graph) {
  if (graph == "blocks")
    return BlockModel{.topic = 30, .p_in = 0.03, .p_topic = 0.3}.sample(Random(0) / "graph");
  if (graph != "cora" && graph != "citeseer")
    throw ConfigError("graph '" + graph + "': there are cora, citeseer and blocks");
  if (folder.empty())
    throw IOError("graph " + graph + ": no folder was given; --data DIR names the one with " +
                  graph + ".content and " + graph + ".cites");
  return find_citations(folder, graph, Dangling::count).graph;
}

std::shared_ptr<const NodeGraph> node_graph(const Graph& graph, NodeEncoder encoder) {
  const Tensor &x = graph.features, &labels = graph.labels;
  if (x.dim() != 2 || labels.dim() != 1 || labels.size(0) != x.size(0))
    throw ShapeError("node_graph: features " + str(x.shape()) + " and labels " +
                     str(labels.shape()) + "; they must be [n,f] and [n]");
  const NoGrad quiet;
  auto g = std::make_shared<NodeGraph>();
  g->encoder = encoder;
  const auto classes = static_cast<int64_t>(graph.classes.size());
  const std::vector<int64_t> label = labels.to_vector<int64_t>();  // below 0: none
  for (size_t i = 0; i < label.size(); ++i)
    if (label[i] >= classes)
      throw ShapeError("node_graph: node " + std::to_string(i) + " has label " +
                       std::to_string(label[i]) + " of " + std::to_string(classes));
  for (int64_t c = 0; c < classes; ++c)
    g->nodes_of.push_back(flatten(nonzero(eq(labels, static_cast<double>(c)))));
  const auto propagation = [&](Propagation kind) {
    return normalized_adjacency(graph.edges, x.size(0), kind);
  };
  g->features = normalize_rows(x);
  if (encoder == NodeEncoder::sgc)
    g->features = propagate(propagation(Propagation::symmetric), g->features, 2);
  if (encoder == NodeEncoder::gmeta)
    g->edges = csr_from_edges(graph.edges, x.size(0), {.self_loops = true});
  if (encoder == NodeEncoder::amm) g->edges = propagation(Propagation::random_walk);
  if (encoder != NodeEncoder::sgc) g->words = to_sparse(g->features);
  return g;
}

Tensor NodeBody::operator()(const Tensor& nodes, const Context& ctx) const {
  switch (graph->encoder) {
    case NodeEncoder::sgc: return linear(embedding(nodes, graph->features));
    case NodeEncoder::gmeta: return by_subgraphs(gcn, *graph, nodes, ctx);
    default: return on_whole_graph(gcn, scale, *graph, nodes, ctx);
  }
}

}  // namespace regrad::cml
