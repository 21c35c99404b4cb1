// The MAML family's exact facts: what its members have in common, the loop over single tasks as the
// oracle of the task axis, and meta-gradients against central differences, learned rates included.
// f64; the sinusoid net, narrow and smooth where differences are taken.
#include <doctest/doctest.h>

#include <regrad/algorithms/maml/meta_sgd.h>
#include <regrad/algorithms/maml/plus_plus.h>
#include <regrad/algorithms/maml/reptile.h>
#include <regrad/algorithms/maml/sharp.h>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;
using maml::MetaSgd, maml::PlusPlus, maml::Sharpness, maml::SharpMaml, maml::step_weights;

namespace {

constexpr TaskLoss mse = mse_loss_by_task;
using Small = maml::Model<Mlp, Linear>;

Small whole_net(uint64_t seed, int64_t width = 40, Activation act = Activation::relu) {
  const Net net = sinusoid_net(seed, width, act);
  return {net.body, net.head};
}
Small narrow_net(uint64_t seed) { return whole_net(seed, 4, Activation::tanh); }
Net narrow_cml(uint64_t seed) { return sinusoid_net(seed, 4, Activation::tanh); }

// Rates that differ from each other, so that no test passes by their being equal.
template <class Learner>
Learner uneven(Learner learner) {
  double k = 0;
  for (Tensor& r : learner.step_sizes) {
    std::vector<double> v = r.to_vector();
    for (double& x : v) x *= 1 + 0.3 * std::sin(k++);
    r = tensor(v, r.shape(), r.dtype()).requires_grad_();
  }
  return learner;
}

// Largest difference between a gradient and central differences of f, over the gradient's largest
// magnitude. Every parameter of the learner.
template <class Learner, class F>
double against_differences(const Learner& learner, const std::vector<double>& gradient,
                           const F& f) {
  constexpr double h = 1e-5;
  std::vector<double> differences;
  const std::vector<Tensor> p = parameters(learner);
  for (size_t i = 0; i < p.size(); ++i) {
    const std::vector<double> values = p[i].to_vector();
    for (size_t k = 0; k < values.size(); ++k) {
      const auto at_distance = [&](double d) {
        std::vector<double> v = values;
        v[k] += d;
        std::vector<Tensor> q = p;
        q[i] = tensor(v, p[i].shape(), p[i].dtype()).requires_grad_();
        return f(at(learner, q)).item();
      };
      differences.push_back((at_distance(h) - at_distance(-h)) / (2 * h));
    }
  }
  return gap(gradient, differences);
}
template <class Learner, class F>
double against_differences(const Learner& learner, const F& f) {
  return against_differences(learner, flat(grad(f(learner), learner)), f);
}

// f of a batch and its gradient are the means of those of its tasks, one at a time.
template <class Learner, class F>
double against_single_tasks(const Learner& learner, const TaskBatch& batch, const F& f) {
  const Tensor together = f(learner, batch);
  std::vector<double> g = flat(grad(together, learner)), sum(g.size() + 1);
  g.push_back(together.item());
  for (int64_t t = 0; t < batch.tasks(); ++t) {
    const Tensor alone = f(learner, one_task(batch, t));
    std::vector<double> part = flat(grad(alone, learner));
    part.push_back(alone.item());
    for (size_t i = 0; i < part.size(); ++i) sum[i] += part[i] / static_cast<double>(batch.tasks());
  }
  return gap(g, sum);
}

// One task without a task dimension: the parameters after `steps` steps of w - rate(i, j) grad at
// place(w).
using Params = std::vector<Tensor>;
template <class Place, class Rate>
Params walk(const Small& net, const TaskBatch& batch, int64_t t, int steps, bool second_order,
            const Place& place, const Rate& rate) {
  Params w = parameters(net);
  for (int j = 0; j < steps; ++j) {
    const auto support = [&](const Params& p) {
      return mse_loss(at(net, p)(batch.support_x[t]), batch.support_y[t]);
    };
    const Params here = place(w, support);
    const Params g =
        grad(TensorList(support(here)), TensorList(here), {.create_graph = second_order});
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] - rate(i, j) * g[i];
  }
  return w;
}
const auto in_place = [](const Params& w, const auto&) { return w; };
Tensor query(const Small& net, const Params& w, const TaskBatch& batch, int64_t t) {
  return mse_loss(at(net, w)(batch.query_x[t]), batch.query_y[t]);
}
template <class F>
Tensor mean_over_tasks(const TaskBatch& batch, const F& f) {
  Tensor total = scalar(0, DType::f64);
  for (int64_t t = 0; t < batch.tasks(); ++t) total = total + f(t);
  return total / static_cast<double>(batch.tasks());
}

SharpMaml sharp_of(const maml::Rule& rule, const Sharpness& sharpness) {
  return {rule.alpha, rule.steps, rule.second_order, rule.adapted, sharpness};
}
// The outer step's gradient of Sharp-MAML, and of CML on it.
template <class Net>
MetaGradient<Net> outer_gradient(const Net& net, const SharpMaml& rule, const TaskBatch& batch) {
  return maml::sharp_gradient(net, rule.sharpness, [&](const Net& at) {
    return plain_gradient(at, [&](const Net& w) { return objective(w, rule, mse, batch); });
  });
}
MetaGradient<Net> outer_gradient(const Net& net, const cml::Rule<SharpMaml>& rule,
                                 const TaskBatch& batch) {
  return maml::sharp_gradient(net, rule.inner.sharpness, [&](const Net& at) {
    return plain_gradient(at, [&](const Net& w) { return objective(w, rule, mse, batch).total; });
  });
}

