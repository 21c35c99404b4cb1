// The --out folder: one process at a time, no finished result lost by accident, no file ever half-written.
//
//   OutFolder out("runs/a", /*force=*/false);    // creates it, locks it, refuses a finished one
//   out.write("config.json", text);              // temp file, write, fsync, rename, fsync of the folder
//   JsonLines log(out.path("metrics.jsonl"));    log.write({{"seed", 0}, {"step", 100}, {"loss", 0.31}});
#pragma once

#include <regrad/engine/files.h>

#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace regrad::experiment {

using regrad::DiskError;  // the process ends with 5

class OutFolder {
 public:
  // Creates the folder (and its parents) and locks it until the object ends. ConfigError when it cannot be created, when another
  // process holds it, when it is finished (has a result.json), or when it holds files that no experiment wrote; `force` lifts the last
  // two, and then takes away the old result first, so that a run that is cut short does not look finished.
  OutFolder(const std::string& folder, bool force);
  ~OutFolder();
  OutFolder(const OutFolder&) = delete;
  OutFolder& operator=(const OutFolder&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& bytes) const { write_file(path(name), bytes); }

 private:
  void lock();

  std::string folder_;
  int lock_ = -1;
};

// One value of a record; a double that is not finite is written as null.
struct Value {
  Value(int value) : data(static_cast<int64_t>(value)) {}
  Value(int64_t value) : data(value) {}
  Value(uint64_t value) : data(value) {}
  Value(double value) : data(value) {}
  Value(bool value) : data(value) {}
  Value(const char* value) : data(std::string(value)) {}
  Value(std::string value) : data(std::move(value)) {}
  std::variant<int64_t, uint64_t, double, bool, std::string> data;
};
using Record = std::vector<std::pair<std::string, Value>>;

// The record as one line of JSON, without the newline.
std::string to_json(const Record& record);

// A file of JSON objects, one a line. Starts empty; every line reaches the system in one write. Safe to use from any thread.
class JsonLines {
 public:
  explicit JsonLines(std::string path);
  ~JsonLines();
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;

  void write(const Record& record);

 private:
  std::string path_;
  std::mutex mutex_;
  int fd_;
};

}  // namespace regrad::experiment
