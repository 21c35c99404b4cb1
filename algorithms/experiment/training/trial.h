// Training a net on a labelled set, whatever the method and whatever the set: batches, the learning
// curve, the score, the state, the model.
//
// A learner is a value without seeds, sets and scores:
//
//   struct Plain {
//     Net net;  Sgd::State sgd;
//     Tensor learn(const Batch& b, int64_t i);     // step i; the loss before it
//     Net deployed() const;                        // the net as it is used
//     static void parts(auto& self, auto&& part);  // all that learn() changes
//   };
//
// It may also have
//
//     void logged(Moment& m);           // at each point of the curve: adds numbers, keeps some
//     void report(const Job&, const Set&, Outcome&) const;  // at the end, after the set's scores
//     Metadata about() const;           // for the model's file
//
// A member of such a name that cannot be called so does not compile.
//
// A set gives batches and scores nets (data/images.h; regrad-rfn has another):
//
//   int64_t batches() const;            // an epoch
//   Batch batch(int64_t i) const;       // of step i
//   Moment curve(const Net& net) const; // numbers of the learning curve
//   void score(const Job&, const Net& net, Outcome& out) const;  // at the end
//   Metadata about() const;             // where there is something to add
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/engine/profile.h>
#include <regrad/layers/serialize.h>

namespace regrad::experiment {
namespace detail {

// Whether T has a member of Name's name, whatever it takes: beside Name's own it is ambiguous.
struct Logged {
  int logged;
};
struct Report {
  int report;
};
struct About {
  int about;
};
template <class T, class Name>
struct Beside : T, Name {};
template <class T>
constexpr bool has_logged = !requires {
  &Beside<T, Logged>::logged;
};
template <class T>
constexpr bool has_report = !requires {
  &Beside<T, Report>::report;
};
template <class T>
constexpr bool has_about = !requires {
  &Beside<T, About>::about;
};

}  // namespace detail

template <class Learner, class Set>
class TrainTrial : public Trial {
 public:
  // log_every: epochs between two points of the learning curve.
  TrainTrial(const Job& job, Learner learner, Set set, int64_t log_every)
      : job_(job),
        every_(set.batches() * log_every),
        set_(std::move(set)),
        learner_(std::move(learner)) {}

  Moment step(int64_t i) override {
    const auto drawn = [&] {
      const ProfileScope scope("data");
      return set_.batch(i);
    };
    const Tensor loss = learner_.learn(drawn(), i);
    if ((i + 1) % every_ != 0) return {};
    const ProfileScope scope("evaluation");
    Moment m = set_.curve(learner_.deployed());
    m.emplace_back("training loss", loss.item());
    if constexpr (detail::has_logged<Learner>) learner_.logged(m);
    return m;
  }

  Outcome finish() override {
    Outcome out;
    const auto net = learner_.deployed();
    set_.score(job_, net, out);
    if constexpr (detail::has_report<Learner>) learner_.report(job_, set_, out);
    if (out.parameters.empty()) out.parameters.emplace_back(job_.method, parameter_count(net));
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    each(learner_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
  }

  std::vector<NamedTensor> model() const override { return named_tensors(learner_.deployed()); }

  Metadata about() const override {
    Metadata out;
    if constexpr (detail::has_about<Set>) out.merge(set_.about());
    if constexpr (detail::has_about<Learner>) out.merge(learner_.about());
    return out;
  }

  const Learner& learner() const { return learner_; }
  const Set& set() const { return set_; }

 private:
  const Job job_;
  const int64_t every_;
  const Set set_;
  Learner learner_;
};

}  // namespace regrad::experiment
