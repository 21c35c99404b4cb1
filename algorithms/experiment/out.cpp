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

}  // namespace

OutFolder::OutFolder(const std::string& folder, Mode mode) : folder_(folder) {
  std::error_code error;
  fs::create_directories(folder_, error);
  std::error_code unseen;
  if (!fs::is_directory(folder_, unseen)) {
    throw ConfigError("--out " + folder_ + ": cannot create the folder: " + (error ? error.message() : "a file of that name is in the way"));
  }
  const bool ours = has(kLock) || has(kCheckpoint) || has(kOlderCheckpoint);  // a copy may lack the lock
  if (!ours && mode != force && !fs::is_empty(folder_, error)) {
    throw ConfigError("--out " + folder_ + ": the folder has files that no experiment wrote; give another, or --force to write among them");
  }
  lock();
  try {
    if (mode == fresh) refuse_what_is_there();
    if (mode != resume && ours) take_away_old_files();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

bool OutFolder::has(const std::string& name) const {
  std::error_code unseen;
  return fs::exists(path(name), unseen);
}

void OutFolder::refuse_what_is_there() const {
  if (finished()) throw ConfigError("--out " + folder_ + ": holds a finished result (result.json); give another folder, or --force to replace it");
  if (has(kCheckpoint) || has(kOlderCheckpoint)) {
    throw ConfigError("--out " + folder_ + ": holds an interrupted run; --resume goes on with it, --force starts over");
  }
}

// result.json goes first: without it the folder does not look finished.
void OutFolder::take_away_old_files() const {
  std::vector<std::string> old = {path("result.json"), path("report.html"), path("config.json"), path(kCheckpoint), path(kOlderCheckpoint)};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    if (name.compare(0, 6, "curve-") == 0 && entry.path().extension() == ".svg") old.push_back(path(name));
  }
  for (const auto& entry : fs::directory_iterator(path("models"), none)) {
    if (entry.path().extension() == ".safetensors") old.push_back(path("models/" + entry.path().filename().string()));
  }
  for (const std::string& name : old) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) throw_disk(name, "remove the old file", errno);
  }
}

void OutFolder::make_folder(const std::string& name) const {
  std::error_code error;
  fs::create_directories(path(name), error);
  if (error) throw_disk(path(name), "create the folder", error.value());
}

void OutFolder::write(const std::string& name, std::string_view bytes) const {
  if (const size_t slash = name.rfind('/'); slash != std::string::npos) make_folder(name.substr(0, slash));
  write_file(path(name), bytes);
}

void OutFolder::lock() {
  const std::string name = path(kLock);
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw ConfigError("--out " + folder_ + ": cannot create " + kLock + " in it: " + system_words(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    char owner[32] = {};
    const ssize_t got = ::pread(lock_, owner, sizeof owner - 1, 0);
    ::close(lock_);
    if (error != EWOULDBLOCK) throw ConfigError("--out " + folder_ + ": cannot lock it: " + system_words(error));
    const std::string process = got > 0 ? "process " + std::string(owner, std::strcspn(owner, "\n")) : "another process";
    throw ConfigError("--out " + folder_ + ": is in use by " + process + "; wait for it, or give another folder");
  }
  const std::string owner = std::to_string(::getpid()) + "\n";
  const bool written = ::ftruncate(lock_, 0) == 0 && ::pwrite(lock_, owner.data(), owner.size(), 0) == static_cast<ssize_t>(owner.size());
  if (!written) {
    const int error = errno;
    ::close(lock_);
    throw_disk(name, "write to the file", error);
  }
}

OutFolder::~OutFolder() { ::close(lock_); }

JsonLines::JsonLines(std::string path, int64_t keep)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (fd_ < 0) throw_disk(path_, "create the file", errno);
  struct stat about {};
  const bool known = ::fstat(fd_, &about) == 0;
  const bool long_enough = known && about.st_size >= keep;
  if (long_enough && (!S_ISREG(about.st_mode) || ::ftruncate(fd_, keep) == 0)) return;  // pipes and devices have nothing to cut
  const int error = errno;
  ::close(fd_);
  if (known && !long_enough) {
    throw IOError(path_ + ": ends at byte " + std::to_string(about.st_size) + ", but the checkpoint was written after byte " + std::to_string(keep) +
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
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) throw_disk(path_, "close the file", errno);
}

}  // namespace regrad::experiment