// alpha for the adapted parameters of the net's four or six tensors, 0 for the others.
std::vector<double> rates_of_part(const Small& net, const Parts& part, double alpha) {
  return factors(net, [&](const std::string& name, const Tensor&) {
    const bool head = name.rfind("head.", 0) == 0;
    return part.empty() || head == (part == Parts{"head"}) ? alpha : 0.0;
  });
}

}  // namespace

TEST_CASE("MAML: bits of the inner loop written out, and the loop over tasks without a task axis") {
  const Small net = whole_net(1);
  const Deployed same{net.body, net.head};
  const TaskBatch batch = sinusoids(2);
  for (int steps : {0, 1, 2, 5}) {
    const maml::Rule rule{.alpha = 0.02, .steps = steps};
    const Tensor j = objective(net, rule, mse, batch);
    CHECK(j.item() == maml_loss(same, 0.02, steps, batch).item());
    CHECK(flat(grad(j, net)) == flat(grad(maml_loss(same, 0.02, steps, batch), same)));
    CHECK(gap(flat(grad(objective(net, rule, mse, batch), net)),
              flat(grad(maml_loss_by_formula(same, 0.02, steps, batch), same))) <= 1e-12);
  }
}

TEST_CASE("first-order MAML: the query loss's gradient at the adapted point") {
  const Small net = whole_net(3);
  const TaskBatch batch = sinusoids(4);
  for (int steps : {1, 3}) {
    const maml::Rule rule{.alpha = 0.02, .steps = steps, .second_order = false};
    const std::vector<double> g = flat(grad(objective(net, rule, mse, batch), net));
    std::vector<double> expected(g.size());
    for (int64_t t = 0; t < 4; ++t) {
      Params fast = walk(net, batch, t, steps, false, in_place, [](size_t, int) { return 0.02; });
      for (Tensor& w : fast) w = w.detach().requires_grad_();
      const std::vector<double> part =
          flat(grad(TensorList(query(net, fast, batch, t)), TensorList(fast)));
      for (size_t i = 0; i < part.size(); ++i) expected[i] += part[i] / 4;
    }
    CHECK(gap(g, expected) <= 1e-12);
    CHECK(gap(g, flat(grad(objective(net, maml::Rule{.alpha = 0.02, .steps = steps}, mse, batch),
                           net))) > 1e-3);
  }
}

TEST_CASE("ANIL leaves the body's bits alone, BOIL the head's; both learn both parts") {
  const Small net = whole_net(5);
  const TaskBatch batch = sinusoids(6);
  const Small start = per_task(net, 4);
  for (const Parts& part : {Parts{"head"}, Parts{"body"}}) {
    const maml::Rule rule{.alpha = 0.02, .steps = 3, .adapted = part};
    const Small fast = adapt(net, rule, mse, batch.support_x, batch.support_y);
    const Small values = adapted(net, rule, mse, batch.support_x, batch.support_y);
    for (const Small& n : {fast, values}) {
      CHECK((flat(n.body) == flat(start.body)) == (part == Parts{"head"}));
      CHECK((flat(n.head) == flat(start.head)) == (part == Parts{"body"}));
    }
    CHECK(gap(flat(values), flat(fast)) <= 1e-13);
    const Small g = grad(objective(net, rule, mse, batch), net);
    CHECK(largest(flat(g.body)) > 0);
    CHECK(largest(flat(g.head)) > 0);
    const std::vector<double> rates = rates_of_part(net, part, 0.02);
    const Tensor alone = mean_over_tasks(batch, [&](int64_t t) {
      return query(net,
                   walk(net, batch, t, 3, true, in_place, [&](size_t i, int) { return rates[i]; }),
                   batch, t);
    });
    CHECK(gap(flat(g), flat(grad(alone, net))) <= 1e-12);
  }
}

TEST_CASE("adapted: plain values, those of adapt, and nothing left behind") {
  const Small net = whole_net(7);
  const TaskBatch batch = sinusoids(8);
  const maml::Rule rule{.alpha = 0.02, .steps = 4};
  const std::vector<double> expected =
      flat(adapt(net, rule, mse, batch.support_x, batch.support_y));
  const int64_t nodes = memory_stats().live_nodes;
  for (int i = 0; i < 2; ++i) {
    const Small fast = adapted(net, rule, mse, batch.support_x, batch.support_y);
    CHECK(gap(flat(fast), expected) <= 1e-14);
    for (const Tensor& t : parameters(fast)) CHECK_FALSE(t.requires_grad());
    const NoGrad quiet;
    CHECK(flat(adapted(net, rule, mse, batch.support_x, batch.support_y)) == flat(fast));
  }
  CHECK(memory_stats().live_nodes == nodes);
}

