#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/scenario.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <numeric>

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

// What one mixture adds to the outcome: `name` is "", ", S2" or ", far".
void add(const Job& job, const std::string& of, const Mixture& m, int64_t texts,
         const std::vector<Scores>& scores, Outcome& out) {
  for (size_t d = 0; d < detector_rows().size(); ++d) {
    const Job row{detector_rows()[d].name, job.variant, job.seed};
    const Sides side = sides(scores[d], m.attacked);
    const AtFpr at = at_fpr(side.attacked, side.clean, false_alarms);
    add_score(row, "AUC, " + of, 100 * auc(side.attacked, side.clean), out);
    add_score(row, "TPR at FPR 0.1, " + of, 100 * at.tpr, out);
    add_score(row, "F1, " + of, 100 * at.f1, out);
    Scores shares = shares_of_auc(scores[d], m, texts);
    for (double& v : shares) v *= 100;
    add_items(row, "AUC, " + of, std::move(shares), out);
  }
}

void about_attack(const Job& job, const AttackRun& run, Outcome& out) {
  const std::string name = run.row().name;
  double queries = 0, changed = 0, words = 0, won = 0;
  for (const auto& a : run.done()) {
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
    const Split split = split_log(run.texts(), random / name / "split");
    for (const bool far : {false, true}) {
      const Fgws fgws = guards.tuned_fgws(all_of(log_rows(run, far, split.validation), run, far));
      const std::vector<LogRow> rows = log_rows(run, far, split.test);
      const ScenarioOptions options{.most = s.adversarial};
      const auto mixed = [&](const Scenario& scenario, const char* more) {
        const Mixture m = mixture_of(scenario.samples, run, far);
        const std::vector<Scores> scores = guards.scores(m, fgws);
        add(job, name + more, m, run.texts(), scores, out);
        if (std::string(more) != ", S2") show(name + more + ", " + job.variant, m, scores, out);
      };
      try {
        mixed(scenario_1(rows, options, random / name / "S1"), far ? ", far" : "");
        if (!far) mixed(scenario_2(rows, options, random / name / "S2"), ", S2");
      } catch (const ConfigError& e) {
        throw ConfigError(
            job.variant + ", " + name + (far ? ", far" : "") + ": " + e.what() +
            "; attack more texts (attacked), train longer (epochs)" +
            (far ? ", or ask for less than " + decimal(s.confident) + " (confident)" : ""));
      }
    }
  }
  out.parameters.emplace_back(job.method, parameter_count(classifier.net));
  return out;
}

}  // namespace regrad::rde
