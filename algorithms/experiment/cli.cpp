#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace regrad::experiment {
namespace {

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// CLI11's layout, with "--[no-]x" for a switch that can be turned off.
struct Layout : CLI::Formatter {
  std::string make_option_name(const CLI::Option* option, bool) const override {
    const std::vector<std::string>& all = option->get_lnames();
    return all.size() == 2 ? "--[no-]" + all[0] : "--" + all[0];
  }
};

// Declares every flag; the map leads back from CLI11's option to ours.
std::map<const CLI::Option*, const Flag*> declare(CLI::App& app, const std::vector<Flag>& flags) {
  std::map<const CLI::Option*, const Flag*> ours;
  app.set_help_flag();
  app.allow_extras();
  for (const Flag& flag : flags) {
    const std::string name = "--" + dashed(flag.name);
    const std::string help =
        flag.help + (flag.now.empty() ? "" : (flag.help.empty() ? "[" : " [") + flag.now + "]");
    CLI::Option* option = nullptr;
    if (flag.value.empty()) {
      option = app.add_flag(flag.negated ? name + ",!--no-" + dashed(flag.name) : name, help);
    } else {
      option = app.add_option(name)->description(help)->option_text(flag.value)->take_all();
    }
    option->group(flag.group);
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
    std::string word = argv[i];
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

std::string flags_help(const std::vector<Flag>& flags, const std::string& program,
                       const std::string& about, const std::string& footer) {
  CLI::App app(about, program);
  app.formatter(std::make_shared<Layout>());
  size_t width = 0;
  for (const Flag& flag : flags)
    width = std::max(width, flag.name.size() + flag.value.size() + (flag.negated ? 5 : 0));
  app.get_formatter()->column_width(width + 8);
  app.get_formatter()->label("OPTIONS", "flags");
  declare(app, flags);
  app.footer(footer);
  return app.help();
}

}  // namespace regrad::experiment
