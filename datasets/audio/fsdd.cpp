#include <regrad/datasets/audio/fsdd.h>
#include <regrad/datasets/audio/internal/decode.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/table.h>

#include <filesystem>
#include <map>
#include <tuple>

namespace regrad {
namespace {

constexpr int64_t test_takes = 5;

using Key = std::tuple<int64_t, std::string, int64_t>;  // digit, speaker, take

// "7_jackson_32"
Key key_of(const std::string& stem, const std::string& where) {
  const size_t first = stem.find('_'), last = stem.rfind('_');
  const auto digits = [](std::string_view s) {
    return !s.empty() && s.size() <= 6 &&
           s.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const bool good = first != std::string::npos && first + 1 < last && first == 1 &&
                    digits(stem.substr(0, 1)) && digits(stem.substr(last + 1));
  if (!good)
    throw IOError(where + ": " + detail::quoted(stem) + " is not <digit>_<speaker>_<take>");
  return {stem[0] - '0', stem.substr(first + 1, last - first - 1),
          std::stoll(stem.substr(last + 1))};
}

AudioSet read_all(const detail::Files& files, bool folder) {
  std::map<Key, detail::Encoded> found;
  files.each([&](const detail::FileOf& f) {
    if (!detail::has_ending(f.name, ".wav") || detail::is_clutter(f.name)) return;
    const auto [at, fresh] =
        found.try_emplace(key_of(detail::stem_of(f.name), f.where), detail::Encoded{"", f.where});
    if (!fresh) throw IOError(f.where + ": stands there twice, also as " + at->second.where);
    if (!folder) at->second.bytes = f.read();
  });
  if (found.empty()) throw IOError(files.where() + ": holds no <digit>_<speaker>_<take>.wav");
  AudioSet out;
  for (int i = 0; i < 10; ++i) out.classes.push_back(std::to_string(i));
  std::vector<detail::Encoded> encoded;
  for (auto& [key, file] : found) {
    const auto& [digit, speaker, take] = key;
    Clip c;
    c.name = std::to_string(digit) + "_" + speaker + "_" + std::to_string(take);
    c.label = digit, c.fold = take, c.place = speaker;
    c.part = take < test_takes ? Part::test : Part::train;
    if (folder) c.path = file.where;
    out.clips.push_back(std::move(c));
    encoded.push_back(std::move(file));
  }
  if (!folder) detail::decode_all(out.clips, std::move(encoded));
  return out;
}

}  // namespace

AudioSet load_fsdd(const std::string& path) {
  return typed_memory(
      [&] { return read_all(detail::Files(path), std::filesystem::is_directory(path)); });
}

AudioSet parse_fsdd(std::string_view archive, const std::string& where) {
  return typed_memory(
      [&] { return read_all(detail::Files::in_memory(std::string(archive), where), false); });
}

}  // namespace regrad
