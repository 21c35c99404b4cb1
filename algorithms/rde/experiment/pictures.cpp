#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::rde {

using namespace experiment;

Chart roc_chart(const std::string& title, const ByDetector& scores,
                const std::vector<bool>& attacked) {
  Chart c{"ROC, " + title, "false alarms, % of clean texts", "found, % of attacked texts"};
  for (size_t d = 0; d < scores.size(); ++d) {
    const Sides side = sides(scores[d], attacked);
    Series s{detector_rows()[d].name, {}, {}, Series::line};
    for (const RocPoint& p : roc(side.attacked, side.clean))
      s.x.push_back(100 * p.fpr), s.y.push_back(100 * p.tpr);
    c.series.push_back(std::move(s));
  }
  return c;
}

Chart histogram(const std::string& title, const std::vector<double>& scores,
                const std::vector<bool>& attacked) {
  constexpr int bins = 24;
  const double low = percentile(scores, 1), high = percentile(scores, 99),
               step = high > low ? (high - low) / bins : 1;
  Chart c{"Scores of " + title, "score", "texts"};
  for (const bool side : {false, true}) {
    Series s{side ? "attacked" : "clean", {}, {}, Series::line};
    for (int b = 0; b < bins; ++b) s.x.push_back(low + (b + 0.5) * step), s.y.push_back(0);
    for (size_t i = 0; i < scores.size(); ++i)
      if (attacked[i] == side)
        ++s.y[static_cast<size_t>(
            std::clamp(std::floor((scores[i] - low) / step), 0.0, bins - 1.0))];
    c.series.push_back(std::move(s));
  }
  return c;
}

Listing texts_of(const std::string& title, const Mixture& m, const ByDetector& scores,
                 int64_t most) {
  Listing out{title, {"text", "attacked"}};
  std::vector<double> thresholds;
  for (size_t d = 0; d < scores.size(); ++d) {
    const Sides side = sides(scores[d], m.attacked);
    thresholds.push_back(at_fpr(side.attacked, side.clean).threshold);
    out.columns.emplace_back(detector_rows()[d].name);
  }
  for (size_t i = 0; i < m.texts.size() && static_cast<int64_t>(out.rows.size()) < most; ++i) {
    if (!m.attacked[i]) continue;
    out.rows.push_back({m.before[i], m.after[i]});
    for (size_t d = 0; d < scores.size(); ++d)
      out.rows.back().push_back(decimal(scores[d][i], 3) +
                                (scores[d][i] >= thresholds[d] ? " *" : ""));
  }
  return out;
}

}  // namespace regrad::rde
