// The node tasks of regrad-cml: episodes, the encoders under CML's learner, and a pair that is
// learned on a block model.
#include <doctest/doctest.h>

#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/datasets/block_model.h>
#include <regrad/engine/parallel.h>

#include <set>

using namespace regrad;
using namespace regrad::cml;

namespace {

NodeSettings settings(NodeEncoder encoder) {
  NodeSettings s;
  s.steps = 100, s.tasks = 5, s.inner_steps = 10, s.alpha = 0.5, s.lr = 0.003, s.first_order = true;
  s.test_tasks = 100, s.log_every = 1000, s.last = 0;
  if (encoder != NodeEncoder::sgc)
    s.steps = 3, s.tasks = 2, s.inner_steps = 3, s.alpha = 0.05, s.query = 3, s.test_query = 4;
  return s;
}

Graph blocks() { return load_nodes("", "blocks"); }

using NodeTask = Task<NodeNet>;
NodeTask task_of(NodeEncoder encoder, int shots = 5, uint64_t pair = 3) {
  return node_task(settings(encoder), node_graph(blocks(), encoder), pair, shots);
}

Learner<NodeNet> trained(const NodeTask& task, const char* name, double gamma, int steps,
                         uint64_t seed = 1) {
  MetaSettings s = task.settings;
  s.gamma = gamma;
  Learner<NodeNet> learner(task.at_seed(seed), method(name), s, task.scoring.loss, seed);
  for (int64_t i = 0; i < steps; ++i) learner.learn(task.training(seed, i), i);
  return learner;
}

double accuracy(const NodeTask& task, const Learner<NodeNet>& learner, bool adapts = true) {
  const TaskBatch b = task.held_out(Split::test, 0, task.settings.test_tasks);
  const NodeNet net =
      adapts ? learner.adapted(b.support_x, b.support_y) : per_task(learner.net(), b.tasks());
  const NoGrad quiet;
  return mean(task.scoring.metric(net.head(net.body(b.query_x)), b.query_y)).item();
}

std::vector<float> numbers(const NodeBody& body, const Linear& head) {
  std::vector<float> out;
  for (const auto& list : {parameters(body), parameters(head)})
    for (const Tensor& t : list)
      for (float v : t.to_vector<float>()) out.push_back(v);
  return out;
}

}  // namespace

TEST_CASE(
    "episodes: two classes outside the pair in training, the pair at test; support and query share "
    "no node; labels fit") {
  const NodeTask task = task_of(NodeEncoder::sgc, 2, 8);  // classes 1 and 4
  const Graph data = blocks();
  const std::vector<int64_t> label = data.labels.to_vector<int64_t>();
  std::set<int64_t> seen;
  int flipped = 0;
  for (int64_t i = 0; i < 40; ++i) {
    for (const Split split : {Split::training, Split::validation, Split::test}) {
      const TaskBatch b =
          split == Split::training ? task.training(3, i) : task.held_out(split, i, 1);
      CHECK(b.support_x.shape() == Shape{b.tasks(), 4});
      CHECK(b.query_x.shape() == Shape{b.tasks(), 24});
      for (int64_t t = 0; t < b.tasks(); ++t) {
        std::set<int64_t> nodes;
        int64_t of[2] = {-1, -1};
        for (const auto& [x, y] :
             {std::pair{b.support_x[t], b.support_y[t]}, std::pair{b.query_x[t], b.query_y[t]}}) {
          const std::vector<int64_t> ids = x.to_vector<int64_t>(), labels = y.to_vector<int64_t>();
          for (size_t k = 0; k < ids.size(); ++k) {
            CHECK(nodes.insert(ids[k]).second);
            const int64_t c = label[static_cast<size_t>(ids[k])];
            int64_t& known = of[labels[k]];
            CHECK((known == -1 || known == c));
            known = c;
          }
        }
        CHECK(of[0] != of[1]);
        if (split == Split::test) {
          CHECK(std::set<int64_t>{of[0], of[1]} == std::set<int64_t>{1, 4});
          flipped += of[0] == 4;
        } else {
          seen.insert({of[0], of[1]});
        }
      }
    }
  }
  CHECK(seen == std::set<int64_t>{0, 2, 3, 5, 6});
  CHECK((flipped > 5 && flipped < 35));
  // One stream for each task: the same tasks whatever number is asked for at once.
  CHECK(task.held_out(Split::test, 0, 3).query_x[2].to_vector() ==
        task.held_out(Split::test, 2, 1).query_x[0].to_vector());
}

