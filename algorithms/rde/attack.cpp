#include <regrad/algorithms/rde/attack.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace regrad::rde {
namespace {

constexpr const char* unknown = "[UNK]";

using Rows = std::vector<std::vector<double>>;

size_t argmax(const std::vector<double>& p) {
  return static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
}

class Asked {
 public:
  Asked(const Victim& victim, int64_t truth, int64_t& queries)
      : victim_(victim), truth_(static_cast<size_t>(truth)), queries_(queries) {
    if (truth < 0) throw ConfigError("attack: the truth is class " + std::to_string(truth));
  }

  Rows operator()(const std::vector<Words>& texts) {
    if (texts.empty()) return {};
    Rows p = victim_(texts);
    queries_ += static_cast<int64_t>(texts.size());
    if (p.size() != texts.size())
      throw ConfigError("attack: " + std::to_string(p.size()) + " predictions of " +
                        std::to_string(texts.size()) + " texts");
    for (const std::vector<double>& row : p)
      if (row.size() <= truth_)
        throw ConfigError("attack: the truth is class " + std::to_string(truth_) + " of " +
                          std::to_string(row.size()));
    return p;
  }
  double score(const std::vector<double>& p) const { return 1 - p[truth_]; }
  std::vector<double> scores(const std::vector<Words>& texts) {
    std::vector<double> out;
    for (const std::vector<double>& p : (*this)(texts)) out.push_back(score(p));
    return out;
  }

 private:
  const Victim& victim_;
  size_t truth_;
  int64_t& queries_;
};

Words with(const Words& text, size_t i, const std::string& by) {
  Words out = text;
  out[i] = by;
  return out;
}

// The text with each candidate at i, without those that are the word itself or are not allowed.
std::vector<Words> changes(const Attack& a, const Words& original, const Words& text, size_t i) {
  std::vector<Words> out;
  if (a.is_stop_word && a.is_stop_word(text[i])) return out;
  for (const std::string& c : a.candidates(text, i)) {
    if (c == text[i]) continue;
    Words changed = with(text, i, c);
    if (!a.allowed || a.allowed(original, text, changed)) out.push_back(std::move(changed));
  }
  return out;
}

std::vector<double> softmax(const std::vector<double>& x) {
  const double top = *std::max_element(x.begin(), x.end());
  std::vector<double> out;
  for (const double v : x) out.push_back(std::exp(v - top));
  const double all = std::accumulate(out.begin(), out.end(), 0.0);
  for (double& v : out) v /= all;
  return out;
}

std::vector<double> importance(Asked& ask, const Words& text, const Attack& a) {
  std::vector<Words> left_out;
  for (size_t i = 0; i < text.size(); ++i)
    left_out.push_back(with(text, i, a.ranking == Ranking::deletion ? "" : unknown));
  const std::vector<double> s = ask.scores(left_out);
  if (a.ranking != Ranking::weighted || s.empty()) return s;
  std::vector<double> out = softmax(s);
  for (size_t i = 0; i < text.size(); ++i) {
    const std::vector<double> of = ask.scores(changes(a, text, text, i));
    out[i] *= of.empty() ? 0 : *std::max_element(of.begin(), of.end());
  }
  return out;
}

std::vector<size_t> order_of(const std::vector<double>& importance) {
  std::vector<size_t> out(importance.size());
  std::iota(out.begin(), out.end(), size_t{0});
  std::stable_sort(out.begin(), out.end(),
                   [&](size_t a, size_t b) { return importance[a] > importance[b]; });
  return out;
}

}  // namespace

std::vector<size_t> ranked(const Victim& victim, const Words& text, int64_t truth,
                           const Attack& attack, int64_t& queries) {
  Asked ask(victim, truth, queries);
  return order_of(importance(ask, text, attack));
}

AttackedText attacked(const Victim& victim, const Words& text, int64_t truth,
                      const Attack& attack) {
  if (!attack.candidates) throw ConfigError("attack " + attack.name + ": makes no candidates");
  AttackedText out;
  Stand& now = out.end;
  Asked ask(victim, truth, now.queries);
  const std::vector<double> first = ask({text})[0];
  now.words = text;
  out.original_output = now.output = static_cast<int64_t>(argmax(first));
  out.original_score = now.score = ask.score(first);
  if (now.output != truth) return out;
  out.outcome = AttackOutcome::failed;
  for (const size_t i : order_of(importance(ask, text, attack))) {
    std::vector<Words> tries = changes(attack, text, now.words, i);
    if (tries.empty()) continue;
    const Rows p = ask(tries);
    size_t best = 0;
    for (size_t k = 1; k < p.size(); ++k)
      if (ask.score(p[k]) > ask.score(p[best])) best = k;
    if (!(ask.score(p[best]) > now.score)) continue;
    now.words = std::move(tries[best]);
    now.changed.push_back(i);
    now.score = ask.score(p[best]), now.output = static_cast<int64_t>(argmax(p[best]));
    if (now.output == truth) continue;
    if (!out.flip) out.flip = now;
    if (p[best][argmax(p[best])] < attack.confident) continue;
    out.outcome = AttackOutcome::successful;
    break;
  }
  return out;
}

}  // namespace regrad::rde
