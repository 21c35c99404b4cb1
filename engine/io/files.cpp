#include <regrad/engine/io/files.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace regrad {
namespace {

std::string system_words(int error) { return std::generic_category().message(error); }

// needed: bytes that the file is to hold; 0 where that is not the point.
[[noreturn]] void throw_disk(const std::string& path, const char* doing, int error,
                             size_t needed = 0) {
  std::string message = path + ": cannot " + doing + ": " + system_words(error);
  if (needed) message += "; " + std::to_string(needed) + " bytes are needed";
  if (error == ENOSPC || error == EDQUOT) message += "; free some space";
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
    return ::close(closed) == 0 || errno == EINTR ? 0 : errno;  // an interrupted close has closed
  }
};

int sync(int fd) {
  while (::fsync(fd) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

void sync_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd < 0) throw_disk(path, "open its folder", errno);
  // EINVAL: no such thing there
  if (const int error = sync(file.fd); error && error != EINVAL)
    throw_disk(path, "sync its folder", error);
}

// `needed` bytes in all; so many as write(2) takes at once.
void write_piece(int fd, const std::string& path, std::string_view bytes, size_t needed) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote > 0) bytes.remove_prefix(static_cast<size_t>(wrote));
    // again and again it would be 0
    if (wrote == 0) throw_disk(path, "write to the file", EIO, needed);
    if (wrote < 0 && errno != EINTR) throw_disk(path, "write to the file", errno, needed);
  }
}

void write_temp(const std::string& temp, const std::vector<std::string_view>& pieces) {
  size_t needed = 0;
  for (const std::string_view piece : pieces) needed += piece.size();
  File file(::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.fd < 0) throw_disk(temp, "create the file", errno, needed);
  for (const std::string_view piece : pieces) write_piece(file.fd, temp, piece, needed);
  if (const int error = sync(file.fd)) throw_disk(temp, "sync the file", error, needed);
  if (const int error = file.close()) throw_disk(temp, "close the file", error, needed);
}

// The new file would take the place of a device or a pipe, which others need.
void check_replaceable(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return;
  if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
    throw DiskError(path + ": is no regular file, so it is not replaced");
}

}  // namespace

InputFile::InputFile(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (fd_ < 0) throw IOError(path_ + ": cannot open the file: " + system_words(errno));
  struct stat about {};
  const bool known = ::fstat(fd_, &about) == 0;
  if (!known || !S_ISREG(about.st_mode)) {
    ::close(fd_);
    throw IOError(path_ + ": is no regular file");
  }
  size_ = about.st_size;
}

InputFile::~InputFile() { ::close(fd_); }

void InputFile::read(int64_t at, void* p, int64_t n) const {
  auto* to = static_cast<char*>(p);
  while (n > 0) {
    const ssize_t got = ::pread(fd_, to, static_cast<size_t>(n), at);
    if (got == 0)
      throw IOError(path_ + ": ends at byte " + std::to_string(at) + ", where " +
                    std::to_string(n) + " more were to come");
    if (got < 0 && errno != EINTR)
      throw IOError(path_ + ": cannot read at byte " + std::to_string(at) + ": " +
                    system_words(errno));
    if (got > 0) to += got, at += got, n -= got;
  }
}

std::string read_file(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) throw IOError(path + ": cannot open the file: " + system_words(errno));
  std::string bytes;
  char block[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.fd, block, sizeof block);
    if (got == 0) return bytes;
    if (got > 0) bytes.append(block, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR)
      throw IOError(path + ": cannot read at byte " + std::to_string(bytes.size()) + ": " +
                    system_words(errno));
  }
}

void write_all(int fd, const std::string& path, std::string_view bytes) {
  write_piece(fd, path, bytes, bytes.size());
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file(path, std::vector<std::string_view>{bytes});
}

void write_file(const std::string& path, const std::vector<std::string_view>& pieces) {
  check_replaceable(path);
  const std::string temp = path + ".tmp";
  try {
    write_temp(temp, pieces);
    if (::rename(temp.c_str(), path.c_str()) != 0)
      throw_disk(path, "put the new file in place", errno);
  } catch (...) {
    ::unlink(temp.c_str());
    throw;
  }
  sync_folder(path);
}

}  // namespace regrad
