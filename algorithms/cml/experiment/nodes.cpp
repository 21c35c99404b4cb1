#include <algorithm>

#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/algorithms/experiment/unused.h>
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

// x [T,N] and support [T,S] as [T,N,1+S].
Tensor with_support(const Tensor& x, const Tensor& support) {
  return cat(
      {unsqueeze(x, 2), expand(unsqueeze(support, 1), {x.size(0), x.size(1), support.size(1)})}, 2);
}

// Each stream's `ways` classes of `classes`, k support and `query` query nodes of each.
TaskBatch draw(const NodeGraph& graph, const std::vector<int64_t>& classes, int64_t ways,
               const std::vector<Random>& streams, int64_t k, int64_t query) {
  std::vector<Tensor> support, queries;
  for (const Random& task : streams) {
    const std::vector<int64_t> order =
        randperm(task / "classes", static_cast<int64_t>(classes.size())).to_vector<int64_t>();
    for (int64_t label = 0; label < ways; ++label) {
      const int64_t c = classes[static_cast<size_t>(order[static_cast<size_t>(label)])];
      const Tensor& nodes = graph.nodes_of[static_cast<size_t>(c)];
      const Tensor drawn = index_select(nodes, 0, randperm(task / "nodes" / label, nodes.numel()));
      support.push_back(slice(drawn, 0, 0, k));
      queries.push_back(slice(drawn, 0, k, k + query));
    }
  }
  const auto of = [&](const std::vector<Tensor>& nodes) {
    return reshape(cat(nodes, 0), {static_cast<int64_t>(streams.size()), -1});
  };
  const auto labels = [&](int64_t each) {
    std::vector<Tensor> all;
    for (size_t t = 0; t < streams.size(); ++t)
      for (int64_t label = 0; label < ways; ++label)
        all.push_back(full({each}, static_cast<double>(label), DType::i64));
    return of(all);
  };
  TaskBatch out{of(support), labels(k), of(queries), labels(query)};
  if (graph.encoder != NodeEncoder::amm) return out;
  const Tensor beside = out.support_x;
  out.support_x = with_support(beside, beside);
  out.query_x = with_support(out.query_x, beside);
  return out;
}