namespace {

// A rule of one's own: MAML with momentum, which notes whether its inner gradients are recorded.
struct Noting {
  std::vector<bool>* recorded;
  auto inner_loop(const Small& net) const {
    const auto step = [r = recorded, v = Params()](int, Params& w, const Params& g) mutable {
      r->push_back(g[0].requires_grad());
      for (size_t i = 0; i < w.size(); ++i) {
        if (v.size() <= i) v.push_back(zeros_like(g[i]));
        v[i] = 0.5 * v[i] + g[i];
        w[i] = w[i] - 0.02 * v[i];
      }
    };
    return InnerLoop{3, adapted_parameters(net, {}), InnerGradient{true}, step};
  }
};

}  // namespace

TEST_CASE("a rule of one's own: second order in adapt, first order in adapted, the same values") {
  const Small net = whole_net(43);
  const TaskBatch batch = sinusoids(44);
  std::vector<bool> recorded;
  const Noting rule{&recorded};
  const auto fast = flat(adapt(net, rule, mse, batch.support_x, batch.support_y));
  CHECK(recorded == std::vector<bool>{true, true, true});
  recorded.clear();
  CHECK(gap(flat(adapted(net, rule, mse, batch.support_x, batch.support_y)), fast) <= 1e-14);
  CHECK(recorded == std::vector<bool>{false, false, false});
  CHECK(fast != flat(adapt(net, maml::Rule{.alpha = 0.02, .steps = 3}, mse, batch.support_x,
                           batch.support_y)));
  CHECK(against_differences(narrow_net(45), [&](const Small& n) {
          return objective(n, rule, mse, batch);
        }) <= 1e-6);
}

TEST_CASE("Meta-SGD with all rates alpha is MAML, bit for bit") {
  const Small net = whole_net(9);
  const TaskBatch batch = sinusoids(10);
  for (const Parts& part : {Parts{}, Parts{"head"}, Parts{"body"}}) {
    for (int steps : {1, 3}) {
      for (bool second : {true, false}) {
        const maml::Rule rule{
            .alpha = 0.02, .steps = steps, .second_order = second, .adapted = part};
        const MetaSgd sgd{.alpha = 0.02, .steps = steps, .second_order = second, .adapted = part};
        const auto learner = sgd.initial(net);
        const Tensor j = objective(learner, sgd, mse, batch),
                     plain = objective(net, rule, mse, batch);
        CHECK(j.item() == plain.item());
        CHECK(flat(grad(j, learner).net) == flat(grad(plain, net)));
        CHECK(flat(adapted(learner, sgd, mse, batch.support_x, batch.support_y)) ==
              flat(adapted(net, rule, mse, batch.support_x, batch.support_y)));
      }
    }
  }
  const auto learner = MetaSgd{}.initial(net);
  CHECK(parameter_count(learner) == 2 * 1761);
  CHECK(parameter_count(MetaSgd{.adapted = {"head"}}.initial(net)) == 1761 + 41);
  for (const Tensor& r : learner.step_sizes)
    CHECK(r.to_vector() == full(r.shape(), 0.01, DType::f64).to_vector());
}

TEST_CASE("Meta-SGD: the rates' gradient of one step is -mean_t grad L_S * grad L_Q") {
  const Small net = whole_net(11);
  const TaskBatch batch = sinusoids(12);
  const MetaSgd rule{.alpha = 0.02};
  const auto learner = uneven(rule.initial(net));
  const std::vector<double> g =
      flat(grad(objective(learner, rule, mse, batch), learner).step_sizes);
  std::vector<double> expected(g.size());
  for (int64_t t = 0; t < 4; ++t) {
    const Params w = parameters(net);
    const Params gs =
        grad(TensorList(mse_loss(net(batch.support_x[t]), batch.support_y[t])), TensorList(w));
    Params fast;
    for (size_t i = 0; i < w.size(); ++i)
      fast.push_back((w[i].detach() - learner.step_sizes[i].detach() * gs[i]).requires_grad_());
    const Params gq = grad(TensorList(query(net, fast, batch, t)), TensorList(fast));
    Params product;
    for (size_t i = 0; i < w.size(); ++i) product.push_back(gs[i] * gq[i]);
    const std::vector<double> part = flat(product);
    for (size_t i = 0; i < part.size(); ++i) expected[i] -= part[i] / 4;
  }
  CHECK(gap(g, expected) <= 1e-12);
}

TEST_CASE("MAML++ with constant rates and the last step's loss is MAML, bit for bit") {
  const Small net = whole_net(13);
  const TaskBatch batch = sinusoids(14);
  for (int steps : {1, 3}) {
    for (bool second : {true, false}) {
      PlusPlus rule{.alpha = 0.02, .steps = steps, .second_order = second};
      const maml::Rule plain{.alpha = 0.02, .steps = steps, .second_order = second};
      const auto learner = rule.initial(net);
      const Tensor expected = objective(net, plain, mse, batch);
      const std::vector<double> g = flat(grad(expected, net));
      for (const std::vector<double>& weights :
           {std::vector<double>{}, step_weights(steps, 15, 15)}) {
        rule.weights = weights;
        const Tensor j = objective(learner, rule, mse, batch);
        CHECK(j.item() == expected.item());
        CHECK(flat(grad(j, learner).net) == g);
      }
      CHECK(flat(adapted(learner, rule, mse, batch.support_x, batch.support_y)) ==
            flat(adapted(net, plain, mse, batch.support_x, batch.support_y)));
    }
  }
  CHECK(parameter_count(PlusPlus{.steps = 5}.initial(net)) == 1761 + 6 * 5);
}