TEST_CASE("pairs: seed s tests on pair s, around and around; the others are trained on") {
  const NodeSettings s = settings(NodeEncoder::sgc);
  const std::vector<ClassPair> pairs = class_pairs(7);
  for (const uint64_t seed : {0, 8, 20, 29}) {
    const NodeSplit split = node_split(s, 7, seed);
    const ClassPair pair = pairs[seed % 21];
    CHECK(split.test == std::vector<int64_t>{pair.first, pair.second});
    CHECK(split.train.size() == 5);
    for (const int64_t c : split.train) CHECK((c != pair.first && c != pair.second));
    CHECK(split.validation == split.train);
  }
}

TEST_CASE("three parts of the classes: every class in one of them, drawn by the seed; N ways") {
  NodeSettings s = settings(NodeEncoder::sgc);
  s.ways = 3, s.test_classes = 3, s.validation_classes = 3, s.query = 4, s.test_query = 6;
  s.tasks = 2;
  const Graph data = BlockModel{.nodes = 200, .classes = 10}.sample(Random(3));
  const auto graph = node_graph(data, NodeEncoder::sgc);
  const std::vector<int64_t> label = data.labels.to_vector<int64_t>();
  std::set<std::vector<int64_t>> tests;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const NodeSplit split = node_split(s, 10, seed);
    CHECK(split.train.size() == 4);
    CHECK(split.validation.size() == 3);
    CHECK(split.test.size() == 3);
    std::set<int64_t> together;
    for (const auto* part : {&split.train, &split.validation, &split.test})
      together.insert(part->begin(), part->end());
    CHECK(together.size() == 10);
    tests.insert(split.test);

    const NodeTask task = node_task(s, graph, seed, 2);
    std::set<std::pair<int64_t, int64_t>> dealt;  // class and label
    for (int64_t i = 0; i < 30; ++i) {
      for (const Split of : {Split::training, Split::validation, Split::test}) {
        const TaskBatch b =
            of == Split::training ? task.training(seed, i) : task.held_out(of, i, 1);
        CHECK(b.support_x.size(1) == 6);
        CHECK(b.query_x.size(1) == (of == Split::test ? 18 : 12));
        const auto& classes = of == Split::training     ? split.train
                              : of == Split::validation ? split.validation
                                                        : split.test;
        const std::set<int64_t> known(classes.begin(), classes.end());
        for (const auto& [x, y] :
             {std::pair{b.support_x[0], b.support_y[0]}, std::pair{b.query_x[0], b.query_y[0]}})
          for (int64_t k = 0; k < x.numel(); ++k) {
            const int64_t c = label[static_cast<size_t>(x[k].item())];
            CHECK(known.count(c) == 1);
            if (of == Split::test) dealt.insert({c, static_cast<int64_t>(y[k].item())});
          }
      }
    }
    CHECK(dealt.size() == 9);
  }
  CHECK(tests.size() > 2);
  CHECK(node_task(s, graph, 0, 2).at_seed(1).head.weight.shape() == Shape{3, 16});
  CHECK(node_task(s, graph, 0, 2).at_seed(1).cohead.layers.back().weight.shape() == Shape{3, 16});
  CHECK_THROWS_AS(node_split(s, 8, 0), ConfigError);
}

