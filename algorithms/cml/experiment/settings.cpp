#include <algorithm>

#include <regrad/algorithms/cml/experiment/methods.h>
#include <regrad/algorithms/cml/experiment/settings.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/error.h>

namespace regrad::cml {

void check(const MetaSettings& s) {
  MetaSettings copy = s;
  for (const experiment::Field& field : experiment::fields(copy))
    if (const std::string what = experiment::out_of_range(field); !what.empty())
      throw ConfigError(what);
  need(!s.shots.empty(), "shots: at least one K");
  need(s.precision == "f32" || s.precision == "bf16", "precision must be f32 or bf16");
  need(s.precision == "f32" || bf16_available(),
       "precision: this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)");
  need(s.sharp.levels == "low" || s.sharp.levels == "up" || s.sharp.levels == "both",
       "sharp.levels must be low, up or both");
  need(s.select == "last" || s.select == "best", "select must be last or best");
  need(s.dagger_by == "theta" || s.dagger_by == "phi", "dagger_by must be theta or phi");
  need((s.select == "last" && s.patience == 0) || s.steps >= s.log_every,
       "select and patience: the curve has no point in " + std::to_string(s.steps) +
           " steps; log_every is " + std::to_string(s.log_every));
}

std::string why_unused(const std::string& key, const MetaSettings& s,
                       const std::vector<std::string>& names, NetKind net) {
  const auto none = [&](auto&& of) {
    return !experiment::any_of(names, [&](const std::string& name) { return of(method(name)); });
  };
  const auto none_is = [&](Family f) {
    return none([f](const Method& m) { return m.family == f; });
  };
  const bool plus_plus = !none_is(Family::plus_plus), sharp = !none_is(Family::sharp),
             plain = !none_is(Family::maml) || !none_is(Family::boil),
             adapts =
                 plus_plus || (plain && s.inner_steps > 0) || (sharp && s.sharp.inner_steps > 0);
  const bool dagger = !none([](const Method& m) { return m.reading == Reading::dagger; });
  const std::string no_method = "no method of the table ";
  return experiment::reason(
      key,
      {{"inner_steps", !plain, "MAML++ and Sharp-MAML have inner steps of their own"},
       {"alpha first_order", !adapts, "no inner step is taken"},
       {"gamma", none([](const Method& m) { return m.cohead != CoLearner::none && m.gamma < 0; }),
        no_method + "has a co-learner of that weight"},
       {"last last_tasks validation_tasks mechanism", s.steps < s.log_every,
        "the curve has no point (log-every)"},
       {"last last_tasks", s.patience > 0, "where training ends is not known before (patience)"},
       {"last_tasks", std::min(s.last, s.steps / s.log_every) < 2,
        "a spread is of two points at least (last)"},
       {"precision", !net.convolutions, "there are no convolutions"},
       {"plus_plus.", !plus_plus, no_method + "is MAML++"},
       {"plus_plus.epochs",
        s.plus_plus.multi_step_epochs == 0 && s.plus_plus.first_order_epochs == 0 &&
            !s.plus_plus.cosine,
        "nothing changes from one epoch to another"},
       {"plus_plus.first_order_epochs", s.first_order, "all gradients are of first order"},
       {"plus_plus.step_norms", !net.norms, "the net has no norms"},
       {"plus_plus.lr_min", !s.plus_plus.cosine, "nothing falls to it (plus_plus.cosine)"},
       {"dagger_by", !adapts || !dagger, no_method + "reads the un-adapted co-learner"},
       {"sharp.", !sharp, no_method + "is Sharp-MAML"},
       {"sharp.alpha_low sharp.through", s.sharp.levels == "up" || s.sharp.inner_steps == 0,
        "no inner step is sharp"},
       {"sharp.alpha_up", s.sharp.levels == "low", "the outer step is not sharp"},
       {"sharp.through", s.first_order, "all gradients are of first order"},
       {"cohead_hidden cohead_convs",
        none([](const Method& m) { return m.cohead != CoLearner::none; }),
        no_method + "has a co-learner"}});
}

NetSize mlp_size(double in, const std::vector<int>& hidden, double cohead_hidden, double out) {
  NetSize net{0, in, 0};
  const auto linear = [&](double from, double to) { net.parameters += (from + 1) * to; };
  for (const double width : hidden) {
    linear(in, width);
    net.activations += width;
    in = width;
  }
  linear(in, out), linear(in, cohead_hidden), linear(cohead_hidden, out);
  return net;
}

std::vector<experiment::Need> needs_of(const MetaSettings& s, const NetSize& net, double support,
                                       double query, double test_query) {
  const double item = sizeof(float), score = sizeof(double), tasks = s.tasks,
               together = s.chunk > 0 ? std::min<double>(s.chunk, tasks) : tasks,
               test = std::min<double>(s.test_chunk, s.test_tasks), examples = support + query,
               tested = support + test_query, own = s.inner_steps > 0 ? net.parameters : 0;
  return {
      experiment::trained(net.parameters, 2, "Adam's averages"),
      {item * tasks * examples * net.inputs, "the examples of a batch of tasks"},
      {item * together * (own + examples * net.activations), "the tasks that are adapted at once"},
      {item * test * (own + tested * (net.inputs + net.activations)), "the test tasks of a chunk"},
      {score * s.test_tasks, "the scores of the test tasks"},
      {2 * score * std::min<double>(s.last, s.steps / s.log_every),
       "the last points of the learning curve"}};
}

}  // namespace regrad::cml
