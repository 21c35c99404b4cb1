#include <algorithm>

#include <regrad/algorithms/cml/experiment/nodes.h>

namespace regrad::cml {
namespace {

Tensor ids(const std::vector<int64_t>& v, int64_t tasks) {
  return from_data(v.data(), {tasks, static_cast<int64_t>(v.size()) / tasks}, DType::i64);
}

// x [T,N] and support [T,S] as [T,N,1+S].
Tensor with_support(const Tensor& x, const Tensor& support) {
  return cat(
      {unsqueeze(x, 2), expand(unsqueeze(support, 1), {x.size(0), x.size(1), support.size(1)})}, 2);
}

}  // namespace

std::vector<std::pair<int64_t, int64_t>> class_pairs(int64_t classes) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (int64_t a = 0; a < classes; ++a)
    for (int64_t b = a + 1; b < classes; ++b) out.emplace_back(a, b);
  return out;
}

NodeTask::NodeTask(const NodeSettings& settings, std::shared_ptr<const NodeGraph> graph,
                   size_t pair, int shots)
    : s_(settings), graph_(std::move(graph)), pair_(pair), k_(shots) {
  const auto classes = static_cast<int64_t>(graph_->nodes_of.size());
  if (classes < 4)
    throw ConfigError("nodes: a graph of " + std::to_string(classes) +
                      " classes; two to test on and two to train on are needed");
  const int64_t most = k_ + std::max(s_.query, s_.test_query);
  for (int64_t c = 0; c < classes; ++c) {
    const auto here = static_cast<int64_t>(graph_->nodes_of[static_cast<size_t>(c)].size());
    if (here < most)
      throw ConfigError("nodes: class " + std::to_string(c) + " has " + std::to_string(here) +
                        " nodes; support and query need " + std::to_string(most));
  }
  const auto [a, b] = class_pairs(classes).at(pair);
  test_ = {a, b};
  for (int64_t c = 0; c < classes; ++c)
    if (c != a && c != b) train_.push_back(c);
}

NodeNet NodeTask::initial(uint64_t seed) const {
  const Random r = Random(seed) / "init";
  const int64_t in = graph_->features.size(1), h = s_.hidden;
  NodeBody body{.graph = graph_};
  if (graph_->encoder == NodeEncoder::sgc) {
    body.linear = Linear(r / "body", in, h);
  } else {
    body.gcn = Gcn(r / "body", in, h, h, s_.dropout);
  }
  if (graph_->encoder == NodeEncoder::amm) body.scale = FeatureScale(r / "scale", in, h);
  return with_heads(std::move(body), r, h, s_.cohead_hidden, 2);
}

TaskBatch NodeTask::batch(const Random& r, const std::vector<int64_t>& classes, int64_t first,
                          int64_t count, int query) const {
  std::vector<int64_t> support_x, support_y, query_x, query_y;
  for (int64_t t = first; t < first + count; ++t) {
    const Random task = r / t;
    const std::vector<int64_t> order =
        randperm(task / "classes", static_cast<int64_t>(classes.size())).to_vector<int64_t>();
    for (int64_t label = 0; label < 2; ++label) {
      const int64_t c = classes[static_cast<size_t>(order[static_cast<size_t>(label)])];
      const std::vector<int64_t>& nodes = graph_->nodes_of[static_cast<size_t>(c)];
      const std::vector<int64_t> drawn =
          randperm(task / "nodes" / label, static_cast<int64_t>(nodes.size())).to_vector<int64_t>();
      for (int i = 0; i < k_ + query; ++i) {
        (i < k_ ? support_x : query_x)
            .push_back(nodes[static_cast<size_t>(drawn[static_cast<size_t>(i)])]);
        (i < k_ ? support_y : query_y).push_back(label);
      }
    }
  }
  TaskBatch out{ids(support_x, count), ids(support_y, count), ids(query_x, count),
                ids(query_y, count)};
  if (graph_->encoder != NodeEncoder::amm) return out;
  const Tensor support = out.support_x;
  out.support_x = with_support(support, support);
  out.query_x = with_support(out.query_x, support);
  return out;
}
TaskBatch NodeTask::training(uint64_t seed, int64_t step) const {
  return batch(Random(seed) / "tasks" / step, train_, 0, s_.tasks, s_.query);
}
TaskBatch NodeTask::held_out(Held split, int64_t first, int64_t count) const {
  const bool test = split == Held::test;
  return batch(Random(0) / name(split) / static_cast<int64_t>(pair_), test ? test_ : train_, first,
               count, s_.test_query);
}