TEST_CASE("MAML++: every step's loss and rate, against the loop over single tasks") {
  const Small net = whole_net(15);
  const TaskBatch batch = sinusoids(16);
  const std::vector<double> v = {0.1, 0, 0.7};
  for (bool second : {true, false}) {
    const PlusPlus rule{.alpha = 0.02, .steps = 3, .weights = v, .second_order = second};
    const auto learner = uneven(rule.initial(net));
    const Tensor j = objective(learner, rule, mse, batch);
    const Tensor alone = mean_over_tasks(batch, [&](int64_t t) {
      Tensor total = scalar(0, DType::f64);
      for (int m = 1; m <= 3; ++m) {
        const Params w = walk(net, batch, t, m, second, in_place,
                              [&](size_t i, int k) { return learner.step_sizes[i][k]; });
        total = total + v[static_cast<size_t>(m - 1)] * query(net, w, batch, t);
      }
      return total;
    });
    CHECK(j.item() == doctest::Approx(alone.item()).epsilon(1e-13));
    CHECK(gap(flat(grad(j, learner)), flat(grad(alone, learner))) <= 1e-12);
  }
}

TEST_CASE("MAML++: the loss's weights go from equal to the last step's") {
  CHECK(gap(step_weights(5, 0, 15), {0.2, 0.2, 0.2, 0.2, 0.2}) <= 1e-15);
  CHECK(gap(step_weights(5, 3, 15), {0.16, 0.16, 0.16, 0.16, 0.36}) <= 1e-15);
  // the floor, 0.03 / M
  CHECK(gap(step_weights(5, 99, 100), {0.006, 0.006, 0.006, 0.006, 0.976}) <= 1e-15);
  CHECK(step_weights(5, 15, 15) == std::vector<double>{0, 0, 0, 0, 1});
  CHECK(step_weights(1, 0, 15) == std::vector<double>{1});
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    double sum = 0;
    for (double v : step_weights(4, epoch, 15)) sum += v;
    CHECK(sum == doctest::Approx(1).epsilon(1e-15));
  }
  CHECK_THROWS_AS(step_weights(0, 0, 15), ConfigError);
  CHECK_THROWS_AS(step_weights(5, 0, 0), ConfigError);
  CHECK_THROWS_AS(step_weights(5, -1, 15), ConfigError);
}

TEST_CASE("Sharp-MAML with radius 0, or with neither level, is MAML, bit for bit") {
  const Small net = whole_net(17);
  const TaskBatch batch = sinusoids(18);
  for (bool second : {true, false}) {
    const maml::Rule rule{.alpha = 0.02, .steps = 2, .second_order = second};
    const Tensor j = objective(net, rule, mse, batch);
    const std::vector<double> g = flat(grad(j, net));
    const std::vector<Sharpness> none = {{.low = false, .up = false},
                                         {.alpha_low = 0, .alpha_up = 0},
                                         {.alpha_low = 0, .alpha_up = 0, .through = false},
                                         {.low = false, .alpha_up = 0},
                                         {.up = false, .alpha_low = 0}};
    for (const Sharpness& s : none) {
      const MetaGradient<Small> m = outer_gradient(net, sharp_of(rule, s), batch);
      CHECK(m.loss.item() == j.item());
      CHECK(flat(m.gradient) == g);
      CHECK(flat(adapted(net, sharp_of(rule, s), mse, batch.support_x, batch.support_y)) ==
            flat(adapted(net, rule, mse, batch.support_x, batch.support_y)));
    }
  }
}

TEST_CASE("Sharp-MAML, lower level: each task's step goes along the gradient at w + radius g/|g|") {
  const Small net = whole_net(19);
  const TaskBatch batch = sinusoids(20);
  const double radius = 0.3;
  for (bool second : {true, false}) {
    for (bool through : {true, false}) {
      const Sharpness s{.up = false, .alpha_low = radius, .through = through};
      const maml::Rule rule{.alpha = 0.02, .steps = 2, .second_order = second};
      const auto place = [&](const Params& w, const auto& support) {
        const Params g =
            grad(TensorList(support(w)), TensorList(w), {.create_graph = second && through});
        Tensor squares = scalar(0, DType::f64);
        for (const Tensor& part : g) squares = squares + sum(square(part));
        Params near;
        for (size_t i = 0; i < w.size(); ++i) near.push_back(w[i] + radius * g[i] / sqrt(squares));
        return near;
      };
      const Tensor j = objective(net, sharp_of(rule, s), mse, batch);
      const Tensor alone = mean_over_tasks(batch, [&](int64_t t) {
        return query(net, walk(net, batch, t, 2, second, place, [](size_t, int) { return 0.02; }),
                     batch, t);
      });
      CHECK(j.item() == doctest::Approx(alone.item()).epsilon(1e-12));
      const std::vector<double> g = flat(grad(j, net));
      CHECK(gap(g, flat(grad(alone, net))) <= 1e-11);
      CHECK(gap(g, flat(grad(objective(net, rule, mse, batch), net))) > 1e-3);
      CHECK(gap(flat(outer_gradient(net, sharp_of(rule, s), batch).gradient), g) == 0);
      CHECK(gap(flat(adapted(net, sharp_of(rule, s), mse, batch.support_x, batch.support_y)),
                flat(adapt(net, sharp_of(rule, s), mse, batch.support_x, batch.support_y))) <=
            1e-13);
    }
  }
}

