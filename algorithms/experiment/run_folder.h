// Runs as they lie on disk: what they were, how far they are, what they measured. For programs that
// look at other programs' runs (regrad-report).
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>

#include <filesystem>
#include <map>

namespace regrad::experiment {

// A row of result.json: one metric of one method over the seeds.
struct Measured {
  std::string method, metric;
  double mean, ci95;  // NaN where there is none
};
// result.json, of which what is compared.
struct RunResult {
  std::string experiment, task, preset, metric, baseline;
  Better better = Better::lower;
  double seconds = 0;
  std::vector<Measured> values = {};
};

struct RunFolder {
  std::string folder;
  enum State { finished, interrupted, running, damaged } state = finished;
  // config.json's leaves, keys joined with dots, without "settings."; a list with commas
  Settings config = {};
  RunResult result = {};            // of a finished one; of the others what config.json says
  std::string problem = {};         // of a damaged one
  double seconds = 0;               // that it has taken
  int64_t rows = 0, rows_done = 0;  // of one that is not finished
  std::filesystem::file_time_type changed = {};
};

bool is_run(const std::string& folder);
// What is there; a file that cannot be read makes it damaged.
RunFolder read_run(const std::string& folder);
// Every run in and below the folders, newest first. ConfigError for a folder that is not there.
std::vector<RunFolder> find_runs(const std::vector<std::string>& folders);

const char* name(RunFolder::State state);
// The best method's mean and interval: "mean squared error at K = 5: 3.4 ± 1.8 (cl)"; how far it is
// where it is not finished.
std::string headline(const RunFolder& run);

// Learning curves of metrics.csv, the mean over the seeds: (metric, variant) in the file's order,
// then by method steps and values. IOError naming file and line.
struct Curves {
  std::string metric, variant;
  std::vector<std::pair<std::string, std::map<int64_t, double>>> methods = {};
};
std::vector<Curves> read_curves(const std::string& folder);

// result.json; IOError beginning with `where`.
RunResult run_result(const std::string& json, const std::string& where);
// Leaves of a JSON object, keys joined with dots, lists with commas. IOError likewise.
Settings leaves(const std::string& json, const std::string& where);

}  // namespace regrad::experiment
