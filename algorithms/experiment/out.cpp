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

OutFolder::OutFolder(const std::string& folder, bool force) : folder_(folder) {
  std::error_code error;
  fs::create_directories(folder_, error);
  std::error_code unseen;
  if (!fs::is_directory(folder_, unseen)) {
    throw ConfigError("--out " + folder_ + ": cannot create the folder: " + (error ? error.message() : "a file of that name is in the way"));
  }
  const bool ours = fs::exists(path(kLock));
  if (!ours && !force && !fs::is_empty(folder_, error)) {
    throw ConfigError("--out " + folder_ + ": the folder has files that no experiment wrote; give another, or --force to write among them");
  }
  lock();
  try {
    if (fs::exists(path("result.json")) && !force) {
      throw ConfigError("--out " + folder_ + ": holds a finished result (result.json); give another folder, or --force to replace it");
    }
    for (const char* old : {"result.json", "report.html", "config.json"}) {
      if (::unlink(path(old).c_str()) != 0 && errno != ENOENT) throw_disk(path(old), "remove the old file", errno);
    }
  } catch (...) {
    ::close(lock_);
    throw;
  }
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

JsonLines::JsonLines(std::string path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)) {
  if (fd_ < 0) throw_disk(path_, "create the file", errno);
}

JsonLines::~JsonLines() { ::close(fd_); }

void JsonLines::write(const Record& record) {
  const std::string line = to_json(record) + "\n";
  const std::lock_guard<std::mutex> guard(mutex_);
  write_all(fd_, path_, line);
}

}  // namespace regrad::experiment
