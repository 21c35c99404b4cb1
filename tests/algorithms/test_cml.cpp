// CML's exact facts about gradients. Numbers are those of the specification's list of facts; the
// rest of the list is in test_cml_training.cpp.
// f64, the sinusoid net 1-40-40-1 with the co-learner 40-40-1, 4 tasks of 10 points, unless a test
// names others.
#include <doctest/doctest.h>

#include <regrad/engine/parallel.h>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;
using Rule = cml::Rule<>;

namespace {

const std::vector<Rule> orders = {{.inner = {.second_order = true}},
                                  {.inner = {.second_order = false}}};

// What the recursion of section 1 gives for one task: v_0 for (psi, theta), and the gradient of
// phi.
struct Recursion {
  std::vector<Tensor> meta, phi;
};

std::vector<Tensor> leaves(const std::vector<Tensor>& values) {
  std::vector<Tensor> out;
  for (const Tensor& v : values) out.push_back(v.detach().requires_grad_());
  return out;
}

//   v_M = (dL^m_Q/dpsi' + gamma dL^c_Q/dpsi', dL^m_Q/dtheta'),
//   v_j = v_{j+1} - alpha H_S(w_j) v_{j+1}
Recursion recursion(const Net& net, const Rule& rule, const TaskBatch& batch, int64_t task) {
  const auto support = [&](const std::vector<Tensor>& w) {
    return mse_loss(at(deployed(net), w)(batch.support_x[task]), batch.support_y[task]);
  };
  std::vector<std::vector<Tensor>> w = {leaves(parameters(deployed(net)))};
  for (int j = 0; j < rule.inner.steps; ++j) {
    const std::vector<Tensor>& here = w.back();
    std::vector<Tensor> next = grad(TensorList(support(here)), TensorList(here));
    for (size_t i = 0; i < next.size(); ++i)
      next[i] = here[i].detach() - rule.inner.alpha * next[i];
    w.push_back(leaves(next));
  }
  const Deployed fast = at(deployed(net), w.back());
  const Mlp cohead = as_leaves(net.cohead);
  const Tensor features = fast.body(batch.query_x[task]);
  const Tensor query = mse_loss(fast.head(features), batch.query_y[task]) +
                       rule.gamma * mse_loss(cohead(features), batch.query_y[task]);
  Recursion out{grad(TensorList(query), TensorList(w.back()), {.retain_graph = true}),
                grad(TensorList(query), TensorList(parameters(cohead)))};
  for (size_t j = w.size() - 1; j-- > 0;) {
    const std::vector<Tensor> g =
        grad(TensorList(support(w[j])), TensorList(w[j]), {.create_graph = true});
    const std::vector<Tensor> hv =
        grad(TensorList(g), TensorList(w[j]), {.grad_outputs = out.meta});
    for (size_t i = 0; i < hv.size(); ++i) out.meta[i] = out.meta[i] - rule.inner.alpha * hv[i];
  }
  return out;
}

void add_to(std::vector<double>& sum, const std::vector<double>& part, double scale) {
  sum.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) sum[i] += scale * part[i];
}

}  // namespace

TEST_CASE("counts: psi 1,720, theta 41, phi 1,681; test 1,761, train 3,442") {
  const Net net = sinusoid_net(1);
  CHECK(parameter_count(net.body) == 1720);
  CHECK(parameter_count(net.head) == 41);
  CHECK(parameter_count(net.cohead) == 1681);
  CHECK(parameter_count(deployed(net)) == 1761);
  CHECK(parameter_count(net) == 3442);
}

