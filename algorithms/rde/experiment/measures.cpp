#include <fmt/format.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/measures.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/engine/ops.h>

#include <map>

namespace regrad::rde {
namespace {

constexpr double false_alarms = 0.1;

struct Three {
  double auc, tpr, f1;
};
Three of(const Sides& s) {
  const AtFpr at = at_fpr(s.attacked, s.clean, false_alarms);
  return {100 * auc(s.attacked, s.clean), 100 * at.tpr, 100 * at.f1};
}

Measured with_interval(double value, const std::vector<double>& drawn) {
  return {value, percentile(drawn, 2.5), percentile(drawn, 97.5)};
}

// Places in the mixture, by text.
std::vector<std::vector<size_t>> by_text(const Mixture& m) {
  std::map<int64_t, std::vector<size_t>> places;
  for (size_t i = 0; i < m.id.size(); ++i) places[m.id[i]].push_back(i);
  std::vector<std::vector<size_t>> out;
  for (auto& [id, at] : places) out.push_back(std::move(at));
  return out;
}

}  // namespace

Measures measures(const Scores& scores, const Mixture& m, const Random& random, int resamples) {
  const Three all = of(sides(scores, m.attacked));
  const std::vector<std::vector<size_t>> texts = by_text(m);
  const auto n = static_cast<int64_t>(texts.size());
  std::vector<double> auc, tpr, f1;
  for (int64_t turn = 0; static_cast<int>(auc.size()) < resamples && turn < 10 * resamples;
       ++turn) {
    const std::vector<int64_t> drawn = randint(random / turn, 0, n, {n}).to_vector<int64_t>();
    Sides s;
    for (const int64_t t : drawn)
      for (const size_t i : texts[static_cast<size_t>(t)])
        (m.attacked[i] ? s.attacked : s.clean).push_back(scores[i]);
    if (s.attacked.empty() || s.clean.empty()) continue;
    const Three one = of(s);
    auc.push_back(one.auc), tpr.push_back(one.tpr), f1.push_back(one.f1);
  }
  if (auc.empty()) auc = {all.auc}, tpr = {all.tpr}, f1 = {all.f1};
  return {with_interval(all.auc, auc), with_interval(all.tpr, tpr), with_interval(all.f1, f1)};
}

std::string text(const Measured& m) {
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", m.value, m.low, m.high);
}

std::string table_of(const std::vector<std::string>& names, const std::vector<Measures>& rows) {
  std::string out = fmt::format("{:<14}{:>20}{:>20}{:>20}\n", "", "AUC", "TPR at FPR 0.1", "F1");
  for (size_t d = 0; d < rows.size(); ++d)
    out += fmt::format("{:<14}{:>20}{:>20}{:>20}\n", names[d], text(rows[d].auc), text(rows[d].tpr),
                       text(rows[d].f1));
  return out;
}

}  // namespace regrad::rde
