#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/cml/sinusoid.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>

namespace regrad::cml {
namespace {

using experiment::Chart;
using experiment::Job;
using experiment::Moment;
using experiment::Outcome;
using experiment::Series;

using Net = Model<Mlp, Linear, Mlp>;

int shots_of(const std::string& variant) { return std::stoi(variant.substr(2)); }
std::string metric_of(const std::string& variant) { return "mse@" + variant.substr(2); }
std::string unadapted_of(const std::string& variant) { return "unadapted mse@" + variant.substr(2); }

// The initial values of a seed: one stream a part, so that phi takes no numbers from psi, theta or the tasks.
Net initial(const SinusoidSettings& s, uint64_t seed) {
  const Random r = Random(seed) / "init";
  std::vector<int64_t> sizes{1};
  sizes.insert(sizes.end(), s.hidden.begin(), s.hidden.end());
  const int64_t features = sizes.back();
  return {Mlp(r / "body", sizes, false), Linear(r / "head", features, 1), Mlp(r / "cohead", {features, s.cohead_hidden, 1}, true)};
}

// What one method changes of MAML.
struct Method {
  double gamma = 0;
  bool trains_cohead = false;  // false: frozen noise, and MAML, which has none
  bool adapts_cohead = false;  // CL
};
Method method_of(const std::string& name, double gamma) {
  if (name == "maml") return {};
  if (name == "noise") return {gamma, false, false};
  if (name == "cl") return {gamma, true, true};
  if (name == "cml-g1") return {1, true, false};
  return {gamma, true, false};
}

Tensor flat(const std::vector<Tensor>& list) {
  std::vector<Tensor> out;
  for (const Tensor& t : list) out.push_back(reshape(t, {t.numel()}));
  return cat(out, 0);
}

class SinusoidTrial : public experiment::Trial {
 public:
  SinusoidTrial(const SinusoidSettings& s, const Job& job) : s_(s), job_(job), method_(method_of(job.method, s.gamma)), net_(initial(s, job.seed)) {
    rule_.alpha = s.alpha;
    rule_.gamma = method_.gamma;
    rule_.steps = s.inner_steps;
    rule_.second_order = !s.first_order;
    rule_.adapt_cohead = method_.adapts_cohead;
    adam_ = Adam{}.initial(method_.trains_cohead ? parameters(net_) : parameters(learner()));
  }

  Moment step(int64_t i) override {
    const TaskBatch batch = training_batch(i);
    const Objective o = objective(net_, rule_, mse_loss_by_task, batch);
    if ((i + 1) % s_.log_every != 0) {
      learn(o.total);
      return {};
    }
    Moment moment = {{"validation mse", 0}, {"query mse", o.meta.item()}};
    if (o.co.defined()) moment.emplace_back("co-learner's query mse", o.co.item());
    learn(o.total);
    moment[0].second = error("validation", s_.validation_tasks, false, true);
    if (s_.mechanism) mechanism(batch, moment);
    return moment;
  }

