#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/engine/error.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>

namespace regrad::experiment {
namespace {

const std::vector<std::string> kPresets = {"tiny", "small", "long", "paper"};

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    out.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return out;
}

std::vector<Flag> frame_flags(const Card& card) {
  std::vector<std::string> methods, usual;
  for (const MethodCard& m : card.methods) {
    methods.push_back(m.name);
    if (m.by_default) usual.push_back(m.name);
  }
  return {{"task", "NAME", "one of " + joined(card.tasks), card.tasks[0], "Run"},
          {"methods", "NAME,...", "rows of the table, of " + joined(methods), joined(usual), "Run"},
          {"data", "DIR", "where data sets lie", "", "Run"},
          {"preset", "NAME",
           "tiny (no data, two minutes), small (a table in 45 minutes), long, paper (its protocol)",
           "tiny", "Run"},
          {"config", "FILE", "JSON as --print-config writes it, over the preset", "", "Run"},
          {"set", "KEY=VALUE", "one setting, as --KEY VALUE", "", "Run"},
          {"seed", "INT", "one seed only", "", "Run"},
          {"seeds", "INT", "as many paired seeds, from 0 on", "the preset's", "Run"},
          {"threads", "INT", "threads; the numbers do not depend on it", "all processors", "Run"},
          {"out", "DIR", "write config, log, result, report and checkpoints there", "", "Run"},
          {"resume", "", "go on where the run in --out was cut short, or begin it", "", "Run"},
          {"force", "", "replace what --out holds", "", "Run"},
          {"checkpoint-every", "SECONDS", "between two checkpoints in --out; 0: after every step",
           "30", "Run"},
          {"estimate", "",
           "time three steps of each method, print what the whole would cost, and stop", "", "Run"},
          {"profile", "", "print calls, time and bytes by op, and write a Chrome trace to --out",
           "", "Run"},
          {"quiet", "", "no progress on stderr", "", "Run"},
          {"print-config", "", "print the settled config as JSON, and stop", "", "Run"},
          {"version", "", "versions of regrad, OpenBLAS and the instruction set in use", "", "Run"},
          {"help", "", "this page", "", "Run"}};
}

std::vector<Flag> all_flags(Experiment& experiment) {
  std::vector<Flag> flags = frame_flags(experiment.card());
  for (const Field& field : experiment.fields()) {
    const std::string type = type_name(field);
    flags.push_back({field.name, type, field.help, text(field), "Settings", type.empty()});
  }
  return flags;
}

template <class T>
T whole_number(const Given& given, T least, T most) {
  T value{};
  const char* end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, value);
  if (error != std::errc() || stop != end || value < least || value > most) {
    throw ConfigError("--" + given.name + ": '" + given.value + "' is not a whole number from " +
                      std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

double seconds(const Given& given) {
  double value = 0;
  const char* end = given.value.data() + given.value.size();
  const auto [stop, error] = std::from_chars(given.value.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= 0))
    throw ConfigError("--" + given.name + ": '" + given.value + "' is not a number of seconds");
  return value;
}

// A config that cannot be read is a mistake on the command line, not in a data set.
std::string config_text(const std::string& file) {
  try {
    return read_file(file);
  } catch (const IOError& e) {
    throw ConfigError(std::string("--config ") + e.what());
  }
}

// The value of a flag before the flags are known: which there are depends on the task.
std::string early(const std::string& name, const std::string& otherwise, int argc,
                  const char* const* argv) {
  std::string out = otherwise;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--" + name && i + 1 < argc) out = argv[++i];
    if (word.compare(0, name.size() + 3, "--" + name + "=") == 0)
      out = word.substr(name.size() + 3);
  }
  return out;
}

bool among(const std::string& value, const std::vector<std::string>& of) {
  return std::find(of.begin(), of.end(), value) != of.end();
}

void choose_one(const std::string& flag, const std::string& value,
                const std::vector<std::string>& of) {
  if (among(value, of)) return;
  throw ConfigError("--" + flag + " " + value + ": not one of " + joined(of) +
                    did_you_mean(value, of, "", ""));
}

const std::string* last_of(const std::vector<Given>& given, const std::string& name) {
  const std::string* found = nullptr;
  for (const Given& g : given)
    if (g.name == name) found = &g.value;
  return found;
}

void apply_flag(Options& o, std::vector<Field>& fields, const Given& g) {
  if (g.name == "data") {
    o.data = g.value;
  } else if (g.name == "out") {
    o.out = g.value;
  } else if (g.name == "methods") {
    o.methods = split_at_commas(g.value);
  } else if (g.name == "seed") {
    o.seeds = {whole_number<uint64_t>(g, 0, std::numeric_limits<uint64_t>::max())};
  } else if (g.name == "seeds") {
    o.seeds.resize(whole_number<uint64_t>(g, 1, 10000));
    std::iota(o.seeds.begin(), o.seeds.end(), uint64_t{0});
  } else if (g.name == "threads") {
    o.threads = whole_number<int>(g, 1, 1024);
  } else if (g.name == "checkpoint-every") {
    o.checkpoint_every = seconds(g);
  } else if (g.name == "resume" || g.name == "force" || g.name == "quiet" || g.name == "profile") {
    (g.name == "resume"  ? o.resume
     : g.name == "force" ? o.force
     : g.name == "quiet" ? o.quiet
                         : o.profile) = true;
  } else if (g.name == "estimate") {
    o.action = Options::estimate;
  } else if (g.name == "print-config") {
    o.action = Options::print_config;
  } else if (g.name == "set") {
    const size_t equals = g.value.find('=');
    if (equals == std::string::npos)
      throw ConfigError("--set " + g.value + ": write --set KEY=VALUE");
    assign(fields, g.value.substr(0, equals), g.value.substr(equals + 1), "--set " + g.value);
  } else if (find(fields, g.name)) {
    assign(fields, g.name, g.value, "--" + g.name);
  }
}

// The first that stands there before; empty where all differ.
std::string first_twice(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i)
    if (std::find(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(i), words[i]) !=
        words.begin() + static_cast<std::ptrdiff_t>(i))
      return words[i];
  return "";
}