TEST_CASE("a trial of the experiment is that of its seed's classes, by pairs and by three parts") {
  for (const bool three : {false, true}) {
    const auto e = nodes_experiment("nodes", "Meta-GNN", NodeEncoder::sgc);
    e->choose("nodes", "tiny");
    std::vector<std::pair<const char*, const char*>> values{
        {"steps", "4"}, {"log_every", "2"}, {"test_tasks", "20"}, {"last", "0"}};
    if (three)
      values.insert(values.end(), {{"test_classes", "2"},
                                   {"validation_classes", "2"},
                                   {"weight_decay", "0.01"},
                                   {"select", "best"}});
    auto fields = e->fields();
    for (const auto& [key, value] : values) experiment::assign(fields, key, value, key);
    e->data("");
    e->check();
    NodeSettings s;
    s.steps = 4, s.tasks = 5, s.log_every = 2, s.inner_steps = 10, s.alpha = 0.5, s.lr = 0.003;
    s.first_order = true, s.test_tasks = 20, s.test_chunk = 50, s.validation_tasks = 50, s.last = 0;
    if (three) s.test_classes = s.validation_classes = 2, s.weight_decay = 0.01, s.select = "best";
    const auto graph = node_graph(blocks(), NodeEncoder::sgc);
    const auto scores = [](experiment::Trial& trial) {
      std::vector<double> out;
      for (int64_t i = 0; i < 4; ++i) trial.step(i);
      for (const auto& score : trial.finish().scores) out.push_back(score.value);
      return out;
    };
    std::set<std::vector<double>> all;
    for (const uint64_t seed : {3, 24, 5}) {
      const experiment::Job job{"cml", "K=1", seed};
      const auto own = trial_of(node_task(s, graph, seed, 1), job);
      const std::vector<double> found = scores(*e->trial(job));
      CHECK(found == scores(*own));
      all.insert(found);
    }
    CHECK(all.size() == 3);
  }
}

TEST_CASE(
    "100 steps on one pair of a block model end well above chance, and adaptation is what does "
    "it") {
  const NodeTask task = task_of(NodeEncoder::sgc);
  const Learner<NodeNet> base = trained(task, "maml", 0.2, 100),
                         cml = trained(task, "cml", 0.2, 100);
  CHECK(accuracy(task, base) > 75);
  CHECK(accuracy(task, cml) > 75);
  CHECK(accuracy(task, base, false) < 58);
  CHECK(parameter_count(base.net().body) + parameter_count(base.net().head) ==
        200 * 16 + 16 + 16 * 2 + 2);
  CHECK(parameter_count(base.net().cohead) == 16 * 16 + 16 + 16 * 2 + 2);
}

TEST_CASE("the seeds of a table without arguments have an interval: no class is in every pair") {
  for (const auto& [task, encoder] : {std::pair{"nodes", NodeEncoder::sgc},
                                      {"nodes-gmeta", NodeEncoder::gmeta},
                                      {"nodes-amm", NodeEncoder::amm}}) {
    CAPTURE(task);
    const auto table = nodes_experiment(task, "", encoder);
    table->choose(task, "tiny");
    table->data("");
    std::vector<std::vector<int64_t>> parts;
    std::vector<double> values;
    for (int s = 0; s < table->seeds(); ++s) {
      parts.push_back(table->parts_of(static_cast<uint64_t>(s)));
      values.push_back(Random(1).normal(static_cast<uint64_t>(s)));
    }
    CHECK(experiment::jackknife_interval(values, parts).ci95 > 0);
  }
}

TEST_CASE("gamma = 0 is the base, bit for bit, and leaves phi; gamma > 0 is not") {
  for (const NodeEncoder encoder : {NodeEncoder::sgc, NodeEncoder::gmeta, NodeEncoder::amm}) {
    const NodeTask task = task_of(encoder, 2);
    const int steps = encoder == NodeEncoder::sgc ? 20 : 2;
    const Learner<NodeNet> base = trained(task, "maml", 0.2, steps),
                           none = trained(task, "cml", 0, steps),
                           some = trained(task, "cml", 0.2, steps);
    CHECK(numbers(none.net().body, none.net().head) == numbers(base.net().body, base.net().head));
    CHECK(numbers(some.net().body, some.net().head) != numbers(base.net().body, base.net().head));
    const NodeNet start = task.at_seed(1);
    for (size_t i = 0; i < parameters(start.cohead).size(); ++i)
      CHECK(parameters(none.net().cohead)[i].to_vector() ==
            parameters(start.cohead)[i].to_vector());
  }
}

