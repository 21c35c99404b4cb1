#include <regrad/algorithms/cml/nodes.h>

#include <algorithm>

namespace regrad::cml {
namespace {

// Rows ids of x [n,f]: [..,f].
Tensor rows(const Tensor& x, const Tensor& ids) {
  Shape sizes = ids.shape();
  sizes.push_back(x.size(1));
  return reshape(index_select(x, 0, reshape(ids, {ids.numel()})), sizes);
}

// The same net at task t's parameters.
Gcn of_task(const Gcn& gcn, int64_t t) {
  return map(gcn, [t](const Tensor& p) { return p[t]; });
}

// G-Meta: ids [N] -> [N,out].
Tensor by_subgraphs(const Gcn& gcn, const NodeGraph& g, const Tensor& ids, const std::optional<Random>& drop) {
  const Subgraphs around = neighbourhoods(g.adjacency, ids, 2);
  return spmm(around.mean, gcn(normalized(around.adjacency, Propagation::random_walk), index_rows(g.words, around.nodes), drop));
}

// AMM-GNN: X diag(1 + 0.01 scale) W is X times W with its rows scaled, so X stays sparse.
Tensor on_whole_graph(Gcn gcn, const NodeGraph& g, const Tensor& ids, const Tensor& scale, const std::optional<Random>& drop) {
  if (scale.defined()) gcn.conv1.weight = gcn.conv1.weight * unsqueeze(affine(scale, 0.01, 1), -1);
  const Tensor h = gcn(g.propagation, g.words, drop);
  if (ids.dim() == 1) return index_select(h, 0, ids);
  std::vector<Tensor> tasks;
  for (int64_t t = 0; t < ids.size(0); ++t) tasks.push_back(index_select(h.dim() == 3 ? h[t] : h, 0, ids[t]));
  return stack(tasks, 0);
}

std::vector<std::vector<int64_t>> nodes_by_class(const Tensor& labels, int64_t classes) {
  std::vector<std::vector<int64_t>> out(static_cast<size_t>(classes));
  const std::vector<int64_t> of = labels.to_vector<int64_t>();
  for (size_t i = 0; i < of.size(); ++i) {
    if (of[i] >= classes)
      throw ShapeError("node_graph: node " + std::to_string(i) + " has label " + std::to_string(of[i]) + " of " + std::to_string(classes));
    if (of[i] >= 0) out[static_cast<size_t>(of[i])].push_back(static_cast<int64_t>(i));
  }
  return out;
}

Tensor id_tensor(const std::vector<int64_t>& v, int64_t tasks) {
  return from_data(v.data(), {tasks, static_cast<int64_t>(v.size()) / tasks}, DType::i64);
}

constexpr int64_t test_chunk = 50;

}  // namespace

NodeEncoder node_encoder(const std::string& name) {
  if (name == "sgc") return NodeEncoder::sgc;
  if (name == "gmeta") return NodeEncoder::gmeta;
  if (name == "amm") return NodeEncoder::amm;
  throw ConfigError("encoder '" + name + "': there are sgc, gmeta and amm");
}

void use_protocol(NodeSettings& s, NodeEncoder encoder) {
  if (encoder == NodeEncoder::sgc) return;
  s.encoder = encoder == NodeEncoder::gmeta ? "gmeta" : "amm";
  s.tasks = 1;
  s.query = 5;
  s.test_query = 10;
  s.inner_steps = 20;
  s.alpha = 0.05;
  s.lr = 0.001;
  s.weight_decay = 5e-4;
}

void check(const NodeSettings& s) {
  const auto need = [](bool holds, const char* what) {
    if (!holds) throw ConfigError(what);
  };
  node_encoder(s.encoder);
  need(s.graph == "cora" || s.graph == "citeseer" || s.graph == "blocks", "graph: there are cora, citeseer and blocks");
  need(s.steps >= 1 && s.tasks >= 1 && s.inner_steps >= 0 && s.test_tasks >= 1 && s.pairs >= 0,
       "steps, tasks and test-tasks must be at least 1, inner-steps and pairs at least 0");
  need(!s.shots.empty() && *std::min_element(s.shots.begin(), s.shots.end()) >= 1, "shots: at least one K, each at least 1");
  need(s.query >= 1 && s.test_query >= 1 && s.hidden >= 1 && s.cohead_hidden >= 1, "query, test-query, hidden and cohead-hidden must be at least 1");
  need(s.lr > 0 && s.alpha >= 0 && s.gamma >= 0 && s.weight_decay >= 0, "lr must be above 0, alpha, gamma and weight-decay not below 0");
  need(s.dropout >= 0 && s.dropout < 1, "dropout must be in [0, 1)");
}

std::shared_ptr<const NodeGraph> node_graph(const Tensor& features, const Tensor& labels, const Tensor& edges, int64_t classes, NodeEncoder encoder) {
  if (features.dim() != 2 || labels.dim() != 1 || labels.size(0) != features.size(0))
    throw ShapeError("node_graph: features " + str(features.shape()) + " and labels " + str(labels.shape()) + "; they must be [n,f] and [n]");
  const NoGrad quiet;
  auto g = std::make_shared<NodeGraph>();
  g->encoder = encoder;
  g->nodes_of = nodes_by_class(labels, classes);
  g->features = normalize_rows(features);
  const int64_t nodes = features.size(0);
  switch (encoder) {
    case NodeEncoder::sgc: g->features = propagate(normalized_adjacency(edges, nodes, Propagation::symmetric), g->features, 2); break;
    case NodeEncoder::gmeta: g->adjacency = csr_from_edges(edges, nodes, {.self_loops = true}); break;
    case NodeEncoder::amm: g->propagation = normalized_adjacency(edges, nodes, Propagation::random_walk); break;
  }
  if (encoder != NodeEncoder::sgc) g->words = to_sparse(g->features);
  return g;
}

Tensor NodeBody::operator()(const Tensor& ids) const {
  if (graph->encoder == NodeEncoder::sgc) return linear(rows(graph->features, ids));
  if (graph->encoder == NodeEncoder::amm) {
    const Tensor of_task = support_mean.defined() ? scale(support_mean) : Tensor();
    return on_whole_graph(gcn, *graph, ids, of_task, drop);
  }
  if (ids.dim() == 1) return by_subgraphs(gcn, *graph, ids, drop);
  std::vector<Tensor> tasks;
  for (int64_t t = 0; t < ids.size(0); ++t) {
    const std::optional<Random> own = drop ? std::optional(*drop / t) : drop;
    tasks.push_back(by_subgraphs(gcn.conv1.weight.dim() == 3 ? cml::of_task(gcn, t) : gcn, *graph, ids[t], own));
  }
  return stack(tasks, 0);
}

NodeTask::NodeTask(std::shared_ptr<const NodeGraph> graph, NodeSettings settings) : graph_(std::move(graph)), settings_(std::move(settings)) {
  check(settings_);
  const int64_t classes = graph_->classes();
  if (classes < 4) throw ConfigError("nodes: a graph of " + std::to_string(classes) + " classes; two to test on and two to train on are needed");
  const int64_t most = *std::max_element(settings_.shots.begin(), settings_.shots.end()) + std::max(settings_.query, settings_.test_query);
  for (size_t c = 0; c < graph_->nodes_of.size(); ++c)
    if (static_cast<int64_t>(graph_->nodes_of[c].size()) < most)
      throw ConfigError("nodes: class " + std::to_string(c) + " has " + std::to_string(graph_->nodes_of[c].size()) +
                        " nodes; support and query need " + std::to_string(most));
  for (int64_t a = 0; a < classes; ++a)
    for (int64_t b = a + 1; b < classes; ++b) pairs_.emplace_back(a, b);
  if (settings_.pairs > 0 && static_cast<size_t>(settings_.pairs) < pairs_.size()) pairs_.resize(static_cast<size_t>(settings_.pairs));
}

NodeNet NodeTask::initial(uint64_t seed) const {
  const Random r = Random(seed) / "init";
  const int64_t in = graph_->features.size(1), h = settings_.hidden;
  NodeNet net{{}, Linear(r / "head", h, 2), Mlp(r / "cohead", {h, settings_.cohead_hidden, 2}, true)};
  net.body.graph = graph_;
  if (graph_->encoder == NodeEncoder::sgc) {
    net.body.linear = Linear(r / "body", in, h);
  } else {
    net.body.gcn = Gcn(r / "body", in, h, h, settings_.dropout);
  }
  if (graph_->encoder == NodeEncoder::amm) net.body.scale = FeatureScale(r / "scale", in, h);
  return net;
}

Rule NodeTask::rule(double gamma) const { return {.alpha = settings_.alpha, .gamma = gamma, .steps = settings_.inner_steps, .second_order = false}; }

TaskBatch NodeTask::batch(const Random& r, const std::vector<int64_t>& classes, int64_t first, int64_t count, int shots, int query) const {
  std::vector<int64_t> support_x, support_y, query_x, query_y;
  for (int64_t t = first; t < first + count; ++t) {
    const Random task = r / t;
    const std::vector<int64_t> order = randperm(task / "classes", static_cast<int64_t>(classes.size())).to_vector<int64_t>();
    for (int64_t label = 0; label < 2; ++label) {
      const std::vector<int64_t>& nodes = graph_->nodes_of[static_cast<size_t>(classes[static_cast<size_t>(order[static_cast<size_t>(label)])])];
      const std::vector<int64_t> drawn = randperm(task / "nodes" / label, static_cast<int64_t>(nodes.size())).to_vector<int64_t>();
      for (int i = 0; i < shots + query; ++i) {
        (i < shots ? support_x : query_x).push_back(nodes[static_cast<size_t>(drawn[static_cast<size_t>(i)])]);
        (i < shots ? support_y : query_y).push_back(label);
      }
    }
  }
  return {id_tensor(support_x, count), id_tensor(support_y, count), id_tensor(query_x, count), id_tensor(query_y, count)};
}

TaskBatch NodeTask::training(const Random& r, size_t pair, int shots) const {
  std::vector<int64_t> classes;
  for (int64_t c = 0; c < graph_->classes(); ++c)
    if (c != pairs_.at(pair).first && c != pairs_.at(pair).second) classes.push_back(c);
  return batch(r, classes, 0, settings_.tasks, shots, settings_.query);
}
TaskBatch NodeTask::test(size_t pair, int shots, int64_t first, int64_t count) const {
  const auto [a, b] = pairs_.at(pair);
  return batch(Random(0) / "test" / static_cast<int64_t>(pair), {a, b}, first, count, shots, settings_.test_query);
}

NodeNet NodeTask::prepared(NodeNet net, const Tensor& support_ids) const {
  if (graph_->encoder == NodeEncoder::amm) net.body.support_mean = mean(rows(graph_->features, support_ids), {1});
  return net;
}

Objective NodeTask::objective(const NodeNet& net, const Rule& rule, const TaskBatch& batch, const std::optional<Random>& drop) const {
  NodeNet start = prepared(per_task(net, batch.tasks()), batch.support_x);
  const bool drops = drop && graph_->encoder != NodeEncoder::sgc && settings_.dropout > 0;
  if (drops) start.body.drop = *drop / 0;
  const auto next_mask = [&](int j, NodeNet& n) {
    if (drops) n.body.drop = *drop / (j + 1);
  };
  const Moves which = moves_of(start, rule);
  NodeNet fast = inner_loop(std::move(start), rule.steps, which,
                            slope(support_loss(rule, cross_entropy_by_task, batch.support_x, batch.support_y), rule.second_order),
                            FixedRate{rule.alpha}, next_mask);
  fast.body.drop = {};
  Objective o = query_loss(fast, rule, cross_entropy_by_task, batch);
  if (graph_->encoder == NodeEncoder::amm) o.total = o.total + 0.01 * scale_similarity(net.body.scale(fast.body.support_mean));
  return o;
}

std::vector<double> NodeTask::accuracies(const NodeNet& net, const Rule& rule, const TaskBatch& batch, bool by_cohead) const {
  const NodeNet fast = adapted(prepared(net, batch.support_x), rule, cross_entropy_by_task, batch.support_x, batch.support_y);
  const NoGrad quiet;
  const Tensor features = fast.body(batch.query_x), logits = by_cohead ? fast.cohead(features) : fast.head(features);
  return mean(eq(argmax(logits, -1), batch.query_y).to(DType::f64), {1}).to_vector();
}

NodeNet train_pair(const NodeTask& task, const Rule& rule, size_t pair, int shots, uint64_t seed, bool trains_cohead) {
  const Adam adam{.lr = task.settings().lr, .weight_decay = task.settings().weight_decay};
  Adam::State state;
  NodeNet net = task.initial(seed);
  Mlp cohead = net.cohead;
  for (int64_t i = 0; i < task.settings().steps; ++i) {
    const TaskBatch batch = task.training(Random(seed) / "tasks" / i, pair, shots);
    const Tensor loss = task.objective(net, rule, batch, Random(seed) / "dropout" / i).total;
    if (trains_cohead) {
      net = update(adam, std::move(net), state, grad(loss, net));
      continue;
    }
    NodeNet mine = net;
    mine.cohead = {};
    mine = update(adam, std::move(mine), state, grad(loss, mine));
    net = std::move(mine);
    net.cohead = cohead;
  }
  return net;
}

double test_pair(const NodeTask& task, const NodeNet& net, const Rule& rule, size_t pair, int shots, bool by_cohead) {
  double total = 0;
  for (int64_t first = 0; first < task.settings().test_tasks; first += test_chunk) {
    const int64_t count = std::min<int64_t>(test_chunk, task.settings().test_tasks - first);
    for (const double share : task.accuracies(net, rule, task.test(pair, shots, first, count), by_cohead)) total += share;
  }
  return total / task.settings().test_tasks;
}

}  // namespace regrad::cml