TEST_CASE("Sharp-MAML, upper level: J's gradient at w + radius g/|g|, for an outer step at w") {
  const Small net = whole_net(21);
  const TaskBatch batch = sinusoids(22);
  const maml::Rule rule{.alpha = 0.02, .steps = 2};
  for (bool low : {false, true}) {
    const Sharpness s{.low = low, .alpha_low = 0.3, .alpha_up = 0.2};
    const Tensor j = objective(net, sharp_of(rule, s), mse, batch);
    const Params g = parameters(grad(j, net));
    double squares = 0;
    for (const Tensor& part : g) squares += sum(square(part)).item();
    Params near = parameters(net);
    for (size_t i = 0; i < near.size(); ++i)
      near[i] = (near[i].detach() + 0.2 / std::sqrt(squares) * g[i]).requires_grad_();
    const Small there = at(net, near);
    const MetaGradient<Small> m = outer_gradient(net, sharp_of(rule, s), batch);
    CHECK(m.loss.item() == j.item());
    CHECK_FALSE(m.loss.requires_grad());
    CHECK(gap(flat(m.gradient),
              flat(grad(objective(there, sharp_of(rule, s), mse, batch), there))) <= 1e-12);
    CHECK(gap(flat(m.gradient), flat(g)) > 1e-3);
  }
}

TEST_CASE("perturbations have their radius, one for each task, and none where the gradient is 0") {
  const Tensor a = normal(Random(1), {3, 2, 2}, 0, 1, DType::f64),
               b = normal(Random(2), {3}, 0, 1, DType::f64);
  const std::vector<Tensor> zero{zeros_like(a), zeros_like(b)},
      each_task = maml::uphill(zero, {a, b}, 0.5, true),
      whole = maml::uphill(zero, {a, b}, 0.5, false);
  for (int64_t t = 0; t < 3; ++t)
    CHECK(std::sqrt(sum(square(each_task[0][t])).item() + square(each_task[1][t]).item()) ==
          doctest::Approx(0.5).epsilon(1e-14));
  CHECK(std::sqrt(sum(square(whole[0])).item() + sum(square(whole[1])).item()) ==
        doctest::Approx(0.5).epsilon(1e-14));

  // A loss whose gradient is 0: targets are the net's own values.
  const Small net = narrow_net(23);
  TaskBatch batch = sinusoids(24);
  batch.support_y = per_task(net, 4)(batch.support_x).detach();
  const std::vector<double> g = flat(outer_gradient(net, SharpMaml{.alpha = 0.02}, batch).gradient);
  for (double x : g) CHECK(std::isfinite(x));
}

TEST_CASE(
    "Reptile: one step of SGD and eps 1 is a step on the mean loss; more steps are each task's own "
    "run") {
  const Small net = whole_net(25);
  const TaskBatch batch = sinusoids(26);
  const Tensor &x = batch.support_x, &y = batch.support_y;
  const Sgd sgd{.lr = 0.02}, eps{.lr = 1};
  Sgd::State state;
  const Small once =
      update(eps, net, state,
             maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = sgd, .steps = 1}, mse, x, y));
  const Tensor joint = mean(mse(per_task(net, 4)(x), y));
  CHECK(gap(flat(once), flat(update(sgd, net, state, grad(joint, net)))) <= 1e-14);

  const auto alone = [&](const auto& inner, int steps, int64_t rows) {
    std::vector<double> total;
    for (int64_t t = 0; t < 4; ++t) {
      Small fast = net;
      typename std::decay_t<decltype(inner)>::State own;
      for (int j = 0; j < steps; ++j) {
        const int64_t from = j * rows % 10;
        const Tensor loss =
            mse_loss(fast(slice(x[t], 0, from, from + rows)), slice(y[t], 0, from, from + rows));
        fast = update(inner, std::move(fast), own, grad(loss, fast));
      }
      const std::vector<double> w = flat(net), end = flat(fast);
      total.resize(w.size());
      for (size_t i = 0; i < w.size(); ++i) total[i] += (w[i] - end[i]) / 4;
    }
    return total;
  };
  const Adam adam{.lr = 1e-3, .beta1 = 0};
  const Sgd momentum{.lr = 0.01, .momentum = 0.9};
  CHECK(gap(flat(maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = sgd, .steps = 5}, mse, x,
                                        y)),
            alone(sgd, 5, 10)) <= 1e-12);
  CHECK(gap(flat(maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = momentum, .steps = 5}, mse,
                                        x, y)),
            alone(momentum, 5, 10)) <= 1e-12);
  CHECK(gap(flat(maml::reptile_gradient(net, maml::Reptile<Adam>{.inner = adam, .steps = 5}, mse, x,
                                        y)),
            alone(adam, 5, 10)) <= 1e-9);
  CHECK(gap(flat(maml::reptile_gradient(
                net, maml::Reptile<Sgd>{.inner = sgd, .steps = 7, .minibatch = 5}, mse, x, y)),
            alone(sgd, 7, 5)) <= 1e-12);
  CHECK(gap(alone(sgd, 7, 5), alone(sgd, 7, 10)) > 1e-2);
  CHECK(largest(flat(maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = sgd, .steps = 0}, mse,
                                            x, y))) == 0);
  CHECK_THROWS_AS(
      maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = sgd, .minibatch = 3}, mse, x, y),
      ConfigError);
  CHECK_THROWS_AS(
      maml::reptile_gradient(net, maml::Reptile<Sgd>{.inner = sgd, .minibatch = -1}, mse, x, y),
      ConfigError);
}

