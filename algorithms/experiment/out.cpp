#include <fcntl.h>
#include <fmt/format.h>
#include <regrad/algorithms/experiment/out.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace regrad::experiment {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = ".regrad-lock";  // also the mark of a folder that an experiment made

std::string system_words(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_disk(const std::string& path, const char* doing, int error) {
  std::string message = path + ": cannot " + doing + ": " + system_words(error);
  if (error == ENOSPC || error == EDQUOT) message += "; free some space or give another --out";
  throw DiskError(message);
}

[[noreturn]] void refuse(const std::string& folder, const std::string& why) {
  throw ConfigError("--out " + folder + ": " + why);
}
[[noreturn]] void cannot_create(const std::string& folder, const std::string& why) {
  refuse(folder, "cannot create the folder: " + why);
}

bool is_in(const std::string& folder, const std::string& name) {
  std::error_code unseen;
  return fs::exists(folder + "/" + name, unseen);
}
bool has_checkpoint_file(const std::string& folder) {
  return is_in(folder, kCheckpoint) || is_in(folder, kOlderCheckpoint);
}
// a copy may lack the lock
bool is_ours(const std::string& folder) {
  return is_in(folder, kLock) || has_checkpoint_file(folder);
}

void refuse_files_of_others(const std::string& folder, OutFolder::Mode mode) {
  std::error_code error;
  if (!is_ours(folder) && mode != OutFolder::force && !fs::is_empty(folder, error))
    refuse(folder,
           "the folder has files that no experiment wrote; give another, or --force to write among "
           "them");
}

[[noreturn]] void throw_in_use(const std::string& folder, const Descriptor& lock) {
  char owner[32] = {};
  const ssize_t got = ::pread(lock.fd, owner, sizeof owner - 1, 0);
  refuse(folder, "is in use by " +
                     (got > 0 ? "process " + std::string(owner, std::strcspn(owner, "\n"))
                              : "another process") +
                     "; wait for it, or give another folder");
}
bool is_held(const Descriptor& lock) {
  return lock.fd >= 0 && ::flock(lock.fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}
Descriptor lock_of(const std::string& folder) {
  return Descriptor(::open((folder + "/" + kLock).c_str(), O_RDONLY | O_CLOEXEC));
}
void refuse_where_in_use(const std::string& folder) {
  if (const Descriptor lock = lock_of(folder); is_held(lock)) throw_in_use(folder, lock);
}

void refuse_what_is_there(const std::string& folder) {
  if (is_in(folder, "result.json"))
    refuse(folder,
           "holds a finished result (result.json); give another folder, or --force to replace it");
  if (has_checkpoint_file(folder))
    refuse(folder, "holds an interrupted run; --resume goes on with it, --force starts over");
}

// A run's work must not end at a file that cannot be written.
void refuse_what_is_in_the_way(const std::string& folder) {
  std::error_code unseen;
  for (const char* name : {"config.json", "metrics.jsonl", "metrics.csv", "result.json",
                           "report.html", "profile.trace.json", kCheckpoint, kOlderCheckpoint}) {
    const std::string path = folder + "/" + name;
    if (fs::is_directory(path, unseen))
      refuse(folder, std::string(name) +
                         " in it is a folder, and a run writes a file there; move "
                         "it, or give another folder");
    if (fs::is_regular_file(path, unseen) && ::access(path.c_str(), W_OK) != 0)
      refuse(folder, std::string(name) + " in it cannot be written: " + system_words(errno));
  }
  for (const char* name : {"models", kTensorBoard}) {
    const std::string path = folder + "/" + name;
    if (!fs::exists(path, unseen)) continue;
    if (!fs::is_directory(path, unseen))
      refuse(folder, std::string(name) +
                         " in it is a file, and a run makes a folder there; move "
                         "it, or give another folder");
    if (::access(path.c_str(), W_OK | X_OK) != 0)
      refuse(folder, std::string(name) + " in it cannot be written: " + system_words(errno));
  }
}

// Creates what is not there; how that failed, or nothing.
std::error_code make_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd >= 0) ::close(fd);
}

OutFolder::OutFolder(const std::string& folder, Mode mode) : folder_(folder) {
  const std::error_code error = make_folder(folder_);
  std::error_code unseen;
  if (!fs::is_directory(folder_, unseen))
    cannot_create(folder_, error ? error.message() : "a file of that name is in the way");
  const bool ours = is_ours(folder_);
  refuse_files_of_others(folder_, mode);
  lock();
  if (mode == fresh) refuse_what_is_there(folder_);
  if (mode != resume && ours) take_away_old_files();
}

