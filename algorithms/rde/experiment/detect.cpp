#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/algorithms/rde/ngram.h>
#include <regrad/algorithms/rde/rde.h>
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

using Scores = std::vector<double>;

constexpr double false_alarms = 0.1, clean_share = 90;  // FPR; FGWS' gamma, a percentile

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

// What every mixture of one classifier is scored by.
class Guards {
 public:
  Guards(const Job& job, const TableSettings& s, const Corpus& corpus, const Classifier& victim)
      : corpus_(corpus), victim_(victim), trigram_(corpus.train_ids, corpus.vocabulary->size()) {
    const Read seen = victim.read(corpus.data.train.texts);
    const Tensor labels = tensor(corpus.data.train.labels);
    for (const Method m : {Method::rde, Method::plain, Method::mle})
      by_features_.push_back(
          Rde::fit(seen.features, labels,
                   {.method = m,
                    .components = s.components,
                    .rows = s.fit,
                    .gamma = s.gamma,
                    .singular = s.singular == "refuse" ? Singular::refuse : Singular::pinv,
                    .seed = job.seed}));
  }

  // By detector_rows()' order.
  std::vector<Scores> scores(const Mixture& m, const Fgws& fgws) const {
    const Read r = victim_.read(m.texts);
    const Tensor predicted = tensor(r.predicted());
    std::vector<Scores> out;
    for (const Rde& guard : by_features_)
      out.push_back(guard.score(r.features, predicted).to_vector());
    out.push_back(max_softmax(r.logits).to_vector());
    Scores nll;
    for (const std::string& t : m.texts)
      nll.push_back(trigram_.mean_nll(corpus_.vocabulary->ids(t)));
    out.push_back(std::move(nll));
    out.push_back(by_words(fgws, m.texts));
    return out;
  }

  Scores by_words(const Fgws& fgws, const std::vector<std::string>& texts) const {
    std::vector<Words> words;
    for (const std::string& t : texts) words.push_back(tokens_of(t));
    return fgws.scores(token_victim(), words);
  }

  // delta of the largest TPR at gamma, the 90th percentile of clean texts' scores, on validation
  // texts: the one place where a detector sees attacks (text-and-ssl.md 1.4).
  Fgws tuned_fgws(const Mixture& validation) const {
    Fgws best;
    double most = -1;
    for (int delta = 0; delta <= 100; delta += 10) {
      const Fgws f = fgws_at(delta);
      const Sides of = sides(by_words(f, validation.texts), validation.attacked);
      if (of.clean.empty() || of.attacked.empty()) return f;
      const double gamma = percentile(of.clean, clean_share);
      const auto found = static_cast<double>(std::count_if(of.attacked.begin(), of.attacked.end(),
                                                           [&](double s) { return s > gamma; }));
      if (found > most) most = found, best = f;
    }
    return best;
  }

 private:
  Fgws fgws_at(double delta) const {
    return {[this](const std::string& word) { return count(word); }, corpus_.data.synonyms,
            phi_percentile(corpus_.vocabulary->counts(), delta)};
  }
  int64_t count(const std::string& word) const {
    const std::vector<int64_t> ids = corpus_.vocabulary->ids(word);
    if (ids.size() != 1 || ids[0] < 2) return 0;
    return corpus_.vocabulary->counts()[static_cast<size_t>(ids[0] - 2)];
  }
  Victim token_victim() const {
    return [this](const std::vector<Words>& texts) {
      std::vector<std::string> whole;
      for (const Words& t : texts) {
        whole.emplace_back();
        for (const std::string& token : t) whole.back() += token + " ";
      }
      const Tensor p = victim_.read(whole).probabilities;
      std::vector<std::vector<double>> out;
      for (int64_t i = 0; i < p.size(0); ++i) out.push_back(p[i].to_vector());
      return out;
    };
  }

  const Corpus& corpus_;
  const Classifier& victim_;
  Trigram trigram_;
  std::vector<Rde> by_features_;
};

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

Sides sides(const Scores& scores, const std::vector<bool>& attacked) {
  Sides out;
  for (size_t i = 0; i < scores.size(); ++i)
    (attacked[i] ? out.attacked : out.clean).push_back(scores[i]);
  return out;
}

const std::vector<DetectorRow>& detector_rows() {
  static const std::vector<DetectorRow> rows = {
      {"rde", "kernel PCA, and by class a robust Gaussian (MCD)", ""},
      {"rde-plain", "RDE without MCD: each class's plain mean and covariance"},
      {"mle", "plain Gaussians of the features themselves"},
      {"max-softmax", "1 - the largest probability (not in the paper)"},
      {"ppl-ngram",
       "mean negative log-likelihood under a trigram of the training texts, in the "
       "place of GPT-2's"},
      {"fgws-wn", "rare words replaced by frequent synonyms of WordNet alone"}};
  return rows;
}

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
        throw ConfigError(
            job.variant + ", " + name + (far ? ", far" : "") + ": " + e.what() +
            "; attack more texts (attacked), train longer (epochs)" +
            (far ? ", or ask for less than " + decimal(s.confident) + " (confident)" : ""));
      }
  }
  out.parameters.emplace_back(job.method, parameter_count(classifier.net));
  return out;
}

}  // namespace regrad::rde