TEST_CASE("meta-gradients agree with central differences, learned rates included") {
  const TaskBatch batch = sinusoids(28);
  const Small net = narrow_net(27);
  for (int steps : {1, 3}) {
    for (const Parts& part : {Parts{}, Parts{"head"}, Parts{"body"}}) {
      const maml::Rule rule{.alpha = 0.05, .steps = steps, .adapted = part};
      CHECK(against_differences(
                net, [&](const Small& n) { return objective(n, rule, mse, batch); }) <= 1e-6);
      const MetaSgd sgd{.alpha = 0.05, .steps = steps, .adapted = part};
      CHECK(against_differences(uneven(sgd.initial(net)), [&](const WithStepSizes<Small>& n) {
              return objective(n, sgd, mse, batch);
            }) <= 1e-6);
      const PlusPlus plus{
          .alpha = 0.05, .steps = steps, .weights = step_weights(steps, 5, 15), .adapted = part};
      const auto stepped = uneven(plus.initial(net));
      CHECK(against_differences(stepped, [&](const WithStepSizes<Small>& n) {
              return objective(n, plus, mse, batch);
            }) <= 1e-6);
      const Sharpness low{.up = false, .alpha_low = 0.3};
      CHECK(against_differences(net, [&](const Small& n) {
              return objective(n, sharp_of(rule, low), mse, batch);
            }) <= 1e-6);
    }
  }
}

TEST_CASE("a batch of tasks gives the mean of its tasks") {
  const TaskBatch batch = sinusoids(30);
  const Small net = whole_net(29);
  const Net cml_net = sinusoid_net(29);
  for (bool second : {true, false}) {
    const maml::Rule rule{.alpha = 0.02, .steps = 3, .second_order = second};
    const PlusPlus plus{
        .alpha = 0.02, .steps = 3, .weights = {0.2, 0.3, 0.5}, .second_order = second};
    const MetaSgd sgd{.alpha = 0.02, .steps = 3, .second_order = second};
    const cml::Rule<PlusPlus> cml_plus{.inner = plus, .gamma = 0.3};
    const Sharpness low{.up = false, .alpha_low = 0.3};
    const cml::Rule<SharpMaml> cml_low{.inner = sharp_of(rule, low), .gamma = 0.3};
    CHECK(against_single_tasks(net, batch, [&](const Small& n, const TaskBatch& b) {
            return objective(n, rule, mse, b);
          }) <= 1e-12);
    CHECK(against_single_tasks(net, batch, [&](const Small& n, const TaskBatch& b) {
            return objective(n, sharp_of(rule, low), mse, b);
          }) <= 1e-11);
    CHECK(against_single_tasks(uneven(sgd.initial(net)), batch,
                               [&](const WithStepSizes<Small>& n, const TaskBatch& b) {
                                 return objective(n, sgd, mse, b);
                               }) <= 1e-12);
    CHECK(against_single_tasks(uneven(plus.initial(net)), batch,
                               [&](const WithStepSizes<Small>& n, const TaskBatch& b) {
                                 return objective(n, plus, mse, b);
                               }) <= 1e-12);
    CHECK(against_single_tasks(uneven(cml_plus.initial(cml_net)), batch,
                               [&](const WithStepSizes<Net>& n, const TaskBatch& b) {
                                 return objective(n, cml_plus, mse, b).total;
                               }) <= 1e-12);
    CHECK(against_single_tasks(cml_net, batch, [&](const Net& n, const TaskBatch& b) {
            return objective(n, cml_low, mse, b).total;
          }) <= 1e-11);
  }
}

