// Logs of attacks on text classifiers in TextAttack's layout: read by the names of their columns,
// written so that any tool reads them.
//
//   for (const Attacked& a : load_attack_log("bert-sst2_pwws.csv"))
//     if (a.result == AttackResult::successful) use(a.original(), a.perturbed());
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regrad {

enum class AttackResult { successful, failed, skipped };  // skipped: wrong before any attack
const char* name(AttackResult r);                         // "Successful", ..

// A row. Each changed word stands between "[[" and "]]" in both texts.
struct Attacked {
  AttackResult result = AttackResult::skipped;
  std::string original_marked, perturbed_marked;
  int64_t ground_truth = 0, original_output = 0, perturbed_output = 0;  // places of classes
  double original_score = 0, perturbed_score = 0;  // 1 - p(ground truth), as the log has them
  int64_t queries = 0;

  std::string original() const;  // without marks
  std::string perturbed() const;
  struct Change {
    std::string from, to;
  };
  // In the order of the text. IOError where the texts have other numbers of marks.
  std::vector<Change> changes() const;
};

// Every "[[" and "]]" taken out.
std::string without_marks(std::string_view text);
// What stands between marks, in order.
std::vector<std::string> marked(std::string_view text);

// Columns ground_truth_output, num_queries, original_output, original_score, original_text,
// perturbed_output, perturbed_score, perturbed_text, result_type in any order, others beside them.
// IOError naming file and line: a column that is missing, numbers that are none, text that is no
// UTF-8, another result, successes whose texts have unlike numbers of marks.
std::vector<Attacked> load_attack_log(const std::string& path);
std::vector<Attacked> parse_attack_log(std::string_view text, const std::string& where);
// The columns as TextAttack orders them, texts quoted, numbers bare.
std::string to_attack_log(const std::vector<Attacked>& rows);

}  // namespace regrad
