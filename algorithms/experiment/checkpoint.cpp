#include <fmt/format.h>
#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/engine/error.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace regrad::experiment {
namespace {

constexpr const char* kFormat = "regrad checkpoint 2";

[[noreturn]] void throw_damaged(const std::string& file, const std::string& what) {
  throw IOError(file + ": no checkpoint of regrad's: " + what);
}

const std::string& entry(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) throw_damaged(file.where, "it lacks '" + key + "'");
  return found->second;
}

template <class T>
T number_of(const TensorFile& file, const std::string& key) {
  const std::optional<T> value = number<T>(entry(file, key));
  if (!value || *value < 0)
    throw_damaged(file.where, "'" + key + "' is '" + entry(file, key) + "'");
  return *value;
}

// Metadata are sorted by name, so the settings carry their place: "setting.007.gamma".
std::string numbered(const char* what, size_t i) { return fmt::format("{}.{:03}", what, i); }

Checkpoint read(const std::string& path) {
  Checkpoint c;
  c.tensors = load_safetensors(path);
  const TensorFile& file = c.tensors;
  if (entry(file, "format") != kFormat)
    throw_damaged(path, "its format is '" + entry(file, "format") + "', this program reads '" +
                            kFormat + "'");
  c.command = entry(file, "command");
  c.build = entry(file, "build");
  if (const auto data = file.metadata.find("data"); data != file.metadata.end())
    c.data = data->second, c.data_files = entry(file, "data_files");
  c.seconds = number_of<double>(file, "seconds");
  c.log_bytes = number_of<int64_t>(file, "log_bytes");
  for (const auto& [key, value] : file.metadata)
    if (key.starts_with("setting."))
      c.settings.emplace_back(key.substr(std::min(key.find('.', 8), key.size() - 1) + 1), value);
  const int64_t rows = number_of<int64_t>(file, "rows");
  for (int64_t r = 0; r < rows; ++r) {
    const std::string key = numbered("row", static_cast<size_t>(r));
    c.rows.push_back(row_from_json(entry(file, key), path + ": " + key));
  }
  return c;
}

// A second name for the newest checkpoint, so that it never lacks the first; file systems without
// links have it renamed.
void keep_newest_as_older(const OutFolder& out) {
  if (!out.has(kCheckpoint)) return;
  const std::string newest = out.path(kCheckpoint), older = out.path(kOlderCheckpoint),
                    link = older + ".tmp";
  ::unlink(link.c_str());
  const bool linked = ::link(newest.c_str(), link.c_str()) == 0;
  const std::string& from = linked ? link : newest;
  if (::rename(from.c_str(), older.c_str()) == 0) return;
  const int error = errno;
  if (linked) ::unlink(link.c_str());
  throw DiskError(
      older + ": cannot put the last checkpoint there: " + std::generic_category().message(error));
}

}  // namespace

std::string job_name(const Job& job) {
  return job.method + ", seed " + std::to_string(job.seed) +
         (job.variant.empty() ? "" : ", " + job.variant);
}

void save(const Checkpoint& c, const OutFolder& out) {
  Metadata about = {{"format", kFormat},
                    {"command", c.command},
                    {"build", c.build},
                    {"data", c.data},
                    {"data_files", c.data_files},
                    {"log_bytes", std::to_string(c.log_bytes)},
                    {"seconds", fmt::format("{:.3f}", c.seconds)},
                    {"rows", std::to_string(c.rows.size())}};
  for (size_t i = 0; i < c.settings.size(); ++i)
    about[numbered("setting", i) + "." + c.settings[i].first] = c.settings[i].second;
  for (size_t r = 0; r < c.rows.size(); ++r) about[numbered("row", r)] = to_json(c.rows[r]);
  keep_newest_as_older(out);
  save_safetensors(out.path(kCheckpoint), c.tensors.tensors, about);
}

bool has_checkpoint(const OutFolder& out) {
  return out.has(kCheckpoint) || out.has(kOlderCheckpoint);
}

Checkpoint load_checkpoint(const OutFolder& out,
                           const std::function<void(const std::string&)>& report) {
  if (!out.has(kOlderCheckpoint)) return read(out.path(kCheckpoint));
  if (!out.has(kCheckpoint)) return read(out.path(kOlderCheckpoint));
  try {
    return read(out.path(kCheckpoint));
  } catch (const Error& e) {
    Checkpoint older = read(out.path(kOlderCheckpoint));
    report(std::string(e.what()) + "; going on from " + kOlderCheckpoint);
    return older;
  }
}

std::vector<Difference> differences(const Settings& then, const Settings& now) {
  const auto value_in = [](const Settings& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& s) { return s.first == name; });
    return found == list.end() ? std::string() : found->second;
  };
  std::vector<Difference> out;
  for (const auto& [name, value] : now)
    if (const std::string before = value_in(then, name); before != value)
      out.push_back({name, before, value});
  for (const auto& [name, value] : then)
    if (!value.empty() &&
        std::none_of(now.begin(), now.end(), [&n = name](const auto& s) { return s.first == n; }))
      out.push_back({name, value, ""});
  return out;
}

std::string or_none(const std::string& value) { return value.empty() ? "none" : value; }

void check_same_settings(const Settings& then, const Settings& now, const std::string& folder) {
  const std::vector<Difference> all = differences(then, now);
  if (all.empty()) return;
  std::string lines;
  for (const Difference& d : all) {
    if (d.name == "experiment")
      throw ConfigError(fmt::format(
          "--resume {0}: holds a run of regrad-{1}; regrad-{1} --resume {0} goes on with it",
          folder, d.then));
    lines += fmt::format("\n  {}: the run has {}, the command line {}", d.name, or_none(d.then),
                         or_none(d.now));
    if (d.name == "task") break;
  }
  throw ConfigError(fmt::format(
      "--resume {0}: this is another run than the one in it{1}\n--resume {0} alone goes on with "
      "that; --force starts over",
      folder, lines));
}

std::string check_same_data(const Checkpoint& c, const std::string& path, const std::string& files,
                            const std::string& folder) {
  if (c.data_files.empty() || files == c.data_files) return "";
  if (path != c.data)
    check_same_settings({{"data", c.data + " (" + c.data_files + ")"}},
                        {{"data", or_none(path) + " (" + or_none(files) + ")"}}, folder);
  return "files below " + path + " have changed since the run began: " + c.data_files + " then, " +
         files + " now; where its own data did, --force starts over";
}

}  // namespace regrad::experiment
