#include <fmt/format.h>
#include <regrad/algorithms/experiment/data_files.h>

#include <cstdint>
#include <filesystem>

namespace regrad::experiment {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMost = 200000;

// FNV-1a, so that it is the same in every build.
uint64_t hash_of(const std::string& name, uint64_t size) {
  uint64_t h = 0xcbf29ce484222325u;
  const auto add = [&](uint64_t byte) { h = (h ^ byte) * 0x100000001b3u; };
  for (const char c : name) add(static_cast<unsigned char>(c));
  for (int shift = 0; shift < 64; shift += 8) add(size >> shift & 255);
  return h;
}

struct Sum {
  int64_t files = 0;
  uint64_t bytes = 0, hash = 0;
  void add(const std::string& name, const fs::directory_entry& entry) {
    std::error_code gone;
    const uint64_t size = entry.file_size(gone);
    if (gone) return;
    ++files, bytes += size, hash += hash_of(name, size);
  }
};

}  // namespace

std::string files_below(const std::string& path) {
  if (path.empty()) return "";
  std::error_code unseen, end;
  Sum sum;
  const fs::directory_entry top(path, unseen);
  if (top.is_regular_file(unseen)) sum.add("", top);
  fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, end);
  for (; at != fs::recursive_directory_iterator(); at.increment(end)) {
    if (at->is_regular_file(unseen)) sum.add(at->path().lexically_relative(path).string(), *at);
    if (sum.files > kMost) return "";
  }
  return fmt::format("{} files of {} bytes, {:016x}", sum.files, sum.bytes, sum.hash);
}

}  // namespace regrad::experiment
