// Running the rows of a table, side by side where there are threads, and what comes of them.
#pragma once

#include <regrad/algorithms/experiment/ledger.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/progress.h>

namespace regrad::experiment {

// The method whose trials score this one.
std::string trainer(const Card& card, const std::string& method);

// The trials that a table needs, variants and seeds outermost, each method that trains once.
std::vector<Job> jobs_of(const Experiment& experiment, const Options& options);

// What decides the numbers of a run: task, preset, methods, seeds, and every leaf of the config.
Settings settings_of(Experiment& experiment, const Options& options);

// Runs every row of the ledger that is not finished, from where it stands. Between two steps a row
// looks whether a signal came (Interrupted, after a checkpoint; `again` is how to go on) or
// another row failed (that row's error). NumericError names row and step of a loss that is no
// number.
void run_rows(const Experiment& experiment, Ledger& ledger, Progress& progress,
              const std::string& again);

// Values of every method and metric, one per seed, and the experiment's claims. A metric that not
// every seed of a method has, but for the headline, is left out.
Result gather(const Experiment& experiment, const Options& options, const std::vector<Row>& rows);

}  // namespace regrad::experiment
