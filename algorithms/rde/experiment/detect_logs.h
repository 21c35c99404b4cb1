// regrad-rde detect on logs of attacks, whoever's: the texts are read by a classifier of ours, of
// the model that was attacked nothing is assumed.
#pragma once

#include <regrad/algorithms/rde/experiment/guards.h>
#include <regrad/algorithms/rde/experiment/model_file.h>
#include <regrad/algorithms/rde/scenario.h>
#include <regrad/datasets/text/attack_log.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::rde {

using Print = std::function<void(const std::string&)>;

struct DetectOptions {
  std::string model;              // file, or a run's folder
  std::vector<std::string> logs;  // in TextAttack's layout
  std::string task, data;         // whose training texts the detectors are fitted on
  std::string train;              // or a table of them: columns as below
  std::string text_column = "text", label_column = "label", wordnet;
  std::string by = "log";  // whose outputs make a row wrong, success or fail: log, model
  std::string report;      // an HTML file to write
  int components = 50, fit = 8000, adversarial = 1000;
  double gamma = 0;
  uint64_t seed = 0;
};

// A log as one classifier reads it.
struct ReadLog {
  std::vector<Attacked> rows;
  std::vector<int64_t> original = {}, perturbed = {};  // what the classifier predicts
  double accuracy = 0;                                 // %, on the originals
  int64_t attacked = 0, turned = 0;  // successes of the log; those it predicts otherwise
};
// IOError naming `where`: a truth outside the classes.
ReadLog read_log(std::vector<Attacked> rows, const Classifier& classifier, int64_t classes,
                 const std::string& where);
// Result by row, from the log's own outputs or the classifier's.
std::vector<LogRow> rows_of(const ReadLog& log, bool by_model);

// Prints, and writes the report. ConfigError: options; a log with too few successes (named).
void detect_logs(const DetectOptions& options, const std::string& command, const Print& print);

}  // namespace regrad::rde