namespace {

class NodeExperiment : public FewShotExperiment<NodeSettings> {
 public:
  NodeExperiment(const std::string& task, const std::string& of, NodeEncoder encoder)
      : FewShotExperiment(task,
                          "MAML of first order and cooperative meta-learning (CML: Shin, Han and "
                          "Kim, UAI 2024) on the nodes of a graph: two classes, " +
                              of + "'s encoder. Each seed tests on another pair of classes.",
                          "accuracy", experiment::Better::higher),
        encoder_(encoder) {}

  void choose(const std::string&, const std::string& preset) override {
    NodeSettings s;  // protocol C of the specification, after Meta-GNN's code
    s.steps = 300, s.tasks = 5, s.shots = {1, 5}, s.log_every = 100, s.last = 3;
    s.inner_steps = 10, s.alpha = 0.5, s.lr = 0.003, s.first_order = true;
    s.test_tasks = 250, s.test_chunk = 50, s.validation_tasks = 50;
    if (encoder_ != NodeEncoder::sgc) {  // CML's appendix A.2 and the code that it reuses
      s.tasks = 1, s.query = 5, s.test_query = 10, s.test_tasks = 100;
      s.inner_steps = 20, s.alpha = 0.05, s.lr = 0.001;
    }
    s.graph = preset == "tiny" ? "blocks" : "cora";
    seeds_ = 0;
    if (preset == "tiny") {
      s.shots = {1};
      if (encoder_ != NodeEncoder::sgc) s.test_tasks = 50, seeds_ = 6;
    }
    if (preset == "long" || preset == "paper") s.steps = 1000;
    settings_ = s;
  }
  // As many as there are pairs.
  int seeds() const override {
    if (seeds_ > 0) return seeds_;
    return static_cast<int>(class_pairs(settings_.graph == "citeseer" ? 6 : 7).size());
  }
  void data(const std::string& folder) override {
    graph_ = node_graph(load_nodes(folder, settings_.graph), encoder_);
  }
  void check() const override {
    const NodeSettings& s = settings_;
    cml::check(s);
    need(s.graph == "cora" || s.graph == "citeseer" || s.graph == "blocks",
         "graph: there are cora, citeseer and blocks");
    if (graph_) NodeTask(s, graph_, 0, *std::max_element(s.shots.begin(), s.shots.end()));
  }
  // A GCN has two layers, and all nodes at once in its hidden one.
  std::vector<experiment::Need> needs(const experiment::Job& job) const override {
    const NodeSettings& s = settings_;
    const double in = graph_ ? static_cast<double>(graph_->features.size(1)) : 1, h = s.hidden,
                 k = shots_of(job.variant);
    const double body =
        encoder_ == NodeEncoder::sgc ? mlp_parameters({in, h}) : mlp_parameters({in, h, h});
    std::vector<experiment::Need> out =
        needs_of(s, {body + head_parameters(h, s.cohead_hidden, 2), 2 * k, 2.0 * s.query,
                     2.0 * s.test_query, 2, h});
    if (graph_ && encoder_ == NodeEncoder::amm)
      out.push_back({sizeof(float) * h * static_cast<double>(graph_->features.size(0)),
                     "the hidden units of every node"});
    return out;
  }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override {
    if (!graph_) throw ConfigError("--task " + task_ + ": no graph was read");
    const size_t pairs = class_pairs(static_cast<int64_t>(graph_->nodes_of.size())).size();
    return trial_of(NodeTask(settings_, graph_, job.seed % pairs, shots_of(job.variant)), job);
  }

 private:
  void ask(const Asked& at) const override {
    if (encoder_ == NodeEncoder::sgc && settings_.graph == "cora") at.reaches("maml", 58);
    at.claims.within(at.text("cml within 3 points of maml"), at.of("cml"), at.of("maml"), 3);
    at.better("cml", "maml");
    at.better("cml-g1", "maml");
    at.better("dagger", "cml");
    at.better("cml", "noise", "frozen noise");
  }

  const NodeEncoder encoder_;
  std::shared_ptr<const NodeGraph> graph_ = nullptr;  // after data()
};

}  // namespace

std::unique_ptr<experiment::Experiment> nodes_experiment(NodeEncoder encoder) {
  switch (encoder) {
    case NodeEncoder::sgc: return std::make_unique<NodeExperiment>("nodes", "Meta-GNN", encoder);
    case NodeEncoder::gmeta:
      return std::make_unique<NodeExperiment>("nodes-gmeta", "G-Meta", encoder);
    default: return std::make_unique<NodeExperiment>("nodes-amm", "AMM-GNN", encoder);
  }
}

}  // namespace regrad::cml
