#include <regrad/algorithms/experiment/json_text.h>
#include <regrad/algorithms/experiment/run_config.h>
#include <regrad/engine/version.h>

#include <filesystem>

namespace regrad::experiment {
namespace {

constexpr const char* kSettings = "settings";

// Those of the run, then the experiment's own, in "settings" where the file has them there.
std::vector<Field> all_fields(RunConfig& run, const std::vector<Field>& settings, bool apart) {
  std::vector<Field> out = fields(run);
  for (Field field : settings) {
    if (apart) field.name = std::string(kSettings) + "." + field.name;
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace

RunConfig heading(const std::string& json) {
  RunConfig run;
  run.experiment = text_in(json, "experiment");
  run.task = text_in(json, "task");
  run.preset = text_in(json, "preset");
  run.whole = has_object(json, kSettings);
  return run;
}

RunConfig read_config(std::vector<Field>& settings, const std::string& json,
                      const std::string& file) {
  RunConfig run;
  run.whole = has_object(json, kSettings);
  std::vector<Field> all = all_fields(run, settings, run.whole);
  from_json(all, json, file);
  return run;
}

std::string config_json(Experiment& experiment, const Options& o) {
  RunConfig run{version(), experiment.card().name, o.task,        o.preset, o.methods,
                o.seeds,   from_root(o.data),      /*whole=*/true};
  return to_json(all_fields(run, experiment.fields(), true));
}

std::string from_root(const std::string& path) {
  return path.empty() ? "" : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace regrad::experiment