// A variant has one row of each method and seed: a value that a list gives twice, or two that are
// shown as one, would train it twice and then have no place in the table.
void check_variants(const Experiment& experiment, const std::vector<Field>& fields) {
  const std::vector<std::string> variants = experiment.variants();
  const std::string twice = first_twice(variants);
  if (twice.empty()) return;
  std::string from;
  for (const Field& field : fields)
    if (is_list(field) && split_at_commas(text(field)).size() == variants.size() && from.empty() &&
        !first_twice(split_at_commas(text(field))).empty())
      from = field.name + " is " + text(field) + ": ";
  throw ConfigError(from + "two parts of the table would be called " + twice +
                    "; give each value once");
}

void settle_methods(Options& o, const Card& card) {
  std::vector<std::string> known, usual;
  for (const MethodCard& m : card.methods) {
    known.push_back(m.name);
    if (m.by_default) usual.push_back(m.name);
  }
  if (o.methods.empty()) o.methods = usual;
  for (const std::string& name : o.methods) choose_one("methods", name, known);
  if (const std::string twice = first_twice(o.methods); !twice.empty())
    throw ConfigError("--methods: " + twice + " stands there twice");
  std::vector<std::string> in_order;
  for (const std::string& name : known)
    if (std::find(o.methods.begin(), o.methods.end(), name) != o.methods.end())
      in_order.push_back(name);
  o.methods = in_order;
}

