// Which config file a command line means: --config's, or config.json of the run that --resume goes
// on with; and what the words beside it contradict.
#pragma once

#include <regrad/algorithms/experiment/run_config.h>

namespace regrad::experiment {

// The command line, where `--resume DIR` is `--out DIR --resume`.
struct Words {
  std::vector<std::string> list;  // the program's name first
  std::string resumed = {};       // DIR of `--resume DIR`
  Words(int argc, const char* const* argv);
  std::vector<const char*> pointers() const;
  bool has(const std::string& word) const { return among(word, list); }
  // The value of a flag before the flags are known: which there are depends on the task.
  std::string early(const std::string& name, const std::string& otherwise) const;
};

struct ConfigFile {
  std::string name = {}, text = {};  // empty: there is none
  RunConfig head = {};               // of heading()
  std::string folder = {};           // of the run that is resumed; empty for --config's

  // As the run or the file has it, once it was read and before flags.
  Settings then = {};
  std::string data = {};
};

// ConfigError: a file that cannot be read, of another experiment, or no run where --resume has one.
ConfigFile config_file(const Words& words, const std::string& experiment);

// ConfigError where the command line's task is not the file's: its settings belong to that.
void check_task(const ConfigFile& file, const std::string& task);

// The settings that flags beside the file changed: of a run that is resumed a ConfigError, of
// --config's a line each, to be told.
std::vector<std::string> overridden(const ConfigFile& file, const Settings& now,
                                    const std::string& data);

}  // namespace regrad::experiment
