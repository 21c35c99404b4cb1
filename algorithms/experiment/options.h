// The command line of every experiment's binary. Order of precedence: preset, then --config (or of
// a run that is resumed its own config.json), then flags as they come.
#pragma once

#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/trial.h>

#include <optional>

namespace regrad::experiment {

struct Options {
  std::string task, preset = "tiny", data, out;
  std::vector<std::string> methods;  // that the table shows, in the card's order
  std::vector<uint64_t> seeds;
  int threads = 0;
  double checkpoint_every = 30;  // seconds
  bool resume = false, force = false, quiet = false, profile = false, tensorboard = false;
  std::vector<std::string> notes;  // lines to be told: what flags changed of a config file
  enum Action { run, estimate, print_config, help, list, version } action = run;

  OutFolder::Mode mode() const {
    return resume ? OutFolder::resume : force ? OutFolder::force : OutFolder::fresh;
  }
};

// Fills the experiment's config and returns the rest. ConfigError names the flag or key, what was
// found, and the nearest name.
Options parse_options(Experiment& experiment, int argc, const char* const* argv);

}  // namespace regrad::experiment
