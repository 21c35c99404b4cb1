// config.json: everything that a run's numbers come from, so that `--config FILE` alone repeats it
// and `--resume DIR` goes on with it, from any folder.
//
//   {"regrad": "0.1.0", "experiment": "cml", "task": "sinusoid", "preset": "tiny",
//    "methods": ["maml", "cml"], "seeds": [0, 1], "data": "", "settings": {"steps": 200, ..}}
//
// Written by hand, a file may leave out any part, and may have settings beside the others instead
// of in "settings".
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/options.h>

namespace regrad::experiment {

struct RunConfig {
  std::string regrad, experiment, task, preset;  // empty: the file does not say
  std::vector<std::string> methods;
  std::vector<uint64_t> seeds;
  std::string data;    // where --data lies; from the root, so that it is the same from any folder
  bool whole = false;  // it has "settings", as a run writes it

  static void parts(auto& self, auto&& part) {
    part("regrad", self.regrad);
    part("experiment", self.experiment);
    part("task", self.task);
    part("preset", self.preset);
    part("methods", self.methods);
    part("seeds", self.seeds);
    part("data", self.data);
  }
};

// Experiment, task and preset of a config file: what must be known before its settings can be read.
// What is no JSON, or no text, is left empty: read_config has the message.
RunConfig heading(const std::string& json);

// All of it, the settings into `settings`; what the file does not name stays as it is. ConfigError
// naming file, line and column (config.h).
RunConfig read_config(std::vector<Field>& settings, const std::string& json,
                      const std::string& file);

// The file of a run as its options stand.
std::string config_json(Experiment& experiment, const Options& options);

// The same path from the root; "" stays.
std::string from_root(const std::string& path);

}  // namespace regrad::experiment
