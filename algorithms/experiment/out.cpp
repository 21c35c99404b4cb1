#include <fcntl.h>
#include <regrad/algorithms/experiment/out.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
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

// A file descriptor that closes itself; close() reports what closing found.
struct File {
  int fd;
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int close() {
    const int closed = std::exchange(fd, -1);
    return ::close(closed) == 0 ? 0 : errno;
  }
};

void sync_folder(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  const std::string name = folder.empty() ? "." : folder;
  File file(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd < 0) throw_disk(name, "open the folder", errno);
  if (::fsync(file.fd) != 0 && errno != EINVAL) throw_disk(name, "sync the folder", errno);  // EINVAL: this file system has no such thing
}

void write_temp(const std::string& temp, const std::string& bytes) {
  File file(::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.fd < 0) throw_disk(temp, "create the file", errno);
  write_all(file.fd, temp, bytes);
  if (::fsync(file.fd) != 0) throw_disk(temp, "sync the file", errno);
  if (const int error = file.close()) throw_disk(temp, "close the file", error);
}

}  // namespace

std::string read_file(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) throw IOError(path + ": cannot open the file: " + system_words(errno));
  std::string bytes;
  char block[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.fd, block, sizeof block);
    if (got == 0) return bytes;
    if (got > 0) bytes.append(block, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) throw IOError(path + ": cannot read at byte " + std::to_string(bytes.size()) + ": " + system_words(errno));
  }
}

void write_all(int fd, const std::string& path, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (wrote >= 0) done += static_cast<size_t>(wrote);
    if (wrote < 0 && errno != EINTR) throw_disk(path, "write to the file", errno);
  }
}

void write_file(const std::string& path, const std::string& bytes) {
  const std::string temp = path + ".tmp";
  try {
    write_temp(temp, bytes);
    if (::rename(temp.c_str(), path.c_str()) != 0) throw_disk(path, "put the new file in place", errno);
  } catch (...) {
    ::unlink(temp.c_str());
    throw;
  }
  sync_folder(path);
}

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
