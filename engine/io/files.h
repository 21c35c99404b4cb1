// Whole files: read in pieces, and replaced so that nobody ever sees half of one.
//
//   write_file("runs/a/config.json", text);
//       // temp file, write, fsync, rename, fsync of the folder
//   const InputFile file("net.safetensors");     file.read(8, p, n);
//       // n bytes from byte 8 on, or an IOError with the byte where it ends
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <regrad/engine/error.h>

namespace regrad {

// A regular file, open for reading. IOError where it cannot be opened or is a folder, a pipe or a
// device.
class InputFile {
 public:
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }  // bytes, when it was opened
  // Fills p with the n bytes from byte `at` on. IOError where the file ends before, or the system
  // fails. Safe from any thread.
  void read(int64_t at, void* p, int64_t n) const;

 private:
  std::string path_;
  int fd_;
  int64_t size_ = 0;
};

// All bytes of a file, pipes and devices too. IOError where it cannot be read.
std::string read_file(const std::string& path);

// Replaces `path` by `bytes` (or by the pieces, one after the other): writes `path`.tmp, syncs it,
// renames it, syncs the folder. A reader, or a crash at any moment, finds the old file or the new
// one. DiskError names the file and the bytes it needs; one of the two still stands, whole. A
// device or a pipe is not replaced (DiskError).
void write_file(const std::string& path, std::string_view bytes);
void write_file(const std::string& path, const std::vector<std::string_view>& pieces);

// Writes all bytes to an open file, through short writes and interruptions; `path` is for the
// DiskError.
void write_all(int fd, const std::string& path, std::string_view bytes);

}  // namespace regrad
