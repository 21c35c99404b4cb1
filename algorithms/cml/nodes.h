// Few-shot classification of nodes (CML section 4.3): two classes of one graph at a time, base (first-order MAML) and CML.
//
//   const NodeTask task(node_graph(features, labels, edges, 7, NodeEncoder::sgc), settings);
//   NodeNet net = task.initial(seed);
//   for (int64_t i = 0; i < settings.steps; ++i) net = update(adam, std::move(net), state, grad(task.objective(net, rule, batch(i)).total, net));
//   std::vector<double> right = task.accuracies(net, rule, task.test(pair, 5, 0, 250));
//
// Classes split by pairs: each pair is the test set of a run of its own, the other classes are trained on (Meta-GNN's protocol; Zhou et al. 2019).
// The graph is transductive: all nodes and edges are seen, the labels of the test pair only by support sets.
//
// Encoders (psi); theta is a linear map to two classes, phi a hidden ReLU layer and a linear map:
//   sgc    Meta-GNN's: S^2 X once and for all (symmetric S of A + I, rows of X sum to 1), then a linear map without an activation
//   gmeta  G-Meta's: a two-layer GCN on the 2-hop subgraph of each node, D^-1 (A+I) of the subgraph; the mean over its nodes
//   amm    AMM-GNN's: the same GCN on the whole graph, features times 1 + 0.01 scale of the task, plus 0.01 times the similarity of the scales.
//          What the scale is made of, and the regulariser's form, are ours (graph.h)
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/nets/gcn.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace regrad::cml {

enum class NodeEncoder { sgc, gmeta, amm };
// ConfigError for another name than "sgc", "gmeta", "amm".
NodeEncoder node_encoder(const std::string& name);

struct NodeSettings {
  std::string graph = "blocks", encoder = "sgc";
  int steps = 300, tasks = 5;
  std::vector<int> shots = {1, 5};
  int query = 12, test_query = 12;  // per class
  int inner_steps = 10;
  double alpha = 0.5, gamma = 0.2, lr = 0.003, weight_decay = 0;
  int hidden = 16, cohead_hidden = 16;
  double dropout = 0.5;  // of the GCN encoders, on support passes in training
  int test_tasks = 250;
  int pairs = 0;

  static void parts(auto& self, auto&& part) {
    part("graph", self.graph, "cora, citeseer (both in --data), or blocks (generated)");
    part("encoder", self.encoder, "sgc (Meta-GNN), gmeta (G-Meta) or amm (AMM-GNN)");
    part("steps", self.steps, "outer steps");
    part("tasks", self.tasks, "tasks a batch");
    part("shots", self.shots, "support nodes a class (K), each with a table of its own");
    part("query", self.query, "query nodes a class in training");
    part("test_query", self.test_query, "query nodes a class at test");
    part("inner_steps", self.inner_steps, "inner steps (M)");
    part("alpha", self.alpha, "inner step size");
    part("gamma", self.gamma, "weight of the co-learner's loss");
    part("lr", self.lr, "outer step size (Adam)");
    part("weight_decay", self.weight_decay, "Adam's weight decay");
    part("hidden", self.hidden, "width of the body");
    part("cohead_hidden", self.cohead_hidden, "width of the co-learner's hidden layer");
    part("dropout", self.dropout, "dropout of the GCN encoders, on support passes in training");
    part("test_tasks", self.test_tasks, "test tasks a pair, the same for every seed and method");
    part("pairs", self.pairs, "how many class pairs, the first ones; 0: all");
  }
};
// What the encoder's source uses: sgc as above; gmeta and amm one task a step, 20 inner steps at 0.05, Adam 0.001 with weight decay 5e-4.
void use_protocol(NodeSettings& settings, NodeEncoder encoder);
// ConfigError for values that contradict each other.
void check(const NodeSettings& settings);

// A graph as the encoders read it; shared, never changed.
struct NodeGraph {
  NodeEncoder encoder = NodeEncoder::sgc;
  Tensor features;                             // [n,f]: sgc: S^2 X; else X; the rows of X sum to 1
  Csr words;                                   // the same X, sparse (gmeta, amm)
  Csr adjacency;                               // A + I (gmeta)
  Csr propagation;                             // D^-1 (A+I) (amm)
  std::vector<std::vector<int64_t>> nodes_of;  // a class's nodes
  int64_t classes() const { return static_cast<int64_t>(nodes_of.size()); }
};
// features f32 [n,f] not below 0; labels i64 [n], -1: none; edges i64 [2,e]. ShapeError where they do not fit, or a label is `classes` or more.
std::shared_ptr<const NodeGraph> node_graph(const Tensor& features, const Tensor& labels, const Tensor& edges, int64_t classes, NodeEncoder encoder);

// psi: node ids i64 [N] or [T,N] -> [N,hidden] or [T,N,hidden]. Parts of other encoders are undefined.
struct NodeBody {
  Linear linear;       // sgc
  Gcn gcn;             // gmeta, amm
  FeatureScale scale;  // amm
  // No parameters: the graph; a stream turns dropout on; the support nodes' mean features, [T,f] (amm).
  std::shared_ptr<const NodeGraph> graph = {};
  std::optional<Random> drop = {};
  Tensor support_mean = {};

  Tensor operator()(const Tensor& ids) const;
  static void parts(auto& self, auto&& part) {
    part("linear", self.linear);
    part("gcn", self.gcn);
    part("scale", self.scale);
  }
};
using NodeNet = Model<NodeBody, Linear, Mlp>;

class NodeTask {
 public:
  NodeTask(std::shared_ptr<const NodeGraph> graph, NodeSettings settings);

  const NodeGraph& graph() const { return *graph_; }
  const NodeSettings& settings() const { return settings_; }
  // Pairs a < b of classes, in order; settings.pairs of them.
  const std::vector<std::pair<int64_t, int64_t>>& pairs() const { return pairs_; }

  // One stream a part, so that phi takes no numbers from psi and theta.
  NodeNet initial(uint64_t seed) const;
  Rule rule(double gamma) const;

  // Batches of node ids: support_x i64 [T,2K], query_x i64 [T,2Q], labels 0 and 1; support and query share no node. The stream decides all of it.
  // training: settings.tasks tasks, each of two classes that are not in the pair. test: tasks first .. first + count of a pair, in either label
  // order; the same for every seed and method.
  TaskBatch training(const Random& r, size_t pair, int shots) const;
  TaskBatch test(size_t pair, int shots, int64_t first, int64_t count) const;

  // J of a batch (cml.h). drop: dropout on the support passes, another mask a step. amm: with its regulariser.
  Objective objective(const NodeNet& net, const Rule& rule, const TaskBatch& batch, const std::optional<Random>& drop = {}) const;
  // The share of query nodes that each task's adapted net gets right, [0,1]; by_cohead: dagger.
  std::vector<double> accuracies(const NodeNet& net, const Rule& rule, const TaskBatch& batch, bool by_cohead = false) const;

 private:
  TaskBatch batch(const Random& r, const std::vector<int64_t>& classes, int64_t first, int64_t count, int shots, int query) const;
  NodeNet prepared(NodeNet net, const Tensor& support_ids) const;

  std::shared_ptr<const NodeGraph> graph_;
  NodeSettings settings_;
  std::vector<std::pair<int64_t, int64_t>> pairs_ = {};
};

// Trains one pair from `seed` for settings.steps outer steps of Adam. trains_cohead: false leaves phi at its initial values and out of Adam (base:
// rule.gamma = 0; frozen noise otherwise).
NodeNet train_pair(const NodeTask& task, const Rule& rule, size_t pair, int shots, uint64_t seed, bool trains_cohead);
// The mean accuracy over settings.test_tasks tasks of a pair.
double test_pair(const NodeTask& task, const NodeNet& net, const Rule& rule, size_t pair, int shots, bool by_cohead = false);

}  // namespace regrad::cml
