// A result as people read it, in the terminal and in the report alike: one table of methods by
// metrics, with the paired difference to the baseline beside each value, and one sentence.
#pragma once

#include <regrad/algorithms/experiment/layout.h>
#include <regrad/algorithms/experiment/result.h>

namespace regrad::experiment {

// All empty where the method has no such metric.
struct Cell {
  std::string value = {};       // "85.7 ± 3.0%"
  std::string difference = {};  // "+10 ± 37"; "" of the baseline, and where nothing differs
  std::string brief = {};       // "+10": the same without its interval
  bool apart = false;           // the interval of the difference leaves out 0
  bool best = false;            // of a metric that has a better side; ties are best together
};
struct Column {
  Metric metric;
  std::vector<Cell> cells = {};  // a method each
};
struct Table {
  std::vector<std::string> methods = {};
  // metrics, the headline's first; parameters last, one column for each variant where they differ
  std::vector<Column> columns = {};
  // What needs no column, as sentences: "The same for every method: sparsity at 90% 89.95%.",
  // "rde alone: ..."
  std::vector<std::string> beside = {};
  // How to read it: what the intervals are over, the star, which side is better.
  std::vector<std::string> notes = {};
};
Table table_of(const Result& result);

// The verdicts, the table in blocks of as many columns as the screen has room for, its notes and
// the sentence. Intervals of differences are printed for the headline; the report has them all.
std::string table(const Result& result, const Screen& screen);

// What the table shows of its subject, whichever way it went, in one sentence.
std::string sentence(const Result& result);

}  // namespace regrad::experiment
