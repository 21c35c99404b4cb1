// One net with gates (and the rows that are made of it) with one seed: the main net, trained on all
// seen persons, and where the settings say so one more for each person, trained without that one.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/ppp/experiment/methods.h>
#include <regrad/algorithms/ppp/experiment/persons.h>
#include <regrad/algorithms/ppp/ppp.h>

namespace regrad::ppp {

// Steps of one net: the main one's examples, in batches of P K, times the epochs; at least one.
int64_t steps_of_net(const Settings& s, const Persons& data);
// Nets of a row's trial: 1, and one for each person where `leave_out` and the row is whole.
int64_t nets_of(const std::string& method, const Settings& s, const Persons& data);

// P of the people at random, and K examples of each without repeats, as far as there are so many.
PersonBatch draw_batch(const Persons& data, const std::vector<int64_t>& people, int64_t persons,
                       int64_t samples, const Random& r);
// Places of the k examples that stand for person u: the same for every row and net of a seed.
std::vector<int64_t> enrolled(const Persons& data, int64_t u, int64_t k, uint64_t seed);
// lr at step i of `steps`, momentum and decay as set.
Sgd sgd_at(const Settings& s, int64_t i, int64_t steps);
GatedOptions net_of(const Settings& s, const Persons& data);
Options options_of(const Method& m, const Settings& s);

// What is trained side by side: the net with gates, and for row ppp the one without.
struct Fold {
  std::vector<int64_t> people = {};  // in its training
  std::vector<Learner> gated = {};   // one
  GatedNet full = {};
  Sgd::State full_sgd = {};
  const GatedNet& net() const { return gated[0].net; }
  static void parts(auto& self, auto&& part) {
    part("gated", self.gated);
    part("full", self.full);
    part("full_sgd", self.full_sgd);
  }
};

class PppTrial : public experiment::Trial {
 public:
  PppTrial(const experiment::Job& job, const Settings& s, std::shared_ptr<const Persons> data);
  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  std::vector<NamedTensor> model_of(const std::string& method) const override;
  Metadata about() const override;
  const std::vector<Fold>& folds() const { return folds_; }

 private:
  Fold fold(std::vector<int64_t> people, const Random& r) const;
  experiment::Moment curve(const Loss& loss) const;

  const experiment::Job job_;
  const Settings s_;
  const std::shared_ptr<const Persons> data_;
  const Method method_;
  const Random random_;
  const int64_t steps_;  // of a net
  std::vector<Fold> folds_;
};

}  // namespace regrad::ppp