TEST_CASE(
    "CML on MAML++, BOIL and Sharp-MAML: with gamma 0 the method itself, and nothing for phi") {
  const Net net = sinusoid_net(31);
  const Small meta{net.body, net.head};
  const TaskBatch batch = sinusoids(32);
  const auto same = [](const Net& g, const Small& expected) {
    CHECK(flat(g.body) == flat(expected.body));
    CHECK(flat(g.head) == flat(expected.head));
    CHECK(largest(flat(g.cohead)) == 0);
  };
  for (bool second : {true, false}) {
    const PlusPlus plus{
        .alpha = 0.02, .steps = 3, .weights = {0.2, 0.3, 0.5}, .second_order = second};
    const cml::Rule<PlusPlus> rule{.inner = plus, .gamma = 0};
    const auto learner = rule.initial(net);
    const auto expected = plus.initial(meta);
    CHECK(parameter_count(learner) == 3442 + 6 * 3);
    const cml::Objective o = objective(learner, rule, mse, batch);
    const Tensor plain = objective(expected, plus, mse, batch);
    CHECK(o.total.item() == plain.item());
    const auto g = grad(o.total, learner);
    const auto h = grad(plain, expected);
    same(g.net, h.net);
    CHECK(flat(g.step_sizes) == flat(h.step_sizes));

    const maml::Rule maml{.alpha = 0.02, .steps = 3, .second_order = second},
        boil = maml::boil(maml);
    same(grad(objective(net, cml::Rule<>{.inner = boil, .gamma = 0}, mse, batch).total, net),
         grad(objective(meta, boil, mse, batch), meta));

    const SharpMaml both = sharp_of(maml, {.alpha_low = 0.3, .alpha_up = 0.2});
    const auto sharp = outer_gradient(net, cml::Rule<SharpMaml>{.inner = both, .gamma = 0}, batch);
    const auto sharp_alone = outer_gradient(meta, both, batch);
    CHECK(sharp.loss.item() == sharp_alone.loss.item());
    CHECK(gap(flat(Small{sharp.gradient.body, sharp.gradient.head}), flat(sharp_alone.gradient)) <=
          1e-13);
    CHECK(largest(flat(sharp.gradient.cohead)) == 0);
  }
}

TEST_CASE("CML's plain forms are those of the family: last weight, constant rates, radius 0") {
  const Net net = sinusoid_net(33);
  const TaskBatch batch = sinusoids(34);
  const cml::Rule<> rule{.inner = {.alpha = 0.02, .steps = 2}, .gamma = 0.4};
  const cml::Objective plain = objective(net, rule, mse, batch);
  const std::vector<double> g = flat(grad(plain.total, net));
  const cml::Rule<PlusPlus> plus{.inner = {.alpha = 0.02, .steps = 2}, .gamma = 0.4};
  const auto learner = plus.initial(net);
  const cml::Objective last = objective(learner, plus, mse, batch);
  CHECK(last.total.item() == plain.total.item());
  CHECK(last.meta.item() == plain.meta.item());
  CHECK(last.co.item() == plain.co.item());
  CHECK(flat(grad(last.total, learner).net) == g);
  const auto sharp = [&](const Sharpness& s) {
    return cml::Rule<SharpMaml>{.inner = sharp_of(rule.inner, s), .gamma = 0.4};
  };
  for (const Sharpness& s :
       {Sharpness{.alpha_low = 0, .alpha_up = 0}, Sharpness{.low = false, .up = false}})
    CHECK(flat(outer_gradient(net, sharp(s), batch).gradient) == g);

  // phi is not adapted or perturbed in the inner loop; at test its bits are those of the start.
  const auto low = sharp({.up = false, .alpha_low = 0.3});
  const std::vector<double> phi = flat(per_task(net.cohead, 4));
  const Tensor &x = batch.support_x, &y = batch.support_y;
  CHECK(flat(adapt(net, low, mse, x, y).cohead) == phi);
  CHECK(flat(adapted(net, low, mse, x, y).cohead) == phi);
  CHECK(flat(adapt(learner, plus, mse, x, y).cohead) == phi);
  CHECK(flat(adapted(learner, plus, mse, x, y)) == flat(adapted(net, rule, mse, x, y)));
}

TEST_CASE("CML on the family: gradients agree with central differences, phi and rates included") {
  const Net net = narrow_cml(35);
  const TaskBatch batch = sinusoids(36);
  for (const Parts& part : {Parts{}, Parts{"body"}}) {
    const cml::Rule<PlusPlus> plus{
        .inner = {.alpha = 0.05, .steps = 3, .weights = {0.2, 0.3, 0.5}, .adapted = part},
        .gamma = 0.4};
    CHECK(against_differences(uneven(plus.initial(net)), [&](const WithStepSizes<Net>& n) {
            return objective(n, plus, mse, batch).total;
          }) <= 1e-6);
    const cml::Rule<SharpMaml> low{.inner = {.alpha = 0.05,
                                             .steps = 3,
                                             .adapted = part,
                                             .sharpness = {.up = false, .alpha_low = 0.3}},
                                   .gamma = 0.4};
    CHECK(against_differences(
              net, [&](const Net& n) { return objective(n, low, mse, batch).total; }) <= 1e-6);
  }
}

