#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace regrad::experiment {
namespace {

std::vector<std::string> method_names(const Card& card, bool all) {
  std::vector<std::string> out;
  for (const MethodCard& m : card.methods)
    if (all || m.by_default) out.push_back(m.name);
  return out;
}

std::vector<Flag> frame_flags(const Card& card) {
  return {
      {"task", "NAME", "one of " + joined(card.tasks), card.tasks[0]},
      {"methods", "NAME,...", "rows of the table, of " + joined(method_names(card, true)),
       joined(method_names(card, false))},
      {"data", "DIR", "where data sets lie"},
      {"preset", "NAME",
       "tiny (no data, two minutes), small (a table in 45 minutes), long, paper (its protocol)" +
           (card.more_presets.empty() ? "" : ", " + joined(card.more_presets)),
       "tiny"},
      {"config", "FILE", "JSON as --print-config writes it, over the preset"},
      {"set", "KEY=VALUE", "one setting, as --KEY VALUE"},
      {"seed", "INT", "one seed only"},
      {"seeds", "INT", "as many paired seeds, from 0 on", "the preset's"},
      {"threads", "INT", "threads; the numbers do not depend on it", "all processors"},
      {"out", "DIR", "write config, log, result, report and checkpoints there"},
      {"resume", "", "go on where the run in --out was cut short, or begin it"},
      {"force", "", "replace what --out holds"},
      {"checkpoint-every", "SECONDS", "between two checkpoints in --out; 0: after every step",
       "30"},
      {"estimate", "",
       "time three steps of each method, print what the whole would cost, and stop"},
      {"profile", "", "print calls, time and bytes by op, and write a Chrome trace to --out"},
      {"quiet", "", "no progress on stderr"},
      {"print-config", "", "print the settled config as JSON, and stop"},
      {"version", "", "versions of regrad, OpenBLAS and the instruction set in use"},
      {"help", "", "this page"}};
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
  const std::optional<T> value = number<T>(given.value);
  if (!value || *value < least || *value > most)
    throw ConfigError(fmt::format("--{}: '{}' is not a whole number from {} to {}", given.name,
                                  given.value, least, most));
  return *value;
}

double seconds(const Given& given) {
  const std::optional<double> value = number<double>(given.value);
  if (!value || *value < 0)
    throw ConfigError("--" + given.name + ": '" + given.value + "' is not a number of seconds");
  return *value;
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
    if (word.starts_with("--" + name + "=")) out = word.substr(name.size() + 3);
  }
  return out;
}

void choose_one(const std::string& flag, const std::string& value,
                const std::vector<std::string>& of) {
  need(among(value, of),
       "--" + flag + " " + value + ": not one of " + joined(of) + did_you_mean(value, of, "", ""));
}

const std::string* last_of(const std::vector<Given>& given, const std::string& name) {
  const auto found =
      std::find_if(given.rbegin(), given.rend(), [&](const Given& g) { return g.name == name; });
  return found == given.rend() ? nullptr : &found->value;
}

void apply_flag(Options& o, std::vector<Field>& fields, const Given& g) {
  const std::string& flag = g.name;
  if (flag == "data") o.data = g.value;
  if (flag == "out") o.out = g.value;
  if (flag == "methods") o.methods = split(g.value, ',');
  if (flag == "seed") o.seeds = {whole_number<uint64_t>(g, 0, UINT64_MAX)};
  if (flag == "seeds") {
    o.seeds.resize(whole_number<uint64_t>(g, 1, 10000));
    std::iota(o.seeds.begin(), o.seeds.end(), uint64_t{0});
  }
  if (flag == "threads") o.threads = whole_number<int>(g, 1, 1024);
  if (flag == "checkpoint-every") o.checkpoint_every = seconds(g);
  if (flag == "resume") o.resume = true;
  if (flag == "force") o.force = true;
  if (flag == "quiet") o.quiet = true;
  if (flag == "profile") o.profile = true;
  if (flag == "estimate") o.action = Options::estimate;
  if (flag == "print-config") o.action = Options::print_config;
  if (flag == "set") {
    const size_t equals = g.value.find('=');
    need(equals != std::string::npos, "--set " + g.value + ": write --set KEY=VALUE");
    assign(fields, g.value.substr(0, equals), g.value.substr(equals + 1), "--set " + g.value);
  }
  if (find(fields, flag)) assign(fields, flag, g.value, "--" + flag);
}

// The first that stands there before; empty where all differ.
std::string first_twice(const std::vector<std::string>& words) {
  std::set<std::string> seen;
  for (const std::string& word : words)
    if (!seen.insert(word).second) return word;
  return "";
}

// A variant has one row of each method and seed: a value that a list gives twice, or two that are
// shown as one, would train it twice and then have no place in the table.
void check_variants(const Experiment& experiment, const std::vector<Field>& fields) {
  const std::vector<std::string> variants = experiment.variants();
  const std::string twice = first_twice(variants);
  if (twice.empty()) return;
  const auto list = std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    const std::vector<std::string> values = split(text(field), ',');
    return is_list(field) && values.size() == variants.size() && !first_twice(values).empty();
  });
  throw ConfigError((list == fields.end() ? "" : list->name + " is " + text(*list) + ": ") +
                    "two parts of the table would be called " + twice + "; give each value once");
}

