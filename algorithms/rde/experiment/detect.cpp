#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/scenario.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

namespace regrad::rde {
namespace {

using experiment::Job;
using experiment::Outcome;

constexpr double false_alarms = 0.1;  // FPR

Mixture mixture_of(const std::vector<Sample>& samples, const AttackRun& run, bool far) {
  Mixture out;
  for (const Sample& s : samples) {
    const Pattern& p = run.pattern(s.id);
    const AttackedText& a = *run.done()[static_cast<size_t>(s.id)];
    const Stand& at = !far && a.flip ? *a.flip : a.end;
    out.texts.push_back(p.text(s.adversarial ? at.words : p.words()));
    out.attacked.push_back(s.adversarial);
    out.id.push_back(s.id);
    out.before.push_back(s.adversarial ? p.marked(at.words, p.words()) : "");
    out.after.push_back(s.adversarial ? p.marked(at.words, at.words) : "");
  }
  return out;
}

std::vector<LogRow> log_rows(const AttackRun& run, bool far, const std::vector<int64_t>& at) {
  std::vector<LogRow> out;
  for (const int64_t i : at) {
    const AttackedText& a = *run.done()[static_cast<size_t>(i)];
    out.push_back({i, a.outcome == AttackOutcome::skipped ? Result::wrong
                      : a.won(far)                        ? Result::success
                                                          : Result::fail});
  }
  return out;
}

Mixture all_of(const std::vector<LogRow>& rows, const AttackRun& run, bool far) {
  std::vector<Sample> samples;
  for (const LogRow& r : rows) {
    samples.push_back({r.id, false});
    if (r.result == Result::success) samples.push_back({r.id, true});
  }
  return mixture_of(samples, run, far);
}

// What a detector is worth on the mixtures of one kind: means over their draws.
struct Worth {
  double auc = 0, tpr = 0, f1 = 0;
  Scores shares;  // of each text in the AUC
};

void add(const Scores& scores, const Mixture& m, double share, Worth& to) {
  const Sides side = sides(scores, m.attacked);
  const AtFpr at = at_fpr(side.attacked, side.clean, false_alarms);
  to.auc += share * 100 * auc(side.attacked, side.clean);
  to.tpr += share * 100 * at.tpr, to.f1 += share * 100 * at.f1;
  const Scores shares = shares_of_auc(scores, m, static_cast<int64_t>(to.shares.size()));
  for (size_t i = 0; i < shares.size(); ++i) to.shares[i] += share * 100 * shares[i];
}

// `of` is the attack with "", ", S2" or ", far"; by detector_rows()' order.
void report(const Job& job, const std::string& of, std::vector<Worth>& all, Outcome& out) {
  for (size_t d = 0; d < all.size(); ++d) {
    const Job row{detector_rows()[d].name, job.variant, job.seed};
    add_score(row, "AUC, " + of, all[d].auc, out);
    add_score(row, "TPR at FPR 0.1, " + of, all[d].tpr, out);
    add_score(row, "F1, " + of, all[d].f1, out);
    add_items(row, "AUC, " + of, std::move(all[d].shares), out);
  }
}

// The same where mixtures could not be drawn.
void not_measured(const Job& job, const std::string& of, const std::string& why, Outcome& out) {
  for (const DetectorRow& d : detector_rows())
    for (const char* metric : {"AUC, ", "TPR at FPR 0.1, ", "F1, "})
      out.not_measured.push_back({d.name, experiment::on(metric + of, job.variant), why});
}

void about_attack(const Job& job, const AttackRun& run, Outcome& out) {
  const std::string name = run.row().name;
  double queries = 0, changed = 0, words = 0, won = 0;
  for (int64_t i = 0; i < run.tests(); ++i) {
    const std::optional<AttackedText>& a = run.done()[static_cast<size_t>(i)];
    if (!a->flip) continue;
    ++won, queries += static_cast<double>(a->flip->queries);
    changed += static_cast<double>(a->flip->changed.size());
    words += static_cast<double>(a->flip->words.size());
  }
  add_score(job, "success of " + name + ", %", run.success(), out);
  add_score(job, "queries of " + name, won > 0 ? queries / won : 0, out);
  add_score(job, "words changed by " + name + ", %", words > 0 ? 100 * changed / words : 0, out);
}

// Of the first attack and mixture.
void show(const std::string& of, const Mixture& m, const std::vector<Scores>& scores,
          Outcome& out) {
  out.figures.push_back(roc_chart(of, scores, m.attacked));
  for (size_t d = 0; d < scores.size(); ++d)
    out.figures.push_back(
        histogram(std::string(detector_rows()[d].name) + ", " + of, scores[d], m.attacked));
  out.listings.push_back(
      texts_of("Attacked texts, " + of + " (*: flagged at 10% false alarms)", m, scores, 20));
}

}  // namespace

Scores shares_of_auc(const Scores& scores, const Mixture& mixture, int64_t texts) {
  Sides of = sides(scores, mixture.attacked);
  const double area = auc(of.attacked, of.clean);
  std::sort(of.attacked.begin(), of.attacked.end()), std::sort(of.clean.begin(), of.clean.end());
  // share of `sorted` below v, equal ones counted half
  const auto below = [](const Scores& sorted, double v) {
    const auto low = std::lower_bound(sorted.begin(), sorted.end(), v),
               high = std::upper_bound(low, sorted.end(), v);
    return (static_cast<double>(low - sorted.begin()) + static_cast<double>(high - low) / 2) /
           static_cast<double>(sorted.size());
  };
  const auto all = static_cast<double>(texts), m = static_cast<double>(of.attacked.size()),
             n = static_cast<double>(of.clean.size());
  Scores out(static_cast<size_t>(texts), area);
  for (size_t i = 0; i < scores.size(); ++i)
    out.at(static_cast<size_t>(mixture.id[i])) +=
        mixture.attacked[i] ? all / m * (below(of.clean, scores[i]) - area)
                            : all / n * (1 - below(of.attacked, scores[i]) - area);
  return out;
}

namespace {

// Rows that detectors choose by, and rows that are scored.
Split split_of(const AttackRun& run, const Random& random) {
  if (run.tests() == run.texts()) return split_log(run.texts(), random);
  Split out;
  for (int64_t i = 0; i < run.texts(); ++i)
    (i < run.tests() ? out.test : out.validation).push_back(i);
  return out;
}

// One attack, at the flip or far behind it: both scenarios, mean of the draws.
class Detection {
 public:
  Detection(const Job& job, const TableSettings& s, const Guards& guards, const AttackRun& run,
            bool far)
      : job_(job), s_(s), guards_(guards), run_(run), far_(far) {}