TEST_CASE("fact 1: gamma = 0 gives MAML's gradient, bit for bit, and none for phi") {
  const Net net = sinusoid_net(1);
  const TaskBatch batch = sinusoids(2);
  for (int steps : {1, 2, 5}) {
    const Rule rule{.inner = {.steps = steps}, .gamma = 0};
    const Net g = grad(objective(net, rule, batch).total, net);
    const Deployed theirs = deployed(net);
    CHECK(flat(deployed(g)) ==
          flat(grad(maml_loss(theirs, rule.inner.alpha, steps, batch), theirs)));
    CHECK(gap(flat(deployed(g)),
              flat(grad(maml_loss_by_formula(theirs, rule.inner.alpha, steps, batch), theirs))) <=
          1e-12);
    CHECK(largest(flat(g.cohead)) == 0);
    CHECK(largest(flat(g.body)) > 0);
    // With a co-learner in the graph, at weight 0.
    const cml::Objective both = objective(net, {.inner = {.steps = steps}, .gamma = 1}, batch);
    const Net weighted = grad(both.meta + 0.0 * both.co, net);
    CHECK(gap(flat(deployed(weighted)), flat(deployed(g))) <= 1e-12);
    CHECK(largest(flat(weighted.cohead)) == 0);
  }
}

TEST_CASE("fact 2: the gradient is affine in gamma") {
  const Net net = sinusoid_net(3);
  const TaskBatch batch = sinusoids(4);
  for (Rule rule : orders) {
    const auto g = [&](double gamma) {
      rule.gamma = gamma;
      return flat(grad(objective(net, rule, batch).total, net));
    };
    const auto none = g(0), fifth = g(0.2), whole = g(1);
    std::vector<double> expected = none;
    for (size_t i = 0; i < none.size(); ++i) expected[i] += 0.2 * (whole[i] - none[i]);
    CHECK(gap(fifth, expected) <= 1e-12);
    CHECK(gap(none, whole) > 1e-3);
  }
}

TEST_CASE(
    "fact 3: the recursion with Hessian-vector products gives the whole gradient, M = 1, 2, 3") {
  for (const Activation act : {Activation::relu, Activation::tanh}) {
    const Net net = sinusoid_net(5, 40, act);
    const TaskBatch batch = sinusoids(6);
    for (int steps : {1, 2, 3}) {
      const Rule rule{.inner = {.alpha = 0.03, .steps = steps}, .gamma = 0.2};
      const Net g = grad(objective(net, rule, batch).total, net);
      std::vector<double> meta, phi;
      for (int64_t t = 0; t < batch.tasks(); ++t) {
        const Recursion r = recursion(net, rule, batch, t);
        add_to(meta, flat(r.meta), 0.25);
        add_to(phi, flat(r.phi), 0.25);
      }
      CHECK(gap(flat(deployed(g)), meta) <= 1e-12);
      CHECK(gap(flat(g.cohead), phi) <= 1e-12);
    }
  }
}

TEST_CASE(
    "fact 4: the co-learner reaches theta at second order only, through the mixed block of the "
    "inner "
    "Hessian") {
  const Net net = sinusoid_net(7);
  const TaskBatch batch = sinusoids(8, 1);
  const Rule first{.inner = {.alpha = 0.03, .second_order = false}, .gamma = 0.7},
      second{.inner = {.alpha = 0.03}, .gamma = 0.7};
  CHECK(largest(flat(grad(objective(net, first, batch).co, net).head)) == 0);
  CHECK(flat(grad(objective(net, first, batch).total, net).head) ==
        flat(grad(objective(net, first, batch).meta, net).head));
  const std::vector<double> reached =
      flat(grad(second.gamma * objective(net, second, batch).co, net).head);
  CHECK(largest(reached) > 1e-4);

  // -alpha gamma (d2 L^m_S / dtheta dpsi) dL^c_Q/dpsi', the block row by row.
  const std::vector<Tensor> w = leaves(parameters(deployed(net)));
  const Deployed start = at(deployed(net), w);
  const std::vector<Tensor> psi = parameters(start.body), theta = parameters(start.head);
  const std::vector<Tensor> g =
      grad(TensorList(mse_loss(start(batch.support_x[0]), batch.support_y[0])), TensorList(w),
           {.create_graph = true});
  std::vector<Tensor> moved;
  for (size_t i = 0; i < psi.size(); ++i)
    moved.push_back(psi[i].detach() - second.inner.alpha * g[i].detach());
  const Mlp fast = as_leaves(at(start.body, moved));
  const std::vector<double> c =
      flat(grad(mse_loss(net.cohead(fast(batch.query_x[0])), batch.query_y[0]), fast));
  std::vector<double> expected;
  for (size_t k = psi.size(); k < w.size(); ++k) {
    const Tensor row = reshape(g[k], {g[k].numel()});
    for (int64_t i = 0; i < row.numel(); ++i) {
      const std::vector<double> block =
          flat(grad(TensorList(select(row, 0, i)), TensorList(psi), {.retain_graph = true}));
      double dot = 0;
      for (size_t j = 0; j < block.size(); ++j) dot += block[j] * c[j];
      expected.push_back(-second.inner.alpha * second.gamma * dot);
    }
  }
  CHECK(expected.size() == 41);
  CHECK(gap(reached, expected) <= 1e-12);
}

