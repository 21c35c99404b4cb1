// Running the trials of a table, side by side where there are threads, and what comes of them.
#pragma once

#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/progress.h>

namespace regrad::experiment {

// One line of metrics.jsonl.
struct Line {
  int64_t step;
  Moment moment;
};
// A trial that has ended, with all that it logged.
struct Finished {
  Job job;
  Outcome outcome;
  std::vector<Line> lines;
};

// The trials that a table needs, variants and seeds outermost, each method that trains once.
std::vector<Job> jobs_of(const Experiment& experiment, const Options& options);

// Runs them all. metrics.jsonl (if `log`) gets the lines of job after job in their order, however the threads interleave.
// NumericError names the job and step of a loss that is no number.
std::vector<Finished> run_jobs(const Experiment& experiment, const std::vector<Job>& jobs, Progress& progress, JsonLines* log);

// Values of every method and metric, one a seed, and the experiment's claims.
Result gather(const Experiment& experiment, const Options& options, const std::vector<Finished>& finished);

// Times three steps and the evaluation of each method; a table of what the whole would cost on that many threads.
std::string estimate(const Experiment& experiment, const Options& options);

std::string job_name(const Job& job);  // "maml, seed 3, 10"

}  // namespace regrad::experiment
