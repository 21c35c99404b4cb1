#include <fmt/format.h>
#include <regrad/algorithms/experiment/csv.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run_folder.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "/config.json";
constexpr const char* kResult = "/result.json";

bool is_there(const std::string& path) {
  std::error_code unseen;
  return fs::exists(path, unseen);
}

std::string value_of(const Settings& config, const std::string& key) {
  for (const auto& [name, value] : config)
    if (name == key) return value;
  return "";
}

// The newest change of a run's files.
fs::file_time_type changed(const std::string& folder) {
  fs::file_time_type out = fs::file_time_type::min();
  std::error_code unseen;
  for (const char* file : {"/config.json", "/result.json", "/metrics.jsonl"})
    if (const auto time = fs::last_write_time(folder + file, unseen); !unseen)
      out = std::max(out, time);
  return out;
}

// How far the checkpoint is, and of what.
void read_progress(RunFolder& run) {
  for (const char* name : {kCheckpoint, kOlderCheckpoint}) {
    const std::string path = run.folder + "/" + name;
    if (!is_there(path)) continue;
    const SafeTensors file(path);
    for (const auto& [key, value] : file.metadata()) {
      if (key == "seconds") run.seconds = number<double>(value).value_or(0);
      // of runs whose config.json does not say
      for (const auto& [part, to] : {std::pair(".experiment", &run.result.experiment),
                                     {".task", &run.result.task},
                                     {".preset", &run.result.preset}})
        if (key.starts_with("setting.") && key.substr(11) == part && to->empty()) *to = value;
      if (!key.starts_with("row.")) continue;
      ++run.rows;
      run.rows_done += value.find("\"finished\":true") != std::string::npos;
    }
    return;
  }
}

void read_all(RunFolder& run) {
  const bool config = is_there(run.folder + kConfig), result = is_there(run.folder + kResult);
  if (config) {
    const std::string file = run.folder + kConfig;
    for (auto& [key, value] : leaves(read_file(file), file)) {
      const bool setting = key.starts_with("settings.");
      run.config.emplace_back(setting ? key.substr(std::string("settings.").size()) : key, value);
    }
  }
  run.result.experiment = value_of(run.config, "experiment");
  run.result.task = value_of(run.config, "task");
  run.result.preset = value_of(run.config, "preset");
  run.state = in_use(run.folder) ? RunFolder::running
              : result           ? RunFolder::finished
                                 : RunFolder::interrupted;
  if (result) run.result = run_result(read_file(run.folder + kResult), run.folder + kResult);
  run.seconds = run.result.seconds;
  if (!result) read_progress(run);
}

void find_below(const std::string& folder, std::vector<RunFolder>& out) {
  if (is_run(folder)) return out.push_back(read_run(folder));
  std::error_code unseen;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, unseen);
       at != fs::directory_iterator(); at.increment(unseen)) {
    std::error_code gone;
    if (at->is_directory(gone) && !at->is_symlink(gone)) find_below(at->path().string(), out);
  }
}

// The fields of a line of CSV (csv.h).
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out = {""};
  bool inside = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool quote = line[i] == '"';
    if (quote && inside && i + 1 < line.size() && line[i + 1] == '"')
      out.back() += line[++i];
    else if (quote)
      inside = !inside;
    else if (line[i] == ',' && !inside)
      out.emplace_back();
    else
      out.back() += line[i];
  }
  return out;
}

template <class T>
T& at(std::vector<std::pair<std::string, T>>& list, const std::string& key) {
  for (auto& [name, value] : list)
    if (name == key) return value;
  return list.emplace_back(key, T()).second;
}

}  // namespace

bool is_run(const std::string& folder) {
  return is_there(folder + kResult) ? is_there(folder + "/metrics.jsonl")
                                    : is_there(folder + kConfig) && looks_ours(folder);
}

RunFolder read_run(const std::string& folder) {
  RunFolder run{folder};
  run.changed = changed(folder);
  try {
    read_all(run);
  } catch (const Error& e) {
    run.state = RunFolder::damaged, run.problem = e.what();
  }
  return run;
}

std::vector<RunFolder> find_runs(const std::vector<std::string>& folders) {
  std::vector<RunFolder> out;
  for (const std::string& folder : folders) {
    std::error_code unseen;
    need(fs::is_directory(folder, unseen), folder + ": no such folder");
    find_below(folder, out);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const RunFolder& a, const RunFolder& b) { return a.changed > b.changed; });
  return out;
}

const char* name(RunFolder::State state) {
  constexpr const char* names[] = {"finished", "interrupted", "running", "damaged"};
  return names[state];
}

std::string headline(const RunFolder& run) {
  if (run.state == RunFolder::damaged) return run.problem;
  if (run.state != RunFolder::finished)
    return run.rows == 0 ? "not begun" : fmt::format("{} of {} rows done", run.rows_done, run.rows);
  const RunResult& r = run.result;
  const Measured* best = nullptr;
  for (const Measured& m : r.values) {
    if (m.metric != r.metric || !std::isfinite(m.mean)) continue;
    if (!best || (r.better == Better::lower ? m.mean < best->mean : m.mean > best->mean)) best = &m;
  }
  return best ? r.metric + " " + with_interval(best->mean, best->ci95, false) + " (" +
                    best->method + ")"
              : "no " + r.metric;
}

std::vector<Curves> read_curves(const std::string& folder) {
  const std::string file = folder + "/metrics.csv";
  std::vector<Curves> out;
  if (!is_there(file)) return out;  // of an older regrad
  std::map<std::pair<std::string, std::string>, size_t> places;
  std::map<const double*, int> counts;
  const std::string text = read_file(file);
  int64_t number_of_line = 0;
  for (size_t from = 0, end = 0; from < text.size(); from = end + 1) {
    end = std::min(text.find('\n', from), text.size());
    if (++number_of_line == 1) continue;  // the header
    const std::vector<std::string> cells = fields_of(text.substr(from, end - from));
    const auto step = cells.size() == 6 ? number<int64_t>(cells[3]) : std::nullopt;
    if (!step) {
      if (end == text.size()) break;  // a run that is writing it
      throw IOError(fmt::format("{}:{}: no row of metrics.csv", file, number_of_line));
    }
    const auto value = number<double>(cells[5]);
    if (!value) continue;
    const auto [place, is_new] = places.try_emplace({cells[4], cells[1]}, out.size());
    if (is_new) out.push_back({cells[4], cells[1]});
    double& mean = at(out[place->second].methods, cells[0])[*step];
    int& count = counts[&mean];
    mean += (*value - mean) / ++count;
  }
  return out;
}

}  // namespace regrad::experiment
