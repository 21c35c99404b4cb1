#include <fmt/format.h>
#include <regrad/algorithms/experiment/table.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

// More claims than this are counted in the sentence, not named; all of them stand in the list of
// verdicts.
constexpr std::ptrdiff_t kNamedClaims = 3;

// "; shown: a, b; not shown: c", or "; of 20 claims 12 are shown, 8 are not shown"; what was asked
// later apart.
std::string verdicts(const std::vector<Claim>& claims, bool late) {
  const auto count =
      std::count_if(claims.begin(), claims.end(), [&](const Claim& c) { return c.late == late; });
  const bool named = static_cast<std::ptrdiff_t>(claims.size()) <= kNamedClaims;
  if (count == 0) return "";
  std::string out = named ? ""
                          : fmt::format("; of {} claim{}{}", count, count == 1 ? "" : "s",
                                        late ? " asked later" : "");
  const char* between = " ";
  for (const Verdict kind :
       {Verdict::shown, Verdict::refuted, Verdict::not_shown, Verdict::not_testable}) {
    std::vector<std::string> texts;
    for (const Claim& c : claims)
      if (c.verdict == kind && c.late == late) texts.push_back(c.text);
    if (texts.empty()) continue;
    out += named ? fmt::format("; {}{}: {}", name(kind), late ? ", asked later" : "",
                               fmt::join(texts, ", "))
                 : fmt::format("{}{} {} {}", between, texts.size(),
                               texts.size() == 1 ? "is" : "are", name(kind));
    between = ", ";
  }
  return out;
}

// The result's subject where it has the headline, else the first method beside the baseline that
// has it, else the baseline.
std::string subject_of(const Result& result) {
  if (!result.subject.empty() && values_if(result, result.subject, result.metric))
    return result.subject;
  for (const MethodResult& m : result.methods)
    if (m.name != result.baseline && values_if(result, m.name, result.metric)) return m.name;
  return result.baseline;
}

// ", 0.046 ± 0.010 below maml's".
std::string against_baseline(const Result& result, const std::string& subject,
                             const Metric& metric) {
  const std::vector<double>*own = values_if(result, subject, result.metric),
        *base = values_if(result, result.baseline, result.metric);
  if (subject == result.baseline || !base || base->size() != own->size()) return "";
  const Interval d = over_seeds(result, *own, *base);
  if (!std::isfinite(d.mean))
    return ", which cannot be compared with " + result.baseline + "'s: that is no finite number";
  if (d.mean == 0 && !(d.ci95 > 0)) return ", the same as " + result.baseline + "'s";
  std::string size = difference_text(metric, std::fabs(d.mean), d.ci95);
  if (size[0] == '+') size.erase(0, 1);
  const MethodResult& of = *std::find_if(result.methods.begin(), result.methods.end(),
                                         [&](const MethodResult& m) { return m.name == subject; });
  const bool by_items = std::any_of(of.items.begin(), of.items.end(),
                                    [&](const auto& list) { return list.first == result.metric; });
  // claims may be judged by the items too; without an interval nothing is known of the noise
  const char* noise = !(std::fabs(d.mean) <= d.ci95) ? ""
                      : by_items                     ? ", within the noise of the seeds alone"
                                                     : ", within the noise of the seeds";
  return fmt::format(", {}{} {} {}'s{}", size, difference_unit(metric),
                     d.mean < 0 ? "below" : "above", result.baseline, noise);
}

}  // namespace

std::string sentence(const Result& result) {
  const std::string subject = subject_of(result);
  const Metric metric = metric_in(result, result.metric);
  const std::vector<double>* own = values_if(result, subject, result.metric);
  const Interval level = own ? over_seeds(result, *own) : Interval{std::nan(""), std::nan(""), 0};
  const std::string over =
      result.seeds.size() == 1 ? "With one seed" : "Over " + count_seeds(result.seeds.size());
  const std::string claims = verdicts(result.claims, false) + verdicts(result.claims, true);
  if (!std::isfinite(level.mean))
    return fmt::format("{} {}'s {} is no finite number, so there is nothing to compare{}.", over,
                       subject, metric.title, claims);
  return fmt::format("{} {}'s {} is {}{}{}.", over, subject, metric.title,
                     value_text(metric, level.mean, level.ci95),
                     against_baseline(result, subject, metric), claims);
}

}  // namespace regrad::experiment
