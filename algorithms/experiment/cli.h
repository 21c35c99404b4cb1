// The command line: a list of flags in, what was given out. No config is in it; experiment.cpp has
// what the flags mean.
//
//   std::vector<Flag> flags = {{"steps", "INT", "outer steps", "50000", "Settings"}, {"force", "",
//       "replace a finished --out", "", "Run"}};
//   for (const Given& g : parse_flags(flags, argc, argv)) use(g.name, g.value);
//       // in the order of the command line
//   std::string page = flags_help(flags, "regrad-cml", "what it does", "an example at the end");
//
// `--steps 10` and `--steps=10` are the same, and so are '_' and '-' inside a name, and -h and
// --help. Of a flag given twice the later one holds.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace regrad::experiment {

struct Flag {
  std::string name;  // "inner.lr", without dashes
  // what follows, for --help ("INT", "DIR"); "" for a switch, which nothing follows
  std::string value;
  std::string help;
  // the value when it is left out, for --help; "" when there is none to show
  std::string now = {};
  std::string group = "Run";  // heading in --help
  bool negated = false;       // a switch that --no-NAME and --NAME=false turn off
};

struct Given {
  // the flag's name as in its Flag; the value is "true" or "false" for a switch
  std::string name, value;
};

// ConfigError for a flag that is not in the list (names the nearest), a missing value, or a word
// that belongs to no flag.
std::vector<Given> parse_flags(const std::vector<Flag>& flags, int argc, const char* const* argv);

// Lines longer than 80 columns broken between words; what goes on is indented as the line was, and
// by two more.
std::string wrapped(const std::string& text);

// A page of at most 80 columns, where no word is longer.
std::string flags_help(const std::vector<Flag>& flags, const std::string& program,
                       const std::string& about, const std::string& footer);

// Of a command whose options, so far as it has them now, are all paths.
void refuse_empty_paths(CLI::App& command);
// Commands beside the tables, subcommands of an app of CLI11, take --threads and --version as
// tables do, and -h as --help.
// `threads`: how many without the flag, for --help.
void add_common(CLI::App& command, const std::string& threads = "all processors");
// Parses; whether there is a command to run: not where its help or the version was asked for, which
// `print` gets. ConfigError for what the app refuses, with the --help to look at.
bool parsed(CLI::App& app, int argc, const char* const* argv,
            const std::function<void(const std::string&)>& print);

}  // namespace regrad::experiment