bool in_use(const std::string& folder) {
  const Descriptor lock = lock_of(folder);
  return is_held(lock);
}
bool looks_ours(const std::string& folder) { return is_ours(folder); }

bool OutFolder::has(const std::string& name) const { return is_in(folder_, name); }

// The folder need not be there; what it is made in must take files.
void check_out(const std::string& folder, OutFolder::Mode mode) {
  std::error_code unseen;
  fs::path at = folder;
  while (!fs::exists(at, unseen)) {
    const fs::path above =
        at.has_parent_path() && at.parent_path() != at ? at.parent_path() : fs::path(".");
    if (above == at) break;
    at = above;
  }
  if (!fs::is_directory(at, unseen)) cannot_create(folder, at.string() + " is in the way");
  if (::access(at.c_str(), W_OK | X_OK) != 0)
    cannot_create(folder, at.string() + ": " + system_words(errno));
  if (!fs::is_directory(folder, unseen)) return;
  refuse_files_of_others(folder, mode);
  refuse_where_in_use(folder);
  if (mode == OutFolder::fresh) refuse_what_is_there(folder);
  refuse_what_is_in_the_way(folder);
}

// result.json goes first: without it the folder does not look finished.
void OutFolder::take_away_old_files() const {
  std::vector<std::string> old = {path("result.json"), path("report.html"), path("config.json"),
                                  path("metrics.csv"), path(kCheckpoint),   path(kOlderCheckpoint)};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_, none))
    if (entry.path().filename().string().starts_with("curve-") &&
        entry.path().extension() == ".svg")
      old.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(path("models"), none))
    if (entry.path().extension() == ".safetensors") old.push_back(entry.path());
  for (const auto& entry : fs::recursive_directory_iterator(path(kTensorBoard), none))
    if (entry.path().filename() == kEvents) old.push_back(entry.path());
  for (const std::string& name : old)
    if (::unlink(name.c_str()) != 0 && errno != ENOENT)
      throw_disk(name, "remove the old file", errno);
  // a folder that is there asks for TensorBoard's files; one with files of others stays
  for (const auto& entry : fs::directory_iterator(path(kTensorBoard), none))
    if (entry.is_directory(none)) fs::remove(entry.path(), none);
  fs::remove(path(kTensorBoard), none);
}

void OutFolder::make_folder_of(const std::string& name) const {
  if (name.find('/') == std::string::npos) return;
  const std::string folder = path(name.substr(0, name.rfind('/')));
  if (const std::error_code error = make_folder(folder))
    throw_disk(folder, "create the folder", error.value());
}

void OutFolder::write(const std::string& name, std::string_view bytes) const {
  make_folder_of(name);
  write_file(path(name), bytes);
}

void OutFolder::lock() {
  lock_.fd = ::open(path(kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_.fd < 0)
    refuse(folder_, std::string("cannot create ") + kLock + " in it: " + system_words(errno));
  if (::flock(lock_.fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) throw_in_use(folder_, lock_);
    refuse(folder_, "cannot lock it: " + system_words(errno));
  }
  const std::string owner = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_.fd, 0) != 0 ||
      ::pwrite(lock_.fd, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size()))
    throw_disk(path(kLock), "write to the file", errno);
}

LogFile::LogFile(std::string path, int64_t keep)
    : path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.fd < 0) throw_disk(path_, "create the file", errno);
  struct stat about {};
  if (::fstat(file_.fd, &about) != 0) throw_disk(path_, "cut the file", errno);
  if (about.st_size < keep)
    throw IOError(fmt::format(
        "{}: ends at byte {}, but the checkpoint was written after byte {}; the file was changed "
        "since, so --force must start over",
        path_, about.st_size, keep));
  // pipes and devices have nothing to cut
  if (S_ISREG(about.st_mode) && ::ftruncate(file_.fd, keep) != 0)
    throw_disk(path_, "cut the file", errno);
}

void LogFile::write(std::string_view lines) { write_all(file_.fd, path_, lines); }

void LogFile::sync() {
  while (::fsync(file_.fd) != 0) {
    if (errno == EINVAL) return;  // a pipe or a device, which has no disk
    if (errno != EINTR) throw_disk(path_, "sync the file", errno);
  }
}

void LogFile::close() {
  if (file_.fd >= 0 && ::close(std::exchange(file_.fd, -1)) != 0 && errno != EINTR)
    throw_disk(path_, "close the file", errno);
}

}  // namespace regrad::experiment
