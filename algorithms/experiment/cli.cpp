#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::experiment {
namespace {

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

[[noreturn]] void throw_unknown(const std::vector<Flag>& flags, const std::string& name) {
  if (name[0] != '-')
    throw ConfigError("'" + name + "': belongs to no flag; --help lists the flags");
  std::vector<std::string> known;
  for (const Flag& flag : flags) known.push_back(dashed(flag.name));
  const size_t letters = std::min(name.find_first_not_of('-'), name.size());
  throw ConfigError(name + ": no such flag" +
                    did_you_mean(name.substr(letters), known, "--", "; --help lists them"));
}

}  // namespace

std::vector<Given> parse_flags(const std::vector<Flag>& flags, int argc, const char* const* argv) {
  std::vector<Given> given;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = std::min(word.find('='), word.size());
    const std::string name = dashed(word.substr(0, equals));
    const bool has_value = equals < word.size();
    bool off = false;
    const auto flag = std::find_if(flags.begin(), flags.end(), [&](const Flag& f) {
      off = f.negated && name == "--no-" + dashed(f.name);
      return off || name == "--" + dashed(f.name);
    });
    if (flag == flags.end()) throw_unknown(flags, word[0] == '-' ? name : word);
    if (flag->value.empty()) {
      if (has_value && (off || !flag->negated)) throw ConfigError(name + ": takes no value");
      given.push_back({flag->name, has_value ? word.substr(equals + 1) : off ? "false" : "true"});
      continue;
    }
    const std::string sample = "; write " + name + " " + flag->value;
    if (has_value && equals + 1 == word.size())
      throw ConfigError(name + "=: no value follows the '='" + sample);
    if (!has_value && i + 1 == argc) throw ConfigError(name + ": needs a value" + sample);
    const std::string value = has_value ? word.substr(equals + 1) : argv[++i];
    if (value.empty()) throw ConfigError(name + ": its value is empty" + sample);
    if (!has_value && value.compare(0, 2, "--") == 0)
      throw ConfigError(name + ": needs a value, found " + value + sample);
    given.push_back({flag->name, value});
  }
  return given;
}

std::string flags_help(const std::vector<Flag>& flags, const std::string& program,
                       const std::string& about, const std::string& footer) {
  const auto form = [](const Flag& f) {
    return (f.negated ? "--[no-]" : "--") + dashed(f.name) + " " + f.value;
  };
  size_t width = 0;
  for (const Flag& f : flags) width = std::max(width, form(f).size());
  std::string out = about + "\nUsage: " + program + " [flags]\n", group;
  for (const Flag& f : flags) {
    if (f.group != group) out += (group.empty() ? "\n" : "\n\n") + f.group + ":\n";
    group = f.group;
    const std::string help = f.help + (f.help.empty() || f.now.empty() ? "" : " ") +
                             (f.now.empty() ? "" : "[" + f.now + "]");
    out += fmt::format("  {:<{}}{}\n", form(f), width + 3, help);
  }
  return out + "\n" + footer + "\n";
}

}  // namespace regrad::experiment
