#include <fmt/format.h>
#include <regrad/algorithms/experiment/help.h>

#include <algorithm>

namespace regrad::experiment {
namespace {

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
      {"config", "FILE",
       "a run's config.json, which alone repeats it, or JSON of some settings; flags go over it"},
      {"set", "KEY=VALUE", "one setting, as --KEY VALUE"},
      {"seed", "INT", "one seed only"},
      {"seeds", "INT", "as many paired seeds, from 0 on", "the preset's"},
      {"threads", "INT", "threads; the numbers do not depend on it", "all processors"},
      {"out", "DIR", "write config, log, result, report and checkpoints there"},
      {"resume", "",
       "--resume DIR goes on with the run in DIR and needs no other flag; with --out DIR begins it "
       "where there is none"},
      {"force", "", "replace what --out holds"},
      {"checkpoint-every", "SECONDS", "between two checkpoints in --out; 0: after every step",
       "30"},
      {"estimate", "",
       "time some steps of each method, print what the whole would cost in time and memory, and "
       "stop"},
      {"tensorboard", "",
       "write losses, scores and pictures as TensorBoard's event files too, in --out's "
       "tensorboard/"},
      {"profile", "", "print calls, time and bytes by op, and write a Chrome trace to --out"},
      {"quiet", "", "no progress on stderr"},
      {"print-config", "", "print the run's config.json, and stop"},
      {"list", "", "print tasks, presets, methods and nets, and stop"},
      {"version", "", "versions of regrad, OpenBLAS and the instruction set in use"},
      {"help", "", "this page; also -h"}};
}

std::string methods_of(const Card& card) {
  size_t width = 0;
  for (const MethodCard& m : card.methods) width = std::max(width, m.name.size());
  std::string out = "Methods (*: only where --methods names it):\n";
  for (const MethodCard& m : card.methods)
    out += fmt::format("{} {:<{}}  {}\n", m.by_default ? " " : "*", m.name, width, m.help);
  return out;
}

}  // namespace

std::vector<std::string> method_names(const Card& card, bool all) {
  std::vector<std::string> out;
  for (const MethodCard& m : card.methods)
    if (all || m.by_default) out.push_back(m.name);
  return out;
}

std::vector<std::string> preset_names(const Card& card) {
  std::vector<std::string> out = {"tiny", "small", "long", "paper"};
  out.insert(out.end(), card.more_presets.begin(), card.more_presets.end());
  return out;
}

std::vector<Flag> all_flags(Experiment& experiment) {
  std::vector<Flag> flags = frame_flags(experiment.card());
  for (const Field& field : experiment.fields()) {
    const std::string type = type_name(field);
    flags.push_back({field.name, type, field.help, text(field), "Settings", type.empty()});
  }
  return flags;
}

std::string help_text(Experiment& experiment, const Options& options) {
  experiment.choose(options.task, options.preset);
  const Card card = experiment.card();
  const std::string footer =
      methods_of(card) +
      "\nExit codes: 0 done; 1 failed; 2 command line or config; 3 data missing or\n"
      "  broken; 4 not a number; 5 disk or memory; 130, 143 interrupted.";
  return flags_help(all_flags(experiment), "regrad-" + card.name, card.about, footer);
}

std::string list_text(Experiment& experiment, const Options& options) {
  experiment.choose(options.task, options.preset);
  const Card card = experiment.card();
  std::string out = fmt::format("Tasks (--task):      {}\nPresets (--preset):  {}\n\n{}",
                                fmt::join(card.tasks, ", "), fmt::join(preset_names(card), ", "),
                                methods_of(card));
  for (const Field& field : experiment.fields())
    if (field.name == "net" || field.name == "nets")
      out += fmt::format("\nNets (--{}): {} [{}]\n", field.name, field.help, text(field));
  return wrapped("regrad-" + card.name + ", task " + options.task + "\n\n" + out);
}

}  // namespace regrad::experiment
