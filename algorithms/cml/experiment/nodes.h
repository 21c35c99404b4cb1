// The tasks of nodes (CML section 4.3): some classes of one graph at a time, K labelled nodes each;
// accuracy in % after adaptation.
//
//   const auto task = node_task(settings, node_graph(graph, NodeEncoder::sgc), seed, 5);
//   Learner<NodeNet> learner(task.at_seed(seed), method("cml"), settings, task.scoring.loss, seed);
//   for (int64_t i = 0; i < settings.steps; ++i) learner.learn(task.training(seed, i), i);
//
// Classes are split by pairs, as in Meta-GNN's protocol (Zhou et al., CIKM 2019): a run tests on a
// pair, of seed s the pair s mod their number, and trains on the other classes. There are no
// validation classes: the learning curve shows other draws of training tasks. Or, with test_classes
// and validation_classes, in three as in CML's own protocol (section 4.3; CiteSeer 2/2/2): which
// classes go where is drawn by the seed (ours: the paper does not give it), and validation tasks
// are as large as training's. The graph is transductive: all nodes and edges are seen, labels of
// test classes in support sets only.
//
// Encoders (psi); theta is a linear map to a task's classes, phi a hidden ReLU layer and a linear
// map.
//   sgc    Meta-GNN's: S^2 X once and for all (symmetric S of A + I, rows of X sum to 1), then a
//          linear map without an activation
//   gmeta  G-Meta's: a two-layer GCN on the 2-hop subgraph of each node, with D^-1 (A+I) of the
//          subgraph; the mean over its nodes
//   amm    AMM-GNN's: the same GCN on the whole graph, features times 1 + 0.01 scale. What the
//          scale is made of is ours (FeatureScale, graph.h); the cosine regulariser is left out:
//          no source at hand states between what
#pragma once

#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/datasets/graph.h>
#include <regrad/layers/nets/gcn.h>

namespace regrad::cml {

enum class NodeEncoder { sgc, gmeta, amm };

struct NodeSettings : MetaSettings {
  std::string graph = "blocks";
  int ways = 2, query = 12, test_query = 12;
  int validation_classes = 2, test_classes = 0;
  int hidden = 16, cohead_hidden = 16;
  double dropout = 0.5;
  int ways_of_task() const { return test_classes > 0 ? ways : 2; }

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("graph", self.graph, "cora or citeseer (files in --data), or blocks (generated)");
    part("ways", self.ways, "classes of a task (N), where test_classes are not 0", at_least(2));
    part("query", self.query, "query nodes per class in training", at_least(1));
    part("test_query", self.test_query, "query nodes per class at test", at_least(1));
    part(
        "test_classes", self.test_classes,
        "classes that test tasks are of, drawn by the seed; 0: a pair is tested on, all others are "
        "trained on",
        at_least(0));
    part("validation_classes", self.validation_classes,
         "classes that validation tasks are of, where test_classes are not 0", at_least(1));
    part("hidden", self.hidden, "width of the body", at_least(1));
    part("cohead_hidden", self.cohead_hidden, "width of the co-learner's hidden layer",
         at_least(1));
    part("dropout", self.dropout, "dropout of a GCN, on support passes in training",
         experiment::part_of_whole());
  }
};

// "cora", "citeseer": NAME.content and NAME.cites in the folder (--data), plain, .gz or .xz.
// "blocks": seven classes of a block model of 700 nodes, without a folder. IOError where files are
// missing (naming the folder and what to give) or broken; ConfigError for another name.
Graph load_nodes(const std::string& folder, const std::string& graph);

// A graph as the encoders read it; shared, never changed.
struct NodeGraph {
  NodeEncoder encoder = NodeEncoder::sgc;
  Tensor features;                    // [n,f]: sgc: S^2 X; else X
  Csr words;                          // X, sparse (gmeta, amm)
  Csr edges;                          // gmeta: A + I; amm: D^-1 (A+I)
  std::vector<Tensor> nodes_of = {};  // a class's nodes, i64 [..], ascending
};
// ShapeError where the graph's parts do not fit, or a label is that of no class.
std::shared_ptr<const NodeGraph> node_graph(const Graph& graph, NodeEncoder encoder);

// psi: nodes i64 [N] or [T,N] -> [N,hidden] or [T,N,hidden]. amm: also [T,N,1+S], the node and then
// its task's S support nodes, whose mean features give the scale. Parts of other encoders are
// undefined.
struct NodeBody {
  Linear linear = {};       // sgc
  Gcn gcn = {};             // gmeta, amm
  FeatureScale scale = {};  // amm
  std::shared_ptr<const NodeGraph> graph = {};

  Tensor operator()(const Tensor& nodes, const Context& ctx = {}) const;
  // the features: layers below see all nodes
  std::vector<Tensor> activations(const Tensor& nodes) const { return {(*this)(nodes)}; }
  static void parts(auto& self, auto&& part) {
    part("linear", self.linear);
    part("gcn", self.gcn);
    part("scale", self.scale);
  }
};
using NodeNet = Model<NodeBody, Linear, Mlp>;

// Pairs a < b of 0..classes-1, in order.
using ClassPair = std::pair<int64_t, int64_t>;
std::vector<ClassPair> class_pairs(int64_t classes);

// Which classes the tasks of a split are of. Of pairs, validation's are training's.
struct NodeSplit {
  std::vector<int64_t> train, validation, test;
};
// ConfigError where there are too few classes.
NodeSplit node_split(const NodeSettings& settings, int64_t classes, uint64_t seed);

// support_x i64 [T,NK] (amm: [T,NK,1+NK]) and query_x, labels 0..N-1 in any order of the classes;
// support and query share no node. ConfigError as node_split, and where a class has too few nodes.
Task<NodeNet> node_task(const NodeSettings& settings, std::shared_ptr<const NodeGraph> graph,
                        uint64_t seed, int shots);

// of: whose encoder it is.
std::unique_ptr<experiment::Experiment> nodes_experiment(const std::string& task,
                                                         const std::string& of,
                                                         NodeEncoder encoder);

}  // namespace regrad::cml
