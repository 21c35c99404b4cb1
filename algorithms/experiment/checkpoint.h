// What a run that was cut short goes on from: every row of its table as far as it had come, and how
// much of metrics.jsonl that was.
//
//   save(checkpoint, out);
//   Checkpoint c = load_checkpoint(out, [&](const std::string& why) { progress.say(why); });
//
// One safetensors file. Its metadata hold the run's settings and a line of JSON a row; its tensors
// are the states of the rows that are under way, named "3.body.layers.0.weight" for row 3. The file
// before it is kept too.
#pragma once

#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/trial.h>

#include <functional>

namespace regrad::experiment {

// One line of metrics.jsonl.
struct Line {
  int64_t step;
  Moment moment;
};

// A row of the table as far as it has come.
struct Row {
  Job job;
  int64_t step = 0;  // steps done
  std::vector<Line> lines = {};
  bool finished = false;
  Outcome outcome = {};  // of a finished row
};
std::string job_name(const Job& job);  // "maml, seed 3, K=10"
// one line, every number to the bit
std::string to_json(const Row& row);
// The line of metrics.jsonl, with its newline; a number that is not finite is null.
std::string to_json(const Job& job, const Line& line);
// IOError beginning with `where`
Row row_from_json(const std::string& json, const std::string& where);

// Name and value of everything that decides what a run computes: a resumed run must have the same.
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Checkpoint {
  Settings settings = {};
  std::string command;  // that began the run
  std::string build;    // regrad, kernels and OpenBLAS that it ran on
  // where --data lie, from the root, and what files are there (data_files.h); empty: not known
  std::string data = {}, data_files = {};
  double seconds = 0;
  int64_t log_bytes = 0;  // of metrics.jsonl
  std::vector<Row> rows = {};
  TensorFile tensors = {};
};

// Replaces the newest checkpoint, which becomes the older one. DiskError names the file and the
// bytes it needs; the newest then stands as it was.
void save(const Checkpoint& checkpoint, const OutFolder& out);

// The newest checkpoint, or the older one where the newest is missing or damaged (`report` gets
// the reason). IOError where neither can be read.
Checkpoint load_checkpoint(const OutFolder& out,
                           const std::function<void(const std::string&)>& report);
bool has_checkpoint(const OutFolder& out);

// What two runs have under one name; "" where one of them has none.
struct Difference {
  std::string name, then, now;
};
// In the order of `now`, then what only `then` has.
std::vector<Difference> differences(const Settings& then, const Settings& now);
std::string or_none(const std::string& value);  // "none" of an empty one

// ConfigError with a line for each setting that differs; for experiments or tasks that differ the
// one line, for all the others follow from it.
void check_same_settings(const Settings& then, const Settings& now, const std::string& folder);

// ConfigError where the data lie elsewhere and are others (files_below); a line to be told where
// they lie where they did and are others.
std::string check_same_data(const Checkpoint& checkpoint, const std::string& path,
                            const std::string& files, const std::string& folder);

}  // namespace regrad::experiment