void settle_methods(Options& o, const Card& card) {
  if (o.methods.empty()) o.methods = method_names(card, false);
  std::vector<std::string> in_order = method_names(card, true);
  for (const std::string& name : o.methods) choose_one("methods", name, in_order);
  const std::string twice = first_twice(o.methods);
  need(twice.empty(), "--methods: " + twice + " stands there twice");
  const auto left_out = [&](const std::string& name) { return !among(name, o.methods); };
  in_order.erase(std::remove_if(in_order.begin(), in_order.end(), left_out), in_order.end());
  o.methods = in_order;
}

// Tables have holes (Experiment::has_row). Methods that have no row at all in these settings are
// left out, or refused where they were asked for.
void leave_out_methods_without_rows(Options& o, const Experiment& experiment, bool asked) {
  const Card card = experiment.card();
  const std::vector<std::string> variants = experiment.variants();
  const auto there = [&](const std::string& name, const std::string& variant) {
    return experiment.has_score({trainer(card, name), variant, o.seeds[0]});
  };
  std::vector<std::string> kept, none;
  for (const std::string& name : o.methods) {
    const bool any = std::any_of(variants.begin(), variants.end(),
                                 [&](const std::string& variant) { return there(name, variant); });
    (any ? kept : none).push_back(name);
  }
  need(!kept.empty() && (!asked || none.empty()),
       "--methods " + joined(none) + ": the table has no such row in these settings");
  for (const std::string& variant : variants)
    need(std::any_of(kept.begin(), kept.end(),
                     [&](const std::string& name) { return there(name, variant); }),
         "the table has no row of " + joined(kept) + " for " + variant);
  o.methods = kept;
}

// Keys of a config file whose value no preset of the task has: those that are the user's own.
std::vector<std::string> own_keys(Experiment& experiment, const Options& o,
                                  const std::string& file) {
  std::map<std::string, std::set<std::string>> usual;
  for (const std::string& preset : preset_names(experiment.card())) {
    experiment.choose(o.task, preset);
    for (const Field& field : experiment.fields()) usual[field.name].insert(text(field));
  }
  experiment.choose(o.task, o.preset);
  std::vector<Field> fields = experiment.fields();
  from_json(fields, config_text(file), file);
  std::vector<std::string> out;
  for (const Field& field : fields)
    if (usual[field.name].count(text(field)) == 0) out.push_back(field.name);
  return out;
}

void check_used(const Options& o, const Experiment& experiment,
                const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (const std::string why = experiment.unused(key, o.methods); !why.empty())
      throw ConfigError("--" + key + " changes nothing here: " + why);
}

void check_needs(const Options& o, const Experiment& experiment) {
  for (const Job& job : jobs_of(experiment, o))
    if (job.seed == o.seeds[0]) check_memory(experiment.needs(job), job_name(job));
}

}  // namespace

std::vector<std::string> preset_names(const Card& card) {
  std::vector<std::string> out = {"tiny", "small", "long", "paper"};
  out.insert(out.end(), card.more_presets.begin(), card.more_presets.end());
  return out;
}

Options parse_options(Experiment& experiment, int argc, const char* const* argv) {
  Options o;
  const Card card = experiment.card();
  o.task = early("task", card.tasks[0], argc, argv);
  o.preset = early("preset", o.preset, argc, argv);
  if (among(o.task, card.tasks) && among(o.preset, preset_names(card)))
    experiment.choose(o.task, o.preset);
  const std::vector<Given> given = parse_flags(all_flags(experiment), argc, argv);
  if (last_of(given, "version")) o.action = Options::version;
  if (last_of(given, "help")) o.action = Options::help;
  if (o.action == Options::version) return o;
  choose_one("task", o.task, card.tasks);
  choose_one("preset", o.preset, preset_names(card));
  experiment.choose(o.task, o.preset);
  if (o.action == Options::help) return o;
  std::vector<Field> fields = experiment.fields();
  std::vector<std::string> keys;  // that the user gave
  if (const std::string* file = last_of(given, "config")) keys = own_keys(experiment, o, *file);
  for (const Given& g : given) {
    apply_flag(o, fields, g);
    const std::string key = g.name == "set" ? g.value.substr(0, g.value.find('=')) : g.name;
    if (const Field* field = find(fields, key)) keys.push_back(field->name);
  }
  const bool asked = !o.methods.empty();
  settle_methods(o, experiment.card());
  if (o.seeds.empty())
    for (int s = 0; s < experiment.seeds(); ++s) o.seeds.push_back(static_cast<uint64_t>(s));
  if (o.threads == 0) o.threads = num_threads();
  need(!(o.resume || o.force) || !o.out.empty(),
       std::string(o.resume ? "--resume" : "--force") + ": needs --out DIR");
  need(!o.resume || !o.force,
       "--resume and --force: one goes on with what is there, the other replaces it; give one of "
       "them");
  // All that can be refused without data is refused before they are read.
  experiment.check();
  check_variants(experiment, fields);
  leave_out_methods_without_rows(o, experiment, asked);
  check_used(o, experiment, keys);
  if (o.action == Options::print_config) return o;
  if (o.action == Options::run && !o.out.empty()) check_out(o.out, o.mode());
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
  for (const MethodCard& m : card.methods) footer += fmt::format("  {:<11} {}\n", m.name, m.help);
  footer +=
      "\nExit codes: 0 done; 1 failed; 2 command line or config; 3 data missing or broken; 4 not a "
      "number; 5 disk or memory; 130, 143 interrupted.";
  return flags_help(all_flags(experiment), "regrad-" + card.name, card.about, footer);
}

}  // namespace regrad::experiment