TEST_CASE("training has the same bits on one thread and on four") {
  for (const NodeEncoder encoder : {NodeEncoder::sgc, NodeEncoder::gmeta, NodeEncoder::amm}) {
    const NodeTask task = task_of(encoder, 1);
    const int before = num_threads();
    set_num_threads(1);
    const Learner<NodeNet> one = trained(task, "cml", 0.2, 2);
    set_num_threads(4);
    const Learner<NodeNet> four = trained(task, "cml", 0.2, 2);
    set_num_threads(before);
    CHECK(numbers(one.net().body, one.net().head) == numbers(four.net().body, four.net().head));
  }
}

TEST_CASE(
    "encoders: a task dimension is the loop over tasks; a GCN's dropout is on in training passes "
    "alone") {
  for (const NodeEncoder encoder : {NodeEncoder::sgc, NodeEncoder::gmeta, NodeEncoder::amm}) {
    const NodeTask task = task_of(encoder, 2);
    const TaskBatch b = task.held_out(Split::test, 0, 3);
    const NodeNet net = task.at_seed(5), tasks = map(per_task(net, 3), [](const Tensor&p) {
                                           return p * uniform(Random(6), p.shape(), 0.5, 1.5);
                                         });
    const NoGrad quiet;
    const Tensor y = tasks.body(b.query_x);
    CHECK(y.shape() == Shape{3, 8 + (encoder == NodeEncoder::sgc ? 16 : 0), 16});
    for (int64_t t = 0; t < 3; ++t) {
      const NodeNet own = map(tasks, [t](const Tensor& p) { return slice(p, 0, t, t + 1); });
      const Tensor alone = own.body(slice(b.query_x, 0, t, t + 1));
      CHECK(amax(abs(alone[0] - y[t])).item() <= 1e-5);
    }
    const bool differs =
        net.body(b.query_x, {true, Random(7)}).to_vector() != net.body(b.query_x).to_vector();
    CHECK(differs == (encoder != NodeEncoder::sgc));
  }
}

TEST_CASE("AMM-GNN's scale comes from the task's support nodes") {
  const NodeTask task = task_of(NodeEncoder::amm, 2);
  const TaskBatch b = task.held_out(Split::test, 0, 2);
  CHECK(b.query_x.shape() == Shape{2, 8, 5});
  const NodeNet net = task.at_seed(5);
  const NoGrad quiet;
  const Tensor nodes = select(b.query_x, 2, 0);
  CHECK(net.body(b.query_x).to_vector() != net.body(nodes).to_vector());
  // The same query nodes beside the other task's support.
  const Tensor other = cat({unsqueeze(nodes, 2), flip(slice(b.query_x, 2, 1, 5), {0})}, 2);
  CHECK(net.body(other).to_vector() != net.body(b.query_x).to_vector());
}

TEST_CASE("what cannot be sampled or read is refused, and the message names the reason") {
  const auto graph = node_graph(blocks(), NodeEncoder::sgc);
  NodeSettings s = settings(NodeEncoder::sgc);
  s.query = 96;
  CHECK_THROWS_WITH_AS(node_task(s, graph, 0, 5),
                       "nodes: class 0 has 100 nodes; support and query need 101", ConfigError);
  Graph few = blocks();
  few.labels = few.labels * 0.0;
  few.labels = few.labels.to(DType::i64);
  few.classes.resize(3);
  CHECK_THROWS_AS(node_task(settings(NodeEncoder::sgc), node_graph(few, NodeEncoder::sgc), 0, 1),
                  ConfigError);
  Graph wrong = blocks();
  wrong.classes.resize(6);
  CHECK_THROWS_AS(node_graph(wrong, NodeEncoder::sgc), ShapeError);
  CHECK_THROWS_AS(load_nodes("", "pubmed"), ConfigError);
  CHECK_THROWS_AS(load_nodes("", "cora"), IOError);
  CHECK_THROWS_AS(load_nodes("/nonexistent", "cora"), IOError);
}