  void draw(const Random& random, bool shown, Outcome& out) {
    const Split split = split_of(run_, random / "split");
    if (!fgws_ || run_.tests() == run_.texts())
      fgws_ = guards_.tuned_fgws(all_of(log_rows(run_, far_, split.validation), run_, far_));
    const std::vector<LogRow> rows = log_rows(run_, far_, split.test);
    const ScenarioOptions options{.most = s_.adversarial};
    mixed(scenario_1(rows, options, random / "S1"), far_ ? ", far" : "", shown ? &out : nullptr);
    if (!far_) mixed(scenario_2(rows, options, random / "S2"), ", S2", nullptr);
  }
  void finish(Outcome& out) {
    for (auto& [more, all] : worth_) report(job_, run_.row().name + more, all, out);
  }

 private:
  void mixed(const Scenario& scenario, const std::string& more, Outcome* out) {
    const Mixture m = mixture_of(scenario.samples, run_, far_);
    const std::vector<Scores> scores = guards_.scores(m, *fgws_);
    std::vector<Worth>& all = worth_[more];
    const auto texts = static_cast<size_t>(run_.tests());
    all.resize(scores.size(), {.shares = Scores(texts, 0.0)});
    for (size_t d = 0; d < scores.size(); ++d) add(scores[d], m, 1.0 / s_.splits, all[d]);
    if (out) show(run_.row().name + more + ", " + job_.variant, m, scores, *out);
  }

  const Job& job_;
  const TableSettings& s_;
  const Guards& guards_;
  const AttackRun& run_;
  const bool far_;
  std::optional<Fgws> fgws_;
  std::map<std::string, std::vector<Worth>> worth_;
};

}  // namespace

Outcome detect(const Job& job, const TableSettings& s, const Corpus& corpus,
               const Classifier& classifier, const std::vector<AttackRun>& runs) {
  Outcome out;
  const Read test = classifier.read(corpus.data.test.texts);
  std::vector<double> hits = experiment::hits_of(test.logits, tensor(corpus.data.test.labels));
  add_score(job, "accuracy", experiment::mean(hits), out);
  const Guards guards(job, s, corpus, classifier);
  const Random random = Random(job.seed) / "mixtures";
  for (const AttackRun& run : runs) {
    about_attack(job, run, out);
    const std::string name = run.row().name;
    for (const bool far : {false, true}) try {
        Detection detection(job, s, guards, run, far);
        for (int k = 0; k < s.splits; ++k) detection.draw(random / name / k, k == 0, out);
        detection.finish(out);
      } catch (const ConfigError& e) {
        const std::string why =
            std::string(e.what()) +
            "; attack more texts (attacked), train longer (epochs), leave the attack out "
            "(attacks)" +
            (far ? ", or ask for less than " + decimal(s.confident) + " (confident)" : "");
        for (const std::string& of :
             far ? std::vector{name + ", far"} : std::vector{name, name + ", S2"})
          not_measured(job, of, why, out);
      }
  }
  for (const DetectorRow& d : detector_rows())
    out.parameters.emplace_back(d.name, parameter_count(classifier.net));
  return out;
}

}  // namespace regrad::rde
