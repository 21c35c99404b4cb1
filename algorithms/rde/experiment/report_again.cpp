#include <regrad/algorithms/experiment/left_out.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/algorithms/rde/experiment/report_again.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/train_table.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/io/json_fields.h>
#include <regrad/engine/version.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace regrad::rde {
namespace {

using namespace experiment;

// The experiment and the options that the run had.
class Run {
 public:
  Run(const Checkpoint& c, std::string folder)
      : settings_(c.settings),
        folder_(std::move(folder)),
        tasks_(value("experiment") == "rde train" ? train_tasks() : rde_tasks()) {
    options.task = value("task"), options.preset = value("preset");
    options.methods = split(value("methods"), ',');
    for (const std::string& seed : split(value("seeds"), ','))
      options.seeds.push_back(number<uint64_t>(seed).value_or(0));
    tasks_.choose(options.task, options.preset);
    std::vector<Field> fields = tasks_.fields();
    for (size_t i = 5; i < settings_.size(); ++i) set(fields, settings_[i]);
    tasks_.check();
  }
  Experiment& experiment() { return tasks_; }

  Options options = {};

 private:
  void set(std::vector<Field>& fields, const std::pair<std::string, std::string>& setting) const {
    Field* field = find(fields, setting.first);
    if (!field || !parse(*field, setting.second))
      throw IOError(folder_ + ": its checkpoint has " + setting.first + " = '" + setting.second +
                    "', which is no setting of this version");
  }
  std::string value(const std::string& key) const {
    for (const auto& [name, text] : settings_)
      if (name == key) return text;
    throw IOError(folder_ + ": its checkpoint has no '" + key + "'");
  }

  const experiment::Settings settings_;
  const std::string folder_;
  TaskList tasks_;
};

}  // namespace

void report_again(const std::string& folder, const Print& print) {
  std::error_code unseen;
  need(std::filesystem::exists(folder + "/" + kCheckpoint, unseen) ||
           std::filesystem::exists(folder + "/" + kOlderCheckpoint, unseen),
       folder + ": no folder that a run of regrad-rde left (--out)");
  const OutFolder out(folder, OutFolder::resume);
  const Checkpoint c = load_checkpoint(
      out, [](const std::string& why) { std::fprintf(stderr, "regrad: %s\n", why.c_str()); });
  need(out.finished() &&
           std::all_of(c.rows.begin(), c.rows.end(), [](const Row& row) { return row.finished; }),
       folder + ": its run is not finished; go on with: regrad-rde --resume " + folder);
  Run run(c, folder);
  const JsonFields before(out.path("result.json"));
  run.options.threads = static_cast<int>(before.integer("threads"));
  experiment::Result result = gather(run.experiment(), run.options, c.rows);
  result.regrad = before.text("regrad"), result.seconds = before.number("seconds");
  result.peak_bytes = before.integer("peak_bytes");
  check(result);
  out.write("report.html",
            to_html({run.experiment().card(), result, with_left_out(c.rows, result),
                     read_file(out.path("config.json")), c.command,
                     run.experiment().figures(result), epochs_of(run.experiment())}));
  print(table(result, screen_of_stdout()) + "\nreport: " + out.path("report.html") + "\n");
}

}  // namespace regrad::rde