TEST_CASE("fact 5: phi's gradient is the same in both orders") {
  const Net net = sinusoid_net(9);
  const TaskBatch batch = sinusoids(10);
  for (int steps : {1, 3}) {
    const Net second = grad(objective(net, {.inner = {.steps = steps}}, batch).total, net);
    const Net first =
        grad(objective(net, {.inner = {.steps = steps, .second_order = false}}, batch).total, net);
    CHECK(flat(second.cohead) == flat(first.cohead));
    CHECK(largest(flat(first.cohead)) > 0);
    CHECK(gap(flat(second.body), flat(first.body)) > 1e-6);
  }
}

TEST_CASE("fact 6: the inner loop leaves phi alone, and does not see it") {
  const Net net = sinusoid_net(11);
  const TaskBatch batch = sinusoids(12);
  const Rule rule{.inner = {.steps = 3}};
  const Net fast = adapted_on(net, rule, batch);
  CHECK(flat(fast.cohead) == flat(per_task(net.cohead, 4)));
  const Tensor support = mse_loss(net.head(net.body(batch.support_x[0])), batch.support_y[0]);
  for (const Tensor& g :
       grad(TensorList(support), TensorList(parameters(net.cohead)), {.allow_unused = true}))
    CHECK_FALSE(g.defined());
  Net other = net;
  other.cohead = map(net.cohead, [](const Tensor& t) { return t + 1.0; });
  const Net same = adapted_on(other, rule, batch);
  CHECK(flat(deployed(same)) == flat(deployed(fast)));
  CHECK(flat(deployed(fast)) != flat(per_task(deployed(net), 4)));
}

TEST_CASE("fact 9: alpha = 0 gives the plain multi-task gradient, and theta no co-learner's term") {
  const Net net = sinusoid_net(13);
  const TaskBatch batch = sinusoids(14);
  for (Rule rule : orders) {
    rule.inner.alpha = 0;
    rule.gamma = 0.7;
    const Net g = grad(objective(net, rule, batch).total, net);
    const Tensor features = net.body(batch.query_x);
    const Tensor plain = mse_loss(net.head(features), batch.query_y) +
                         rule.gamma * mse_loss(net.cohead(features), batch.query_y);
    CHECK(gap(flat(g), flat(grad(plain, net))) <= 1e-12);
    CHECK(largest(flat(grad(objective(net, rule, batch).co, net).head)) == 0);
  }
}

TEST_CASE("fact 11: J times c has c times the gradient, and Adam's first step hardly sees c") {
  const Net net = sinusoid_net(15);
  const TaskBatch batch = sinusoids(16);
  const auto g = [&](double c) { return grad(c * objective(net, {}, batch).total, net); };
  const std::vector<double> once = flat(g(1)), four = flat(g(4));
  std::vector<double> expected = once;
  for (double& v : expected) v *= 4;
  CHECK(four == expected);
  const Adam adam{.lr = 1e-3};
  Adam::State a, b;
  const std::vector<double> step = flat(update(adam, net, a, g(1))),
                            other = flat(update(adam, net, b, g(4)));
  // lr g / (|g| + eps) against lr g / (|g| + eps / 4): they differ by less than lr eps / |g|,
  // rounding of the parameters aside.
  for (size_t i = 0; i < step.size(); ++i)
    if (once[i] != 0)
      CHECK(std::abs(step[i] - other[i]) <= adam.lr * adam.eps / std::abs(once[i]) + 1e-15);
}

