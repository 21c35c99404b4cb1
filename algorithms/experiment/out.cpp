#include <fcntl.h>
#include <regrad/algorithms/experiment/out.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

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

[[noreturn]] void cannot_create(const std::string& folder, const std::string& why) {
  throw ConfigError("--out " + folder + ": cannot create the folder: " + why);
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
    throw ConfigError("--out " + folder +
                      ": the folder has files that no experiment wrote; give another, or --force "
                      "to write among them");
}

[[noreturn]] void in_use(const std::string& folder, int lock) {
  char owner[32] = {};
  const ssize_t got = ::pread(lock, owner, sizeof owner - 1, 0);
  ::close(lock);
  const std::string process =
      got > 0 ? "process " + std::string(owner, std::strcspn(owner, "\n")) : "another process";
  throw ConfigError("--out " + folder + ": is in use by " + process +
                    "; wait for it, or give another folder");
}
void refuse_where_in_use(const std::string& folder) {
  const int lock = ::open((folder + "/" + kLock).c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return;
  if (::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) in_use(folder, lock);
  ::close(lock);
}

void refuse_what_is_there(const std::string& folder) {
  if (is_in(folder, "result.json"))
    throw ConfigError(
        "--out " + folder +
        ": holds a finished result (result.json); give another folder, or --force to replace it");
  if (has_checkpoint_file(folder))
    throw ConfigError("--out " + folder +
                      ": holds an interrupted run; --resume goes on with it, --force starts over");
}

}  // namespace

OutFolder::OutFolder(const std::string& folder, Mode mode) : folder_(folder) {
  std::error_code error;
  fs::create_directories(folder_, error);
  std::error_code unseen;
  if (!fs::is_directory(folder_, unseen))
    cannot_create(folder_, error ? error.message() : "a file of that name is in the way");
  const bool ours = is_ours(folder_);
  refuse_files_of_others(folder_, mode);
  lock();
  try {
    if (mode == fresh) refuse_what_is_there(folder_);
    if (mode != resume && ours) take_away_old_files();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

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
}

// result.json goes first: without it the folder does not look finished.
void OutFolder::take_away_old_files() const {
  std::vector<std::string> old = {path("result.json"), path("report.html"), path("config.json"),
                                  path(kCheckpoint), path(kOlderCheckpoint)};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    if (name.compare(0, 6, "curve-") == 0 && entry.path().extension() == ".svg")
      old.push_back(path(name));
  }
  for (const auto& entry : fs::directory_iterator(path("models"), none)) {
    if (entry.path().extension() == ".safetensors")
      old.push_back(path("models/" + entry.path().filename().string()));
  }
  for (const std::string& name : old) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT)
      throw_disk(name, "remove the old file", errno);
  }
}

void OutFolder::make_folder(const std::string& name) const {
  std::error_code error;
  fs::create_directories(path(name), error);
  if (error) throw_disk(path(name), "create the folder", error.value());
}

void OutFolder::write(const std::string& name, std::string_view bytes) const {
  if (const size_t slash = name.rfind('/'); slash != std::string::npos)
    make_folder(name.substr(0, slash));
  write_file(path(name), bytes);
}

void OutFolder::lock() {
  const std::string name = path(kLock);
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    throw ConfigError("--out " + folder_ + ": cannot create " + kLock +
                      " in it: " + system_words(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) in_use(folder_, lock_);
    ::close(lock_);
    throw ConfigError("--out " + folder_ + ": cannot lock it: " + system_words(error));
  }
  const std::string owner = std::to_string(::getpid()) + "\n";
  const bool written =
      ::ftruncate(lock_, 0) == 0 &&
      ::pwrite(lock_, owner.data(), owner.size(), 0) == static_cast<ssize_t>(owner.size());
  if (!written) {
    const int error = errno;
    ::close(lock_);
    throw_disk(name, "write to the file", error);
  }
}

OutFolder::~OutFolder() { ::close(lock_); }

JsonLines::JsonLines(std::string path, int64_t keep)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (fd_ < 0) throw_disk(path_, "create the file", errno);
  struct stat about {};
  const bool known = ::fstat(fd_, &about) == 0;
  const bool long_enough = known && about.st_size >= keep;
  // pipes and devices have nothing to cut
  if (long_enough && (!S_ISREG(about.st_mode) || ::ftruncate(fd_, keep) == 0)) return;
  const int error = errno;
  ::close(fd_);
  if (known && !long_enough) {
    throw IOError(path_ + ": ends at byte " + std::to_string(about.st_size) +
                  ", but the checkpoint was written after byte " + std::to_string(keep) +
                  "; the file was changed since, so --force must start over");
  }
  throw_disk(path_, "cut the file", error);
}

JsonLines::~JsonLines() {
  if (fd_ >= 0) ::close(fd_);
}

void JsonLines::write(std::string_view lines) { write_all(fd_, path_, lines); }

void JsonLines::sync() {
  while (::fsync(fd_) != 0) {
    if (errno == EINVAL) return;  // a pipe or a device, which has no disk
    if (errno != EINTR) throw_disk(path_, "sync the file", errno);
  }
}

void JsonLines::close() {
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && errno != EINTR)
    throw_disk(path_, "close the file", errno);
}

}  // namespace regrad::experiment
