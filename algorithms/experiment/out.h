// The --out folder: one process at a time, no finished result lost by accident, no file ever
// half-written.
//
//   OutFolder out("runs/a", OutFolder::fresh);
//   out.write("config.json", text);  // temp file, write, fsync, rename, fsync of the folder
//   LogFile log(out.path("metrics.jsonl"));  log.write(lines);
#pragma once

#include <regrad/engine/io/files.h>

#include <string>
#include <string_view>

namespace regrad::experiment {

using regrad::DiskError;  // the process ends with 5

// A run keeps its last two checkpoints under these names.
inline constexpr const char* kCheckpoint = "checkpoint.safetensors";
inline constexpr const char* kOlderCheckpoint = "checkpoint.previous.safetensors";

// Where TensorBoard's files lie: kTensorBoard/ROW/kEvents.
inline constexpr const char* kTensorBoard = "tensorboard";
inline constexpr const char* kEvents = "events.out.tfevents.0.regrad";

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
  // Makes the subfolder that `name` lies in, where it has one.
  void make_folder_of(const std::string& name) const;
  // `name` may lie in a subfolder, which is made.
  void write(const std::string& name, std::string_view bytes) const;

 private:
  void lock();
  void take_away_old_files() const;

  std::string folder_;
  Descriptor lock_ = Descriptor();
};

// What OutFolder will refuse, and what a run could not write at its end, before anything is made:
// ConfigError as its own.
void check_out(const std::string& folder, OutFolder::Mode mode);

// ConfigError where write_file could not write such a file: its folder is missing or takes no
// files, or it is itself a folder. For what a program writes at its end, before it works.
void check_file(const std::string& flag, const std::string& file);

// Whether another process writes to the folder, and whether an experiment made it.
bool in_use(const std::string& folder);
bool looks_ours(const std::string& folder);

// A file that grows by whole lines or records. Starts with the first `keep` bytes of what is there
// (IOError where there are fewer); what is written together reaches the system in one write. One
// thread at a time.
class LogFile {
 public:
  explicit LogFile(std::string path, int64_t keep = 0);
  void write(std::string_view lines);  // whole ones, in one write
  void sync();                         // to the disk
  void close();                        // reports what closing finds; the end of the object does not

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace regrad::experiment
