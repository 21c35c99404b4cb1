#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/config_file.h>
#include <regrad/algorithms/experiment/help.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/progress.h>
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

// where: the flag, or place in a file, that has the value
void choose_one(const std::string& where, const std::string& value,
                const std::vector<std::string>& of) {
  need(among(value, of),
       where + " " + value + ": not one of " + joined(of) + did_you_mean(value, of, "", ""));
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
  if (flag == "tensorboard") o.tensorboard = true;
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
  for (const std::string& name : o.methods) choose_one("--methods", name, in_order);
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

// Takes up the file, and returns the keys whose value no preset of the task has: those that are the
// user's own.
std::vector<std::string> take_up(ConfigFile& file, Options& o, Experiment& experiment) {
  if (file.name.empty()) return {};
  std::map<std::string, std::set<std::string>> usual;
  for (const std::string& preset : preset_names(experiment.card())) {
    experiment.choose(o.task, preset);
    for (const Field& field : experiment.fields()) usual[field.name].insert(text(field));
  }
  experiment.choose(o.task, o.preset);
  std::vector<Field> fields = experiment.fields();
  const RunConfig run = read_config(fields, file.text, file.name);
  o.methods = run.methods, o.seeds = run.seeds, o.data = run.data;
  if (run.whole) {
    Options before = o;
    before.preset = file.head.preset;
    file.then = settings_of(experiment, before), file.data = run.data;
  }
  std::vector<std::string> out;
  for (const Field& field : fields)
    if (usual[field.name].count(text(field)) == 0) out.push_back(field.name);
  return out;
}

// Files and folders among the settings, from the root: a run goes on from any folder.
void settle_paths(const std::vector<Field>& fields) {
  for (const Field& field : fields)
    if (auto* const* path = std::get_if<std::string*>(&field.slot); path && field.range.path)
      **path = from_root(**path);
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

Options parse_options(Experiment& experiment, int argc, const char* const* argv) {
  Options o;
  const Card card = experiment.card();
  const Words words(argc, argv);
  const bool page =
      words.has("--help") || words.has("-h") || words.has("--list") || words.has("--version");
  ConfigFile file = page ? ConfigFile() : config_file(words, card.name);
  const std::string& task = file.head.task;
  const std::string& preset = file.head.preset;
  o.task = words.early("task", task.empty() ? card.tasks[0] : task);
  o.preset = words.early("preset", preset.empty() ? o.preset : preset);
  if (among(o.task, card.tasks) && among(o.preset, preset_names(card)))
    experiment.choose(o.task, o.preset);
  const std::vector<const char*> pointers = words.pointers();
  const std::vector<Given> given =
      parse_flags(all_flags(experiment), static_cast<int>(pointers.size()), pointers.data());
  if (last_of(given, "version")) o.action = Options::version;
  if (last_of(given, "list")) o.action = Options::list;
  if (last_of(given, "help")) o.action = Options::help;
  if (o.action == Options::version) return o;
  choose_one(last_of(given, "task") || task.empty() ? "--task" : file.name + ": task", o.task,
             card.tasks);
  choose_one(last_of(given, "preset") || preset.empty() ? "--preset" : file.name + ": preset",
             o.preset, preset_names(card));
  experiment.choose(o.task, o.preset);
  if (o.action == Options::help || o.action == Options::list) return o;
  check_task(file, o.task);
  std::vector<Field> fields = experiment.fields();
  std::vector<std::string> keys = take_up(file, o, experiment);  // that the user gave
  for (const Given& g : given) {
    apply_flag(o, fields, g);
    const std::string key = g.name == "set" ? g.value.substr(0, g.value.find('=')) : g.name;
    if (const Field* field = find(fields, key)) keys.push_back(field->name);
  }
  settle_paths(fields);
  const bool asked = !o.methods.empty();
  settle_methods(o, experiment.card());
  if (o.seeds.empty())
    for (int s = 0; s < experiment.seeds(); ++s) o.seeds.push_back(static_cast<uint64_t>(s));
  if (o.threads == 0) o.threads = num_threads();
  need(!o.resume || !o.out.empty(),
       "--resume: needs the folder of the run to go on with; write --resume DIR");
  need(!o.force || !o.out.empty(), "--force: needs --out DIR");
  need(!o.resume || !o.force,
       "--resume and --force: one goes on with what is there, the other replaces it; give one of "
       "them");
  // All that can be refused without data is refused before they are read.
  experiment.check();
  check_variants(experiment, fields);
  leave_out_methods_without_rows(o, experiment, asked);
  check_used(o, experiment, keys);
  if (file.head.whole) o.notes = overridden(file, settings_of(experiment, o), from_root(o.data));
  if (o.action == Options::print_config) return o;
  if (o.action == Options::run && !o.out.empty()) check_out(o.out, o.mode());
  check_needs(o, experiment);
  if (o.action == Options::estimate)
    Progress(terminal_style(o.quiet)).say("estimate: reading or making the data of " + o.task);
  experiment.data(o.data);
  experiment.check();
  check_needs(o, experiment);
  return o;
}

}  // namespace regrad::experiment
