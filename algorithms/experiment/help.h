// The flags of every experiment's binary, and the page that lists them.
#pragma once

#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/options.h>

namespace regrad::experiment {

// Names of a card's methods, of those by default alone unless `all`.
std::vector<std::string> method_names(const Card& card, bool all);
// Names of the presets: tiny, small, long, paper, and the card's own.
std::vector<std::string> preset_names(const Card& card);
// The frame's flags, then the settings as they stand.
std::vector<Flag> all_flags(Experiment& experiment);

// The page for that task and preset, with the settings as they stand.
std::string help_text(Experiment& experiment, const Options& options);
// What there is to choose from: tasks, presets, the methods and nets of that task.
std::string list_text(Experiment& experiment, const Options& options);

}  // namespace regrad::experiment
