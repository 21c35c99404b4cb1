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

void check_same_settings(const Checkpoint& c, const Settings& now, const std::string& folder) {
  const auto value_in = [](const Settings& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& s) { return s.first == name; });
    return found == list.end() ? std::string("not there") : found->second;
  };
  std::vector<std::string> differ;
  for (const Settings* list : {&now, &c.settings}) {
    for (const auto& [name, value] : *list) {
      const std::string then = value_in(c.settings, name), here = value_in(now, name);
      if (then != here && (list == &now || here == "not there"))
        differ.push_back(name + " was " + then + " and is now " + here);
    }
  }
  if (differ.empty()) return;
  throw ConfigError(
      fmt::format("--resume: {} holds a run with other settings: {}. It was begun by "
                  "'{}'; give the same flags with --resume, or --force to start over",
                  folder, joined(differ, "; "), c.command));
}

}  // namespace regrad::experiment
