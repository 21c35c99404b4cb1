#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/engine/ops.h>

#include <algorithm>

namespace regrad::rde {

using experiment::Job;

namespace {

constexpr double clean_share = 90;  // FGWS' gamma, a percentile

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

Guards::Guards(const Job& job, const TableSettings& s, const Corpus& corpus,
               const Classifier& victim)
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

std::vector<Scores> Guards::scores(const Mixture& m, const Fgws& fgws) const {
  const Read r = victim_.read(m.texts);
  const Tensor predicted = tensor(r.predicted());
  std::vector<Scores> out;
  for (const Rde& guard : by_features_)
    out.push_back(guard.score(r.features, predicted).to_vector());
  out.push_back(max_softmax(r.logits).to_vector());
  Scores nll;
  for (const std::string& t : m.texts) nll.push_back(trigram_.mean_nll(corpus_.vocabulary->ids(t)));
  out.push_back(std::move(nll));
  out.push_back(by_words(fgws, m.texts));
  return out;
}

Scores Guards::by_words(const Fgws& fgws, const std::vector<std::string>& texts) const {
  std::vector<Words> words;
  for (const std::string& t : texts) words.push_back(tokens_of(t));
  return fgws.scores(token_victim(), words);
}

Fgws Guards::tuned_fgws(const Mixture& validation) const {
  Fgws best;
  double most = -1;
  for (int delta = 0; delta <= 100; delta += 10) {
    const Fgws f = fgws_at(delta);
    const Sides of = sides(by_words(f, validation.texts), validation.attacked);
    if (of.clean.empty() || of.attacked.empty()) return f;
    const double gamma = percentile(of.clean, clean_share);
    const auto found = static_cast<double>(
        std::count_if(of.attacked.begin(), of.attacked.end(), [&](double s) { return s > gamma; }));
    if (found > most) most = found, best = f;
  }
  return best;
}

Fgws Guards::fgws_at(double delta) const {
  return {[this](const std::string& word) { return count(word); }, corpus_.data.synonyms,
          phi_percentile(corpus_.vocabulary->counts(), delta)};
}

int64_t Guards::count(const std::string& word) const {
  const std::vector<int64_t> ids = corpus_.vocabulary->ids(word);
  if (ids.size() != 1 || ids[0] < 2) return 0;
  return corpus_.vocabulary->counts()[static_cast<size_t>(ids[0] - 2)];
}

Victim Guards::token_victim() const {
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

}  // namespace regrad::rde
