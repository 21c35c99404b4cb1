// Which texts of an attack's log are scored, and as what: the two scenarios of text-and-ssl.md 1.5
// [code], by row numbers alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <regrad/engine/random.h>

namespace regrad::rde {

// What became of a text.
enum class Result {
  wrong,    // classified wrongly before any attack
  success,  // rightly before, and otherwise after
  fail      // rightly before and after
};
Result result_of(int64_t truth, int64_t original_output, int64_t perturbed_output);

// A row of a log. Texts lie elsewhere, under `id`.
struct LogRow {
  int64_t id;
  Result result;
};
// truth, outputs -> the log, with ids 0, 1, ..; ShapeError where their lengths differ.
std::vector<LogRow> log_of(const std::vector<int64_t>& truth,
                           const std::vector<int64_t>& original_output,
                           const std::vector<int64_t>& perturbed_output);

// A text that is scored: the original of a row (clean), or what the attack made of it.
struct Sample {
  int64_t id;
  bool adversarial;
};
struct Scenario {
  std::vector<Sample> samples;  // adversarial ones first, each kind in the order drawn
  int64_t adversarial = 0, clean = 0;
  double share = 0;          // of the rows that were attacked
  int64_t most_adversarial;  // N_max, as it was lowered
};

struct ScenarioOptions {
  int64_t most = 1000;          // N_max: SST-2 1000; IMDB, AG-News and Yelp 2000
  bool failed_attacks = false;  // S1: failed attacks of the attacked share are positives too
};

// r_s = successes / rows, r_a = (rows not wrong) / rows. The success rate is divided by the
// accuracy although it counts all rows already; kept as the code has it.
//
// S1: a share int(N_max / (r_s r_a)) / rows is attacked; from 0.4 on, N_max / successes instead,
// with N_max lowered by 10 (from 10 on by 1: ours, for small logs) until that is below 0.4. Rows
// are shuffled; the successes among the first share are adversarial, the next as many rows give
// clean originals, rightly classified or not. Equal counts, no row in both.
Scenario scenario_1(const std::vector<LogRow>& log, const ScenarioOptions& options,
                    const Random& random);
// S2: of the first min(rows, int(N_max / (r_s r_a))) shuffled rows all originals are clean and the
// successes adversarial: each adversarial text's original is there too.
Scenario scenario_2(const std::vector<LogRow>& log, const ScenarioOptions& options,
                    const Random& random);
// Both: ConfigError where N_max < 1, or where the log has too few successes to draw any.

// The first int(0.3 n) of a random order validate, the rest test.
struct Split {
  std::vector<int64_t> validation, test;
};
Split split_log(int64_t n, const Random& random, double validation = 0.3);

}  // namespace regrad::rde
