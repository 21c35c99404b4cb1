// The --out folder: one process at a time, no finished result lost by accident, no file ever
// half-written.
//
//   OutFolder out("runs/a", OutFolder::fresh);
//   out.write("config.json", text);  // temp file, write, fsync, rename, fsync of the folder
//   JsonLines log(out.path("metrics.jsonl"));  log.write(lines);
#pragma once

#include <regrad/engine/io/files.h>

#include <string>
#include <string_view>

namespace regrad::experiment {

using regrad::DiskError;  // the process ends with 5

// A run keeps its last two checkpoints under these names.
inline constexpr const char* kCheckpoint = "checkpoint.safetensors";
inline constexpr const char* kOlderCheckpoint = "checkpoint.previous.safetensors";

// Closes an open file at its end.
struct Descriptor {
  int fd;
  explicit Descriptor(int open = -1) : fd(open) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

class OutFolder {
 public:
  // fresh: refuses a folder that is finished (has a result.json), one that holds an interrupted run
  // (has a checkpoint), and one with files that no experiment wrote. force: takes away what an
  // older run left, so that a run that is cut short does not look finished. resume: leaves all as
  // it is.
  enum Mode { fresh, force, resume };

  // Creates the folder (and its parents) and locks it until the object ends. ConfigError when it
  // cannot be created, when another process holds it, or as Mode has it.
  OutFolder(const std::string& folder, Mode mode);

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  bool has(const std::string& name) const;
  bool finished() const { return has("result.json"); }
  // `name` may lie in a subfolder, which is made.
  void write(const std::string& name, std::string_view bytes) const;

 private:
  void lock();
  void take_away_old_files() const;

  std::string folder_;
  Descriptor lock_ = Descriptor();
};

// What OutFolder will refuse, before anything is made: ConfigError as its own.
void check_out(const std::string& folder, OutFolder::Mode mode);

// A file of JSON objects, one per line. Starts with the first `keep` bytes of what is there
// (IOError where there are fewer); every line reaches the system in one write. One thread at a
// time.
class JsonLines {
 public:
  explicit JsonLines(std::string path, int64_t keep = 0);
  void write(std::string_view lines);  // whole lines, each with its newline, in one write
  void sync();                         // to the disk
  void close();                        // reports what closing finds; the end of the object does not

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace regrad::experiment
