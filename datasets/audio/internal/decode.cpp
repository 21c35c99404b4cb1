#include <regrad/datasets/audio/internal/decode.h>
#include <regrad/engine/parallel.h>

#include <filesystem>

namespace regrad::detail {

void decode_all(std::vector<Clip>& clips, std::vector<Encoded> files) {
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    Encoded& file = files[static_cast<size_t>(i)];
    clips[static_cast<size_t>(i)].kept = parse_sound(file.bytes, file.where);
    std::string().swap(file.bytes);
  });
}

void check_there(const std::string& path, const std::string& who_says) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw IOError(path + ": is not there, and " + who_says + " names it");
}

}  // namespace regrad::detail
