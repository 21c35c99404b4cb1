#include <regrad/algorithms/experiment/config_file.h>
#include <regrad/engine/error.h>

#include <filesystem>

namespace regrad::experiment {
namespace {

// A config that cannot be read is a mistake on the command line, not in a data set.
std::string text_of(const std::string& flag, const std::string& file) {
  try {
    return read_file(file);
  } catch (const IOError& e) {
    throw ConfigError(flag + " " + e.what());
  }
}

bool is_file(const std::string& path) {
  std::error_code unseen;
  return std::filesystem::exists(path, unseen);
}

ConfigFile of_run(const Words& words, const std::string& folder) {
  ConfigFile out;
  const std::string name = folder + "/config.json";
  const bool begun = is_file(name) || is_file(folder + "/" + kCheckpoint) ||
                     is_file(folder + "/" + kOlderCheckpoint);
  need(begun || words.resumed.empty(),
       "--resume " + folder + ": holds no run to go on with; give the folder of one");
  if (!is_file(name)) return out;
  out.text = text_of("--resume", name);
  out.head = heading(out.text);
  if (!out.head.whole) return {};  // of settings alone, as runs once had it: flags say the rest
  out.name = name, out.folder = folder;
  return out;
}

}  // namespace

Words::Words(int argc, const char* const* argv) {
  const std::string flag = "--resume";
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i], next = i + 1 < argc ? argv[i + 1] : "";
    const bool joined_on = i > 0 && word.starts_with(flag + "=");
    if (joined_on) resumed = word.substr(flag.size() + 1);
    const bool apart = i > 0 && word == flag && !next.empty() && next[0] != '-';
    if (apart) resumed = next, ++i;
    list.push_back(joined_on || apart ? flag : word);
  }
  if (resumed.empty()) return;
  const std::string out = early("out", resumed);
  need(from_root(out) == from_root(resumed),
       "--out " + out + " and --resume " + resumed + ": two folders; give one of them");
  list.insert(list.end(), {"--out", resumed});
}

std::vector<const char*> Words::pointers() const {
  std::vector<const char*> out;
  for (const std::string& word : list) out.push_back(word.c_str());
  return out;
}

std::string Words::early(const std::string& name, const std::string& otherwise) const {
  std::string out = otherwise;
  for (size_t i = 1; i < list.size(); ++i) {
    const std::string& word = list[i];
    if (word == "--" + name && i + 1 < list.size())
      out = list[++i];
    else if (word.starts_with("--" + name + "="))
      out = word.substr(name.size() + 3);
  }
  return out;
}

ConfigFile config_file(const Words& words, const std::string& experiment) {
  ConfigFile out;
  const std::string file = words.early("config", ""), folder = words.early("out", "");
  const bool resumes = words.has("--resume") && !folder.empty();
  if (!file.empty()) {
    out.name = file, out.text = text_of("--config", file);
    out.head = heading(out.text);
  } else if (resumes) {
    out = of_run(words, folder);
  }
  const std::string& other = out.head.experiment;
  if (other.empty() || other == experiment) return out;
  throw ConfigError(out.folder.empty()
                        ? "--config " + file + ": is a run of regrad-" + other + "; regrad-" +
                              other + " --config " + file + " repeats it"
                        : "--resume " + folder + ": holds a run of regrad-" + other + "; regrad-" +
                              other + " --resume " + folder + " goes on with it");
}

void check_task(const ConfigFile& file, const std::string& task) {
  if (file.head.task.empty() || file.head.task == task) return;
  if (!file.folder.empty())
    check_same_settings({{"task", file.head.task}}, {{"task", task}}, file.folder);
  throw ConfigError("--task " + task + ": the settings in " + file.name + " are of task " +
                    file.head.task + "; leave out --task or --config");
}

std::vector<std::string> overridden(const ConfigFile& file, const Settings& now,
                                    const std::string& data) {
  if (!file.folder.empty()) check_same_settings(file.then, now, file.folder);
  std::vector<std::string> out;
  if (!file.folder.empty()) return out;
  std::vector<Difference> all = differences(file.then, now);
  if (data != file.data) all.push_back({"data", file.data, data});
  for (const Difference& d : all)
    out.push_back(d.name + ": " + file.name + " has " + or_none(d.then) + ", the command line " +
                  or_none(d.now));
  return out;
}

}  // namespace regrad::experiment