TEST_CASE(
    "fact 12: a batch's gradient is the mean of its tasks', in any order, on any number of "
    "threads") {
  const Net net = sinusoid_net(17);
  const TaskBatch batch = sinusoids(18, 5);
  const Rule rule{.inner = {.steps = 2}, .gamma = 0.5};
  const auto whole = flat(grad(objective(net, rule, batch).total, net));
  std::vector<double> by_task;
  for (int64_t t = 0; t < 5; ++t)
    add_to(by_task, flat(grad(objective(net, rule, one_task(batch, t)).total, net)), 0.2);
  CHECK(gap(whole, by_task) <= 1e-12);

  const Tensor order = tensor({3, 0, 4, 2, 1}, DType::i64);
  const auto moved = [&](const Tensor& t) { return index_select(t, 0, order); };
  const TaskBatch shuffled{moved(batch.support_x), moved(batch.support_y), moved(batch.query_x),
                           moved(batch.query_y)};
  CHECK(gap(flat(grad(objective(net, rule, shuffled).total, net)), whole) <= 1e-12);

  const int before = num_threads();
  const TaskBatch large = sinusoids(19, 200);  // 200 tasks of 10 points: enough work to be split
  std::vector<std::vector<double>> runs;
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    runs.push_back(flat(grad(objective(net, rule, large).total, net)));
  }
  set_num_threads(before);
  CHECK(runs[0] == runs[1]);
}

namespace {

// The largest difference between a gradient and central differences, over one part of the net,
// against the part's largest gradient.
template <class Part>
double difference_gap(Net net, Part Net::*part, const Rule& rule, const TaskBatch& batch) {
  const std::vector<double> g = flat(grad(objective(net, rule, batch).total, net).*part);
  const std::vector<Tensor> p = parameters(net.*part);
  std::vector<double> differences;
  const double h = 1e-5;
  const auto at_value = [&](size_t k, const std::vector<double>& v) {
    std::vector<Tensor> moved = p;
    moved[k] = tensor(v, p[k].shape(), DType::f64).requires_grad_();
    Net other = net;
    other.*part = at(net.*part, moved);
    return objective(other, rule, batch).total.item();
  };
  for (size_t k = 0; k < p.size(); ++k) {
    std::vector<double> v = p[k].to_vector();
    for (double& x : v) {
      const double before = x;
      x = before + h;
      const double up = at_value(k, v);
      x = before - h;
      differences.push_back((up - at_value(k, v)) / (2 * h));
      x = before;
    }
  }
  return gap(g, differences);
}

}  // namespace

TEST_CASE("fact 13: the meta-gradient against central differences, for psi, theta and phi, tanh") {
  for (int steps : {1, 2, 3}) {
    const Net small = sinusoid_net(20, 6, Activation::tanh);
    const TaskBatch batch = sinusoids(21, 3, 5);
    const Rule rule{.inner = {.alpha = 0.1, .steps = steps}, .gamma = 0.5};
    CHECK(difference_gap(small, &Net::body, rule, batch) <= 1e-6);
    CHECK(difference_gap(small, &Net::head, rule, batch) <= 1e-6);
    CHECK(difference_gap(small, &Net::cohead, rule, batch) <= 1e-6);
  }
  const Net net = sinusoid_net(22, 40, Activation::tanh);
  const TaskBatch batch = sinusoids(23, 4, 5);
  CHECK(difference_gap(net, &Net::body, {}, batch) <= 1e-6);
  CHECK(difference_gap(net, &Net::head, {}, batch) <= 1e-6);
  CHECK(difference_gap(net, &Net::cohead, {}, batch) <= 1e-6);
}
