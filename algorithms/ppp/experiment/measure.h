// What the rows of one trial score: each person's test examples, by nets that are cut.
#pragma once

#include <regrad/algorithms/ppp/experiment/trial.h>
#include <regrad/algorithms/ppp/personalize.h>
#include <regrad/algorithms/shared/cost.h>

#include <map>

namespace regrad::ppp {

// Multiply-adds, parameters and bytes of f32 parameters of one example's way through a plain net.
Cost cost_of_net(const GatedNet& net, const InferenceInfo& info);

// Metrics of a row:
//   accuracy   % of the test examples of persons who are in the training
//   unseen     the same of persons who are not: held out, or left out by a net of their own
//   MACs, % of full;  parameters, % of full;  bytes      mean over the persons of `accuracy`
//   MACs of unseen, % of full;  parameters of unseen, % of full    over those of `unseen`
//   overlap, %           of what two persons keep (Jaccard), mean over pairs
//   training, 1e9 MACs   forward and backward, of one net
// accuracy and unseen item by item, with the person as cluster; and each person's own where there
// are ten or fewer.
class Rows {
 public:
  Rows(const experiment::Job& job, const Settings& s, const Persons& data, int64_t steps);
  void measure(const Fold& main);
  void measure_left_out(const Fold& fold, int64_t left_out);
  experiment::Outcome outcome();

 private:
  struct Reading {                                                  // of one row
    std::map<int64_t, std::vector<double>> seen = {}, unseen = {};  // person -> hits
    double macs = 0, parameters = 0, bytes = 0;                     // sums over the persons seen
    double unseen_macs = 0, unseen_parameters = 0;                  // over those who are not
    std::vector<double> kilobytes = {};                             // by person, for the picture
  };
  using ByPerson = std::map<int64_t, Personal>;

  ByPerson personal_nets(const Fold& fold, const std::vector<int64_t>& people) const;
  void person(const Fold& fold, const ByPerson& nets, int64_t u, bool is_seen);
  void beside(const Fold& fold, const ByPerson& nets, int64_t u, bool is_seen);
  void by_example(const Fold& fold, int64_t u, bool is_seen);
  void add(const std::string& row, const GatedNet& net, int64_t u, bool is_seen);
  void add(const std::string& row, int64_t u, bool is_seen, std::vector<double> hits,
           const Cost& cost);
  std::vector<double> hits(const GatedNet& net, int64_t u) const;
  GatedNet tuned(GatedNet net, int64_t u) const;
  double training(const std::string& row) const;
  void scores(const std::string& row, const Reading& of, experiment::Outcome& out) const;
  void pictures(const Fold& main, experiment::Outcome& out) const;

  const experiment::Job& job_;
  const Settings& s_;
  const Persons& data_;
  const int64_t steps_;
  std::vector<std::string> order_ = {};
  std::map<std::string, Reading> rows_ = {};
  ByPerson main_ = {};
  Cost full_ = {};
  double gate_macs_ = 0;
  std::vector<experiment::Chart> figures_ = {};
  std::vector<experiment::Gallery> galleries_ = {};
};

}  // namespace regrad::ppp