// psi, theta and phi at the start.
NodeNet initial(const NodeSettings& s, const std::shared_ptr<const NodeGraph>& graph,
                const Random& r) {
  const int64_t in = graph->features.size(1), h = s.hidden;
  NodeBody body{.graph = graph};
  if (graph->encoder == NodeEncoder::sgc) {
    body.linear = Linear(r / "body", in, h);
  } else {
    body.gcn = Gcn(r / "body", in, h, h, s.dropout);
  }
  if (graph->encoder == NodeEncoder::amm) body.scale = FeatureScale(r / "scale", in, h);
  return with_heads(std::move(body), r, h, s.cohead_hidden, s.ways_of_task());
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

std::vector<ClassPair> class_pairs(int64_t classes) {
  std::vector<ClassPair> out;
  for (int64_t a = 0; a < classes; ++a)
    for (int64_t b = a + 1; b < classes; ++b) out.emplace_back(a, b);
  return out;
}

NodeSplit node_split(const NodeSettings& s, int64_t classes, uint64_t seed) {
  if (s.test_classes == 0) {
    need(classes >= 4, "nodes: a graph of " + std::to_string(classes) +
                           " classes; two to test on and two to train on are needed");
    const std::vector<ClassPair> pairs = class_pairs(classes);
    const auto [a, b] = pairs[seed % pairs.size()];
    NodeSplit out{{}, {}, {a, b}};
    for (int64_t c = 0; c < classes; ++c)
      if (c != a && c != b) out.train.push_back(c);
    out.validation = out.train;
    return out;
  }
  const int64_t kept_out = int64_t{s.test_classes} + s.validation_classes;
  need(classes >= kept_out + s.ways,
       "nodes: a graph of " + std::to_string(classes) + " classes; " +
           std::to_string(s.test_classes) + " to test on, " + std::to_string(s.validation_classes) +
           " for validation and " + std::to_string(s.ways) + " to train on are needed");
  const std::vector<int64_t> order =
      randperm(Random(seed) / "classes", classes).to_vector<int64_t>();
  const auto part = [&](int64_t first, int64_t last) {
    std::vector<int64_t> out(order.begin() + first, order.begin() + last);
    std::sort(out.begin(), out.end());
    return out;
  };
  return {part(kept_out, classes), part(s.test_classes, kept_out), part(0, s.test_classes)};
}

static const char* name(NodeEncoder encoder) {
  return encoder == NodeEncoder::sgc ? "sgc" : encoder == NodeEncoder::gmeta ? "g-meta" : "amm-gnn";
}

Task<NodeNet> node_task(const NodeSettings& s, std::shared_ptr<const NodeGraph> graph,
                        uint64_t seed, int shots) {
  const auto classes = static_cast<int64_t>(graph->nodes_of.size());
  const NodeSplit split = node_split(s, classes, seed);
  const int64_t most = shots + std::max(s.query, s.test_query);
  for (int64_t c = 0; c < classes; ++c) {
    const int64_t here = graph->nodes_of[static_cast<size_t>(c)].numel();
    need(here >= most, "nodes: class " + std::to_string(c) + " has " + std::to_string(here) +
                           " nodes; support and query need " + std::to_string(most));
  }
  const bool by_pair = s.test_classes == 0;
  const auto pair = by_pair ? static_cast<int64_t>(seed % class_pairs(classes).size()) : 0;
  Task<NodeNet> task{s, classification, [=](const Random& r) { return initial(s, graph, r); }};
  task.draw = [=](Split of, const Random& r, int64_t first, int64_t count) {
    const auto streams =
        task_streams(by_pair && of != Split::training ? r / pair : r, first, count);
    const bool small = of == Split::training || (of == Split::validation && !by_pair);
    return draw(*graph,
                of == Split::training     ? split.train
                : of == Split::validation ? split.validation
                                          : split.test,
                s.ways_of_task(), streams, shots, small ? s.query : s.test_query);
  };
  task.same_tests = false;  // a seed has classes of its own
  task.about = about_net(s, name(graph->encoder), shots);
  return task;
}

namespace {

class NodeExperiment : public FewShotExperiment<NodeSettings> {
 public:
  NodeExperiment(const std::string& task, const std::string& of, NodeEncoder encoder)
      : FewShotExperiment(task,
                          "MAML of first order and cooperative meta-learning (CML: Shin, Han and "
                          "Kim, UAI 2024) on the nodes of a graph, " +
                              of + "'s encoder. Each seed tests on other classes.",
                          classification),
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
      if (encoder_ != NodeEncoder::sgc) s.test_tasks = 50;
    }
    if (preset == "long" || preset == "paper") s.steps = 1000;
    if (preset == "paper" && encoder_ != NodeEncoder::sgc) {
      s.graph = "citeseer", s.test_classes = 2, seeds_ = 5;
      s.weight_decay = 5e-4, s.log_every = 10, s.validation_tasks = 20, s.patience = 10;
      s.select = "best", s.last = 0;
    }
    settings_ = s;
  }
  // As many as there are pairs.
  int seeds() const override {
    if (seeds_ > 0) return seeds_;
    return settings_.test_classes > 0 ? 5 : static_cast<int>(class_pairs(classes()).size());
  }
  void data(const std::string& folder) override {
    graph_ = node_graph(load_nodes(folder, settings_.graph), encoder_);
  }
  void check() const override {
    const NodeSettings& s = settings_;
    cml::check(s);
    need(s.graph == "cora" || s.graph == "citeseer" || s.graph == "blocks",
         "graph: there are cora, citeseer and blocks");
    need(s.test_classes == 0 || std::min(s.test_classes, s.validation_classes) >= s.ways,
         "ways: tasks of " + std::to_string(s.ways) + " classes of " +
             std::to_string(std::min(s.test_classes, s.validation_classes)));
    node_split(s, graph_ ? static_cast<int64_t>(graph_->nodes_of.size()) : classes(), 0);
    if (graph_) node_task(s, graph_, 0, *std::max_element(s.shots.begin(), s.shots.end()));
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    const std::string why = experiment::reason(
        key, {{"dropout", encoder_ == NodeEncoder::sgc, "Meta-GNN's encoder is a linear map"},
              {"ways validation_classes", settings_.test_classes == 0,
               "a seed tests on a pair of classes, and trains on all others (test_classes)"}});
    return why.empty() ? why_unused(key, settings_, methods, {}) : why;
  }
  // A GCN has two layers, and all nodes at once in its hidden one.
  std::vector<experiment::Need> needs(const experiment::Job& job) const override {
    const NodeSettings& s = settings_;
    const double in = graph_ ? static_cast<double>(graph_->features.size(1)) : 1, h = s.hidden,
                 ways = s.ways_of_task();
    std::vector<int> widths(encoder_ == NodeEncoder::sgc ? 1 : 2, s.hidden);
    NetSize net = mlp_size(in, widths, s.cohead_hidden, s.ways_of_task());
    net.inputs = 2, net.activations = h;  // node and label
    std::vector<experiment::Need> out =
        needs_of(s, net, ways * shots_of(job.variant), ways * s.query, ways * s.test_query);
    if (graph_ && encoder_ == NodeEncoder::amm)
      out.push_back({sizeof(float) * h * static_cast<double>(graph_->features.size(0)),
                     "the hidden units of every node"});
    return out;
  }
  std::vector<int64_t> parts_of(uint64_t seed) const override {
    return node_split(settings_, static_cast<int64_t>(graph_->nodes_of.size()), seed).test;
  }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override {
    if (!graph_) throw ConfigError("--task " + task_ + ": no graph was read");
    return trial_of(node_task(settings_, graph_, job.seed, shots_of(job.variant)), job);
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

  int64_t classes() const { return settings_.graph == "citeseer" ? 6 : 7; }

  const NodeEncoder encoder_;
  std::shared_ptr<const NodeGraph> graph_ = nullptr;  // after data()
};

}  // namespace

std::unique_ptr<experiment::Experiment> nodes_experiment(const std::string& task,
                                                         const std::string& of,
                                                         NodeEncoder encoder) {
  return std::make_unique<NodeExperiment>(task, of, encoder);
}

}  // namespace regrad::cml