TEST_CASE("the whole family learns") {
  const Sinusoids tasks;
  const auto batch_at = [&](int step) {
    return tasks.sample(Random(41) / "train" / step, 8, 10, 10);
  };
  const TaskBatch held_out = tasks.sample(Random(41) / "test", 100, 10, 10);
  const auto net = [] { return to(whole_net(37), DType::f32); };
  const Adam adam{.lr = 2e-3};
  const auto train = [&](auto learner, const auto& gradient) {
    Adam::State state;
    for (int step = 0; step < 300; ++step)
      learner = update(adam, std::move(learner), state, gradient(learner, batch_at(step)));
    return learner;
  };
  const auto test = [&](const Small& fast) {
    return mean(mse(fast(held_out.query_x), held_out.query_y)).item();
  };
  const Tensor &x = held_out.support_x, &y = held_out.support_y;
  const auto lower = [&](const char* name, double after, double before) {
    CAPTURE(name);
    CAPTURE(before);
    CHECK(after < 0.9 * before);
  };
  for (const Parts& part : {Parts{}, Parts{"head"}, Parts{"body"}}) {
    const maml::Rule rule{.alpha = 0.01, .adapted = part};
    const Small learnt = train(net(), [&](const Small& n, const TaskBatch& b) {
      return grad(objective(n, rule, mse, b), n);
    });
    lower("maml, anil, boil", test(adapted(learnt, rule, mse, x, y)),
          test(adapted(net(), rule, mse, x, y)));
  }
  const maml::Rule rule{.alpha = 0.01};
  const double before = test(adapted(net(), rule, mse, x, y));
  const MetaSgd sgd{.alpha = 0.01};
  const auto meta_sgd = train(sgd.initial(net()), [&](const auto& n, const TaskBatch& b) {
    return grad(objective(n, sgd, mse, b), n);
  });
  lower("meta-sgd", test(adapted(meta_sgd, sgd, mse, x, y)), before);
  CHECK(flat(meta_sgd.step_sizes) != flat(sgd.initial(net()).step_sizes));
  const PlusPlus plus{.steps = 3, .weights = step_weights(3, 0, 15)};
  const auto plus_plus = train(plus.initial(net()), [&](const auto& n, const TaskBatch& b) {
    return grad(objective(n, plus, mse, b), n);
  });
  lower("maml++", test(adapted(plus_plus, plus, mse, x, y)), before);
  const Sharpness both{.alpha_low = 0.005, .alpha_up = 0.005};
  const Small sharp = train(net(), [&](const Small& n, const TaskBatch& b) {
    return outer_gradient(n, sharp_of(rule, both), b).gradient;
  });
  lower("sharp-maml", test(adapted(sharp, sharp_of(rule, both), mse, x, y)), before);

  const maml::Reptile<Sgd> runs{.inner = {.lr = 0.02}, .steps = 8};
  const Small start = net();
  Small reptile_net = start;
  Sgd::State state;
  for (int step = 0; step < 300; ++step) {
    const TaskBatch b = batch_at(step);
    reptile_net = update(Sgd{.lr = 0.5}, std::move(reptile_net), state,
                         maml::reptile_gradient(reptile_net, runs, mse, b.support_x, b.support_y));
  }
  lower("reptile", test(adapted(reptile_net, runs, mse, x, y)),
        test(adapted(start, runs, mse, x, y)));
}

TEST_CASE("the family refuses what does not fit") {
  const Small net = narrow_net(39);
  const TaskBatch batch = sinusoids(40);
  const Mlp whole = net.body;  // no parts named body or head
  CHECK_THROWS_WITH_AS(objective(whole, maml::Rule{.adapted = {"head"}}, mse, batch),
                       "inner loop: the net has no parameters in a part named 'head'", ConfigError);
  const PlusPlus three{.steps = 3, .weights = {1, 1}};
  const auto learner = three.initial(net);
  CHECK_THROWS_WITH_AS(objective(learner, three, mse, batch), "inner loop: 2 weights for 3 steps",
                       ConfigError);
  CHECK_THROWS_AS(objective(learner, PlusPlus{.steps = 0}, mse, batch), ConfigError);
  CHECK_THROWS_AS(objective(learner, PlusPlus{.steps = 3, .weights = {0, 0, 0}}, mse, batch),
                  ConfigError);
  CHECK_THROWS_WITH_AS(objective(learner, PlusPlus{.steps = 4}, mse, batch),
                       "inner loop: step 3 has no learned step size in [3]", ShapeError);
  CHECK_THROWS_AS(objective(learner, PlusPlus{.steps = 3, .adapted = {"head"}}, mse, batch),
                  ShapeError);
  // MAML++'s step sizes in Meta-SGD and in MAML
  CHECK_THROWS_AS(objective(learner, MetaSgd{}, mse, batch), ShapeError);
  CHECK_THROWS_AS(objective(learner, maml::Rule{}, mse, batch), ShapeError);
  CHECK_THROWS_AS(objective(MetaSgd{.adapted = {"head"}}.initial(net), MetaSgd{}, mse, batch),
                  ShapeError);
  const Net model = narrow_cml(39);
  for (const std::vector<double>& weights : {std::vector<double>{0, 0}, std::vector<double>{1}}) {
    const cml::Rule<PlusPlus> two{.inner = {.steps = 2, .weights = weights}};
    CHECK_THROWS_AS(objective(two.initial(model), two, mse, batch), ConfigError);
  }
  CHECK_THROWS_AS(flagged(net, std::vector<bool>(3)), ShapeError);
}
