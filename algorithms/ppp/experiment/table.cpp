#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/ppp/experiment/table.h>
#include <regrad/algorithms/ppp/experiment/trial.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::ppp {
namespace {

using namespace experiment;

// Nothing is known of the paper's nets, data and numbers: preset paper is AIG's training (350
// epochs in batches of 256, lr 0.1, x0.1 at 150 and 250, weight decay 5e-4, a = 2), and so ours.
//
// a = 20 elsewhere: a channel's gate gets 1 / C_l of the rate's gradient that a block's gate gets
// (pruning.md, PPP-5), and in the few steps of a small run a = 2 leaves nearly all channels open.
Settings preset_of(const std::string& task, const std::string& preset) {
  Settings s;
  if (task == "digits") s.held = 0, s.leave_out = true, s.persons = 6, s.epochs = 25;
  if (task == "folder") s.held = 0, s.epochs = 30, s.people = 5, s.classes = 2;
  if (task == "glyphs") s.train = 100, s.test = 60;
  if (preset == "tiny") {
    s.epochs = 12, s.log_every = 3, s.train = 60, s.test = 40, s.persons = 4;
    if (task == "digits") s.epochs = 4, s.leave_out = false;
    if (task == "persons") s.epochs = 4, s.train = 40;
  }
  if (preset == "long") s.epochs = 60, s.train = 250;
  if (preset == "paper") {
    s.epochs = 350, s.milestones = {150.0 / 350, 250.0 / 350}, s.depth = 20, s.train = 250;
    s.samples = 32, s.rate = 2;
  }
  return s;
}

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    std::vector<MethodCard> cards = method_cards(methods());
    if (preset_ == "tiny")
      for (MethodCard& m : cards)
        if (m.name.rfind("ppp-b", 0) == 0) m.by_default = false;
    return {"ppp",
            "PPP, prototype-based personalized pruning (Kim et al. 2021): one net with gates for "
            "all persons, cut for one of them without training; test accuracy in %.",
            {task_},
            std::move(cards),
            "accuracy",
            Better::higher,
            "full",
            {},
            {"ppp"}};
  }
  void choose(const std::string&, const std::string& preset) override {
    preset_ = preset;
    s_ = preset_of(task_, preset);
    seeds_ = preset == "tiny" ? 3 : 5;
  }
  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override {
    need(s_.depth % 6 == 2, "depth: 6 n + 2, not " + std::to_string(s_.depth));
    need(s_.gate == "channel" || s_.gate == "block",
         "gate: '" + s_.gate + "' is not one of channel, block");
    need(!(s_.leave_out && s_.held > 0), "leave-out: persons are left out in turn, and " +
                                             std::to_string(s_.held) +
                                             " are held out besides; one of the two");
    if (task_ == "glyphs" || task_ == "persons")
      need(s_.held < s_.people, "held: " + std::to_string(s_.held) + " persons of " +
                                    std::to_string(s_.people) + "; one must be left to train on");
    if (data_) check_people();
  }
  std::string unused(const std::string& key, const std::vector<std::string>& names) const override {
    const auto none = [&](auto&& of) { return !any_of(names, of); };
    const auto trains = [](const std::string& row) {
      const Method& m = find_method(methods(), row);
      return std::string(m.trained_by[0] ? m.trained_by : m.name);
    };
    const bool no_ppp = none([&](const std::string&row) { return trains(row) == "ppp"; }),
               no_b = none([&](const std::string&row) {
                 return !find_method(methods(), trains(row)).prototype;
               }),
               none_shares = none([&](const std::string&row) {
                 return !find_method(methods(), trains(row)).shared;
               });
    const auto no = [&](const char* row) { return !among(row, names); };
    const std::string alone = "no row of the table is ";
    const bool made = task_ == "glyphs" || task_ == "persons";
    return reason(
        key,
        {{"people classes", !made && task_ != "folder", "the persons of " + task_ + " are given"},
         {"train validation test", !made,
          "the persons of " + task_ + " have examples of their own"},
         {"size seconds", task_ != "folder",
          "the inputs of " + task_ + " have a size of their own"},
         {"test_share", task_ != "folder", "the persons of " + task_ + " have parts of their own"},
         {"gamma", s_.milestones.empty(), "there are no milestones"},
         {"milestones", s_.gamma == 1, "gamma is 1"},
         {"target", s_.rate == 0, "the rate has no weight (rate)"},
         {"prototype", no_b, "every row of the table has its own b"},
         {"shared", none_shares, alone + "one that shares gates"},
         {"draws", no("random"), alone + "random"},
         {"others", no("ppp-other"), alone + "ppp-other"},
         {"tune_epochs", no("norm-tuned"), alone + "norm-tuned"},
         {"tune_lr", no("norm-tuned") || s_.tune_epochs == 0, alone + "fine-tuned"},
         {"leave_out", no_ppp, alone + "of PPP's, which alone leave persons out"},
         {"enrol", none([](const std::string& row) { return row != "full" && row != "aig"; }),
          alone + "cut for a person"}});
  }
  std::vector<Need> needs(const Job& job) const override {
    std::vector<Need> out;
    if (task_ == "glyphs" || task_ == "persons") {
      const double side = task_ == "glyphs" ? 16 : 28;
      out.push_back({sizeof(float) * side * side * s_.people *
                         (double{1} * s_.train + s_.validation + s_.test),
                     "the persons' pictures"});
    }
    // of a stage's 2 n convolutions of c x c x 3 x 3, c = width, 2 width, 4 width; with momentum
    // and gradient
    const double w = s_.width, net = (s_.depth - 2) / 3.0 * 9 * w * w * (1 + 4 + 16);
    out.push_back({3 * sizeof(float) * net * (is_whole(job.method) ? 2 : 1), "the nets"});
    return out;
  }
  void data(const std::string& folder) override {
    data_ = std::make_shared<const Persons>(load_persons(task_, folder, s_));
    check_people();
  }
  std::vector<std::string> notes() const override {
    return data_ ? data_->notes : std::vector<std::string>();
  }
  int64_t steps(const Job& job) const override {
    return data_ ? steps_of_net(s_, *data_) * nets_of(job.method, s_, *data_) : 0;
  }
  int64_t log_every() const override {
    return data_ ? steps_of_net(s_, *data_) / s_.epochs * s_.log_every : 0;
  }
  int64_t epoch(const Job&) const override {
    return data_ ? steps_of_net(s_, *data_) / s_.epochs : 0;
  }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(data_ != nullptr, "--task " + task_ + ": no examples were read");
    return std::make_unique<PppTrial>(job, s_, data_);
  }
  std::vector<Claim> claims(const Result& result) const override { return directions(result); }

 private:
  void check_people() const {
    need(!s_.leave_out || data_->seen() > 2,
         "leave-out: " + std::to_string(data_->seen()) +
             " persons; at least three, so that two are left to train on");
    need(data_->seen() > 1, "held: " + std::to_string(data_->seen()) +
                                " person is left to train on; another person's prototype needs "
                                "two");
  }

  std::string task_, preset_ = {};
  Settings s_ = {};
  int seeds_ = 5;
  std::shared_ptr<const Persons> data_ = nullptr;
};

}  // namespace

TaskList ppp_tasks() {
  TaskList out;
  for (const std::string& task : person_tasks()) out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::ppp