// Tables have holes (Experiment::has_row). Methods that have no row at all in these settings are
// left out, or refused where they were asked for.
void leave_out_methods_without_rows(Options& o, const Experiment& experiment, bool asked) {
  const Card card = experiment.card();
  const std::vector<std::string> variants = experiment.variants();
  const auto there = [&](const std::string& name, const std::string& variant) {
    const auto m = std::find_if(card.methods.begin(), card.methods.end(),
                                [&](const MethodCard& c) { return c.name == name; });
    return experiment.has_row({m->trained_by.empty() ? name : m->trained_by, variant, o.seeds[0]});
  };
  std::vector<std::string> kept, none;
  for (const std::string& name : o.methods) {
    const bool any = std::any_of(variants.begin(), variants.end(),
                                 [&](const std::string& variant) { return there(name, variant); });
    (any ? kept : none).push_back(name);
  }
  if (kept.empty() || (asked && !none.empty()))
    throw ConfigError("--methods " + joined(none) +
                      ": the table has no such row in these settings");
  for (const std::string& variant : variants)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const std::string& name) { return there(name, variant); }))
      throw ConfigError("the table has no row of " + joined(kept) + " for " + variant);
  o.methods = kept;
}

void check_needs(const Options& o, const Experiment& experiment) {
  for (const Job& job : jobs_of(experiment, o)) {
    if (job.seed != o.seeds[0]) continue;
    check_memory(experiment.needs(job), job_name(job));
  }
}

}  // namespace

Options parse_options(Experiment& experiment, int argc, const char* const* argv) {
  Options o;
  const Card card = experiment.card();
  o.task = early("task", card.tasks[0], argc, argv);
  o.preset = early("preset", o.preset, argc, argv);
  if (among(o.task, card.tasks) && among(o.preset, kPresets)) experiment.choose(o.task, o.preset);
  const std::vector<Given> given = parse_flags(all_flags(experiment), argc, argv);
  if (last_of(given, "version")) o.action = Options::version;
  if (last_of(given, "help")) o.action = Options::help;
  if (o.action == Options::version) return o;
  choose_one("task", o.task, card.tasks);
  choose_one("preset", o.preset, kPresets);
  experiment.choose(o.task, o.preset);
  if (o.action == Options::help) return o;
  std::vector<Field> fields = experiment.fields();
  if (const std::string* file = last_of(given, "config"))
    from_json(fields, config_text(*file), *file);
  for (const Given& g : given) apply_flag(o, fields, g);
  const bool asked = !o.methods.empty();
  settle_methods(o, experiment.card());
  if (o.seeds.empty())
    for (int s = 0; s < experiment.seeds(); ++s) o.seeds.push_back(static_cast<uint64_t>(s));
  if (o.threads == 0) o.threads = num_threads();
  if ((o.resume || o.force) && o.out.empty())
    throw ConfigError(std::string(o.resume ? "--resume" : "--force") + ": needs --out DIR");
  if (o.resume && o.force)
    throw ConfigError(
        "--resume and --force: one goes on with what is there, the other replaces it; give one of "
        "them");
  // All that can be refused without data is refused before they are read.
  experiment.check();
  check_variants(experiment, fields);
  leave_out_methods_without_rows(o, experiment, asked);
  if (o.action == Options::print_config) return o;
  if (o.action == Options::run && !o.out.empty())
    check_out(o.out, o.resume ? OutFolder::resume : o.force ? OutFolder::force : OutFolder::fresh);
  check_needs(o, experiment);
  experiment.data(o.data);
  experiment.check();
  check_needs(o, experiment);
  return o;
}

std::string help_text(Experiment& experiment, const Options& options) {
  experiment.choose(options.task, options.preset);
  const Card card = experiment.card();
  std::string footer = "Methods:\n";
  for (const MethodCard& m : card.methods)
    footer += "  " + m.name + std::string(m.name.size() < 12 ? 12 - m.name.size() : 1, ' ') +
              m.help + "\n";
  footer +=
      "\nExit codes: 0 done; 1 failed; 2 command line or config; 3 data missing or broken; 4 not a "
      "number; 5 disk or memory; 130, 143 interrupted.";
  return flags_help(all_flags(experiment), "regrad-" + card.name, card.about, footer);
}

}  // namespace regrad::experiment
