// The task of sinusoids (CML section 4.1): mean squared error after adaptation. What the paper
// leaves open (outer steps, optimizer, query size, test tasks) is a setting.
#pragma once

#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/algorithms/shared/sinusoids.h>

namespace regrad::cml {

struct SinusoidSettings : MetaSettings {
  std::vector<int> hidden = {40, 40};
  int cohead_hidden = 40;
  int test_points = 100;

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("hidden", self.hidden, "widths of the body's layers", at_least(1));
    part("cohead_hidden", self.cohead_hidden, "width of the co-learner's hidden layer",
         at_least(1));
    part("test_points", self.test_points, "query points of a test task; in training there are K",
         at_least(1));
  }
};
using SinusoidNet = Model<Mlp, Linear, Mlp>;

// The stream of held-out task t: a hundred of them have neighbouring ones.
inline Random sinusoid_stream(const Random& r, int64_t t) { return r / (t / 100) / (t % 100); }

// Support [T,shots,1], query [T,shots,1] in training and [T,test_points,1] else.
inline Task<SinusoidNet> sinusoid_task(const SinusoidSettings& s, int64_t shots) {
  Task<SinusoidNet> task{s, regression};
  task.initial = [s](const Random& r) { return mlp_net<Mlp>(r, 1, s.hidden, s.cohead_hidden, 1); };
  task.draw = [s, shots](Split split, const Random& r, int64_t first, int64_t count) {
    if (split == Split::training) return Sinusoids{}.sample(r, count, shots, shots);
    std::vector<Random> streams;
    for (int64_t t = first; t < first + count; ++t) streams.push_back(sinusoid_stream(r, t));
    return Sinusoids{}.sample(streams, shots, s.test_points);
  };
  task.about = about_net(s, "mlp", static_cast<int>(shots));
  return task;
}

}  // namespace regrad::cml