  Outcome finish() override {
    Outcome out;
    const double adapted_mse = score(false, true), unadapted_mse = score(false, false);
    out.scores = {{job_.method, metric_of(job_.variant), adapted_mse}, {job_.method, unadapted_of(job_.variant), unadapted_mse}};
    const int64_t own = parameter_count(net_.body) + parameter_count(net_.head), other = parameter_count(net_.body) + parameter_count(net_.cohead);
    out.parameters = {{job_.method, own}};
    if (job_.method == "cml") {
      out.scores.push_back({"dagger", metric_of(job_.variant), score(true, true)});
      out.scores.push_back({"dagger", unadapted_of(job_.variant), score(true, false)});
      out.parameters.emplace_back("dagger", other);
    }
    if (job_.method == "maml" || job_.method == "cml") out.figures = fits();
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    each(net_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
    each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  }

  std::vector<NamedTensor> model() const override { return named_tensors(net_); }

 private:
  TaskBatch training_batch(int64_t i) const {
    const int k = shots_of(job_.variant);
    return Sinusoids{}.sample(Random(job_.seed) / "tasks" / i, s_.tasks, k, k);
  }

  // Adam on psi and theta, and on phi where the method trains it. The steps of one parameter do not depend on the others, so one Adam is as good as
  // the two of the authors' code.
  void learn(const Tensor& loss) {
    const Adam adam{.lr = s_.lr};
    if (method_.trains_cohead) {
      net_ = update(adam, std::move(net_), adam_, grad(loss, net_));
      return;
    }
    Net mine = learner();
    mine = update(adam, std::move(mine), adam_, grad(loss, mine));
    net_.body = std::move(mine.body);
    net_.head = std::move(mine.head);
  }
  Net learner() const { return {net_.body, net_.head, {}}; }

  // What the paper's figures 3b and 3c look at, on a training batch after adaptation: how far the two heads' gradients of the body point the same
  // way, and the norm of the support loss's gradient, layer by layer (the mean over the tasks).
  void mechanism(const TaskBatch& batch, Moment& m) const {
    const Net fast = as_leaves(adapted(net_, rule_, mse_loss_by_task, batch.support_x, batch.support_y));
    if (rule_.gamma > 0) {
      const Tensor features = fast.body(batch.query_x);
      const std::vector<Tensor> body = parameters(fast.body);
      const auto gradient = [&](const Tensor& prediction) {
        return flat(grad(TensorList(sum(mse_loss_by_task(prediction, batch.query_y))), TensorList(body), {.retain_graph = true}));
      };
      m.emplace_back("cosine of the heads' gradients", cosine_similarity(gradient(fast.head(features)), gradient(fast.cohead(features)), 0).item());
    }
    const Net g = grad(sum(mse_loss_by_task(fast.head(fast.body(batch.support_x)), batch.support_y)), fast);
    const auto size = [](const Linear& layer) { return mean(sqrt(sum(square(layer.weight), {1, 2}) + sum(square(layer.bias), {1}))).item(); };
    for (size_t l = 0; l < g.body.layers.size(); ++l)
      m.emplace_back("support gradient's norm, body layer " + std::to_string(l + 1), size(g.body.layers[l]));
    m.emplace_back("support gradient's norm, head", size(g.head));
  }

  double score(bool by_cohead, bool adapts) const { return error("test", s_.test_tasks, by_cohead, adapts); }
  // Mean squared error over the tasks of a stream of its own, the same for every seed and method; by the co-learner or the meta-learner, with or
  // without adaptation.
  double error(const char* stream, int tasks_in_all, bool by_cohead, bool adapts) const {
    const int k = shots_of(job_.variant);
    constexpr int64_t chunk = 100;
    double total = 0;
    for (int64_t first = 0; first < tasks_in_all; first += chunk) {
      const TaskBatch tasks = held_out(stream, first / chunk, std::min<int64_t>(chunk, tasks_in_all - first), k);
      const Net net = adapts ? adapted(net_, rule_, mse_loss_by_task, tasks.support_x, tasks.support_y) : net_;
      const NoGrad quiet;
      const Tensor features = net.body(tasks.query_x), y = by_cohead ? net.cohead(features) : net.head(features);
      total += sum(mse_loss_by_task(y, tasks.query_y)).item();
    }
    return total / tasks_in_all;
  }
  TaskBatch held_out(const char* stream, int64_t number, int64_t count, int k) const {
    return Sinusoids{}.sample(Random(0) / stream / number, count, k, s_.test_points);
  }

  // Two test tasks: the truth, the net before and after adaptation, the support points.
  std::vector<Chart> fits() const {
    const int k = shots_of(job_.variant);
    constexpr int64_t shown = 2, points = 121;
    const TaskBatch tasks = held_out("test", 0, shown, k);
    Tensor grid = arange(0, static_cast<double>(points)).to(DType::f32) * (10.0 / (points - 1)) - 5.0;
    grid = expand(reshape(grid, {1, points, 1}), {shown, points, 1});
    const Net after = adapted(net_, rule_, mse_loss_by_task, tasks.support_x, tasks.support_y);
    const NoGrad quiet;
    const Tensor before_y = net_.head(net_.body(grid)), features = after.body(grid), after_y = after.head(features);
    std::vector<Chart> out;
    for (int64_t t = 0; t < shown; ++t) {
      const auto [amplitude, phase] = Sinusoids{}.curve(Random(0) / "test" / 0, t);
      const std::vector<double> x = grid[t].to_vector();
      std::vector<double> truth;
      for (double v : x) truth.push_back(amplitude * std::sin(v - phase));
      Chart c{job_.method + ", " + job_.variant + ", test task " + std::to_string(t + 1), "x", "y"};
      c.series = {{"truth", x, truth, Series::dashed, 6},
                  {"before", x, before_y[t].to_vector(), Series::line, 4},
                  {"after", x, after_y[t].to_vector(), Series::line, 0}};
      if (job_.method == "cml") c.series.push_back({"after, co-learner", x, after.cohead(features)[t].to_vector(), Series::line, 2});
      c.series.push_back({"support", tasks.support_x[t].to_vector(), tasks.support_y[t].to_vector(), Series::points, 1});
      out.push_back(std::move(c));
    }
    return out;
  }

  const SinusoidSettings s_;
  const Job job_;
  const Method method_;
  Rule rule_;
  Net net_;
  Adam::State adam_;
};

}  // namespace

experiment::Card SinusoidExperiment::card() const {
  return {"cml",
          "MAML and cooperative meta-learning (CML: Shin, Han and Kim, UAI 2024) on sinusoids: few-shot regression, test error after adaptation.",
          {"sinusoid"},
          {{"maml", "model-agnostic meta-learning"},
           {"cml", "CML, co-learner dropped at test"},
           {"dagger", "CML, the un-adapted co-learner predicts at test", "cml"},
           {"noise", "control: the co-learner stays at its initial values"},
           {"cl", "control: the co-learner is adapted in the inner loop too (its inner loss is ours)"},
           {"cml-g1", "CML with gamma = 1", "", false}},
          settings_.shots.empty() || std::find(settings_.shots.begin(), settings_.shots.end(), 10) != settings_.shots.end()
              ? "mse@10"
              : "mse@" + std::to_string(settings_.shots[0]),
          experiment::Better::lower,
          "maml"};
}

void SinusoidExperiment::choose(const std::string&, const std::string& preset) {
  settings_ = SinusoidSettings();
  if (preset == "tiny") {  // the first arm of the specification's pilot
    settings_.steps = 10000;
    settings_.log_every = 200;
    seeds_ = 6;
  } else {
    settings_.shots = {5, 10, 20};
    seeds_ = 8;
  }
  if (preset == "long") settings_.steps = 150000;
  if (preset == "paper") {  // Finn's defaults where the paper is silent
    settings_.steps = 70000;
    settings_.test_tasks = 600;
  }
}

void SinusoidExperiment::check() const {
  const auto need = [](bool holds, const char* what) {
    if (!holds) throw ConfigError(what);
  };
  need(settings_.steps >= 1 && settings_.tasks >= 1 && settings_.inner_steps >= 0 && settings_.log_every >= 1,
       "steps, tasks and log-every must be at least 1, inner-steps at least 0");
  need(!settings_.shots.empty() && *std::min_element(settings_.shots.begin(), settings_.shots.end()) >= 1, "shots: at least one K, each at least 1");
  need(!settings_.hidden.empty() && *std::min_element(settings_.hidden.begin(), settings_.hidden.end()) >= 1 && settings_.cohead_hidden >= 1,
       "hidden and cohead-hidden: widths of at least 1");
  need(settings_.test_tasks >= 1 && settings_.test_points >= 1 && settings_.validation_tasks >= 1,
       "test-tasks, test-points and validation-tasks must be at least 1");
  need(settings_.lr > 0 && settings_.alpha >= 0 && settings_.gamma >= 0, "lr must be above 0, alpha and gamma not below 0");
}

std::vector<std::string> SinusoidExperiment::variants() const {
  std::vector<std::string> out;
  for (int k : settings_.shots) out.push_back("K=" + std::to_string(k));
  return out;
}

std::unique_ptr<experiment::Trial> SinusoidExperiment::trial(const Job& job) const { return std::make_unique<SinusoidTrial>(settings_, job); }

std::vector<experiment::Claim> SinusoidExperiment::claims(const experiment::Result& result) const {
  using experiment::claim;
  using experiment::Direction;
  const auto has = [&](const char* name) {
    return std::any_of(result.methods.begin(), result.methods.end(), [&](const auto& m) { return m.name == name; });
  };
  std::vector<experiment::Claim> out;
  for (const std::string& variant : variants()) {
    const auto mse = [&](const char* method) { return experiment::values(result, method, metric_of(variant)); };
    const std::string at = " at " + variant;
    if (has("maml") && has("dagger")) out.push_back(claim("dagger below maml" + at, mse("dagger"), mse("maml"), Direction::below));
    if (has("maml") && has("cml")) {
      out.push_back(claim("cml below maml" + at, mse("cml"), mse("maml"), Direction::below));
      out.push_back(experiment::claim_within("cml within 10% of maml" + at, mse("cml"), mse("maml"), 0.1 * experiment::mean(mse("maml"))));
    }
    if (has("cml") && has("noise")) out.push_back(claim("cml below frozen noise" + at, mse("cml"), mse("noise"), Direction::below));
    if (has("maml")) {
      std::vector<double> third = experiment::values(result, "maml", unadapted_of(variant));
      for (double& v : third) v *= 0.35;
      out.push_back(claim("maml's adapted error below 0.35 of the unadapted" + at, mse("maml"), third, Direction::below));
    }
  }
  return out;
}

}  // namespace regrad::cml
