#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace regrad::experiment {
namespace {

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// Declares every flag; the map leads back from CLI11's option to ours.
std::map<const CLI::Option*, const Flag*> declare(CLI::App& app, const std::vector<Flag>& flags) {
  std::map<const CLI::Option*, const Flag*> ours;
  app.set_help_flag();
  app.allow_extras();
  for (const Flag& flag : flags) {
    const std::string name = "--" + dashed(flag.name);
    CLI::Option* option = nullptr;
    if (flag.value.empty()) {
      option = app.add_flag(flag.negated ? name + ",!--no-" + dashed(flag.name) : name);
    } else {
      option = app.add_option(name)->take_all();
    }
    ours[option] = &flag;
  }
  return ours;
}

// The words as CLI11 gets them: dashes for underscores inside flag names, and no value that is
// missing or looks like a flag.
std::vector<std::string> normal_words(const std::vector<Flag>& flags, int argc,
                                      const char* const* argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    std::string word = std::string(argv[i]) == "-h" ? "--help" : argv[i];
    const bool is_flag = word.size() > 2 && word.compare(0, 2, "--") == 0;
    const size_t equals = std::min(word.find('='), word.size());
    if (is_flag) word = dashed(word.substr(0, equals)) + word.substr(equals);
    words.push_back(word);
    const std::string name = word.substr(0, equals);
    const auto known = std::find_if(flags.begin(), flags.end(), [&](const Flag& flag) {
      return name == "--" + dashed(flag.name) ||
             (flag.negated && name == "--no-" + dashed(flag.name));
    });
    if (!is_flag || known == flags.end()) continue;
    if (known->value.empty()) {
      if (equals != word.size() && name != (known->negated ? "--" + dashed(known->name) : ""))
        throw ConfigError(name + ": takes no value");
      continue;
    }
    const std::string sample = "; write " + name + " " + known->value;
    if (equals + 1 == word.size()) throw ConfigError(word + ": no value follows the '='" + sample);
    if (equals != word.size()) continue;
    const std::string next = i + 1 < argc ? argv[i + 1] : "--";
    if (next.empty()) throw ConfigError(word + ": its value is empty" + sample);
    if (next.compare(0, 2, "--") == 0)
      throw ConfigError(word + ": needs a value" + (i + 1 < argc ? ", found " + next : "") +
                        sample);
    words.push_back(next);
    ++i;
  }
  return words;
}

[[noreturn]] void throw_unknown(const std::vector<Flag>& flags, const std::string& word) {
  if (word.compare(0, 1, "-") != 0)
    throw ConfigError("'" + word + "': belongs to no flag; --help lists the flags");
  const std::string name = word.substr(0, word.find('='));
  const size_t letters = std::min(name.find_first_not_of('-'), name.size());
  std::vector<std::string> known;
  for (const Flag& flag : flags) known.push_back(dashed(flag.name));
  throw ConfigError(name + ": no such flag" +
                    did_you_mean(name.substr(letters), known, "--", "; --help lists them"));
}

// One line of text behind `first` spaces, broken before column 80 at spaces, and at commas of
// lists; what goes on stands behind `next` spaces. It isn't broken before column `from`.
std::string folded(std::string text, size_t first, size_t next, size_t from) {
  constexpr size_t width = 80;
  std::string out;
  for (text = std::string(first, ' ') + text; text.size() > width;) {
    size_t at = text.rfind(' ', width);
    if (at == std::string::npos || at <= from) at = text.rfind(',', width - 1);
    if (at == std::string::npos || at <= from) at = text.find_first_of(" ,", width);
    if (at == std::string::npos) break;
    const bool comma = text[at] == ',';
    std::string line = text.substr(0, at + comma);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    text = std::string(next, ' ') + text.substr(at + 1);
    from = next;
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return out + text + "\n";
}

}  // namespace

std::vector<Given> parse_flags(const std::vector<Flag>& flags, int argc, const char* const* argv) {
  CLI::App app;
  const auto ours = declare(app, flags);
  std::vector<std::string> words = normal_words(flags, argc, argv);
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::Error& error) {
    throw ConfigError(error.what());
  }
  if (!app.remaining().empty()) throw_unknown(flags, app.remaining().front());
  std::vector<Given> given;
  std::map<const CLI::Option*, size_t> used;
  for (const CLI::Option* option : app.parse_order()) {
    given.push_back({ours.at(option)->name, option->results().at(used[option]++)});
  }
  return given;
}

std::string wrapped(const std::string& text) {
  std::string out;
  const bool ended = !text.empty() && text.back() == '\n';
  for (const std::string& line : split(text.substr(0, text.size() - ended), '\n')) {
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    out += folded(line.substr(indent), indent, indent + 2, indent);
  }
  return out;
}

std::string flags_help(const std::vector<Flag>& flags, const std::string& program,
                       const std::string& about, const std::string& footer) {
  constexpr size_t column = 28;  // where the help of a flag begins
  std::string out = wrapped(about + "\nUsage: " + program + " [flags]"), group;
  for (const Flag& flag : flags) {
    if (flag.group != group) out += "\n" + (group = flag.group) + ":\n";
    std::string name = (flag.negated ? "  --[no-]" : "  --") + dashed(flag.name) +
                       (flag.value.empty() ? "" : " ") + flag.value;
    const std::string now = flag.now.empty() ? "" : "[" + flag.now + "]";
    const std::string help = flag.help + (flag.help.empty() || now.empty() ? "" : " ") + now;
    if (help.empty()) {
      out += name + "\n";
    } else if (name.size() + 2 > column) {
      out += name + "\n" + folded(help, column, column, column);
    } else {
      name.resize(column, ' ');
      out += folded(name + help, 0, column, column);
    }
  }
  return out + "\n" + wrapped(footer);
}

void refuse_empty_paths(CLI::App& command) {
  for (CLI::Option* option : command.get_options())
    if (option->get_expected_min() > 0)
      option->check(
          [](const std::string& path) { return std::string(path.empty() ? "an empty path" : ""); });
}

void add_common(CLI::App& command, const std::string& threads) {
  command
      .add_option_function<int>(
          "--threads", [](const int& n) { set_num_threads(n); },
          "threads; the numbers do not depend on it [" + threads + "]")
      ->check(CLI::Range(1, 1024));
  command.add_flag_callback(
      "--version", [] { throw CLI::CallForVersion(version_text(), 0); },
      "versions of regrad, OpenBLAS and the instruction set in use");
}

bool parsed(CLI::App& app, int argc, const char* const* argv,
            const std::function<void(const std::string&)>& print) {
  const auto asked = [&] {
    const std::vector<CLI::App*> commands = app.get_subcommands();
    return commands.empty() ? &app : commands[0];
  };
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForVersion& e) {
    print(e.what());
  } catch (const CLI::Success&) {
    print(wrapped(asked()->help(asked() == &app ? "" : app.get_name())));
  } catch (const CLI::ParseError& e) {
    throw ConfigError(std::string(e.what()) + "; see " + app.get_name() +
                      (asked() == &app ? "" : " " + asked()->get_name()) + " --help");
  }
  return false;
}

}  // namespace regrad::experiment
