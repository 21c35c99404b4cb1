#include <regrad/datasets/audio/internal/sha1.h>
#include <regrad/datasets/audio/speech_commands.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

namespace regrad {
namespace {

constexpr uint32_t most_wavs = (1u << 27) - 1;  // a class, in the published code
constexpr std::string_view noise_folder = "_background_noise_", no_hash = "_nohash_";
constexpr std::array<Part, 3> parts{Part::train, Part::validation, Part::test};

struct Found {
  std::vector<Clip> wanted, others;  // in the order of folders and files
  std::vector<Sound> noises;
};

// The parts of the lists' clips, "bed/0c40e715_nohash_0.wav"; none where a list is missing.
using Lists = std::map<std::string, Part, std::less<>>;

void read_list(const std::string& path, Part part, Lists& out) {
  std::istringstream lines(read_file(path));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const std::string where = path + ": line " + std::to_string(number) + ": ";
    const size_t slash = line.find('/');
    if (slash == std::string::npos || slash == 0 ||
        line.find('/', slash + 1) != std::string::npos || !detail::has_ending(line, ".wav"))
      throw IOError(where + detail::quoted(line) + " is not <word>/<name>.wav");
    const auto [at, fresh] = out.try_emplace(line, part);
    if (!fresh && at->second != part)
      throw IOError(where + detail::quoted(line) + " is in both lists");
  }
}
std::optional<Lists> lists_in(const std::string& folder) {
  const std::string validation = folder + "/validation_list.txt",
                    test = folder + "/testing_list.txt";
  if (!std::filesystem::exists(validation) || !std::filesystem::exists(test)) return {};
  Lists out;
  read_list(validation, Part::validation, out), read_list(test, Part::test, out);
  return out;
}

Clip clip_of(const detail::FileOf& f, const std::string& word, const std::optional<Lists>& lists) {
  const std::string file = detail::base_of(f.name);
  const size_t at = file.find(no_hash);
  if (at == std::string::npos || at == 0)
    throw IOError(f.where + ": " + detail::quoted(file) + " is not <speaker>_nohash_<take>.wav");
  Clip c;
  c.name = word + "/" + file;
  c.place = file.substr(0, at);
  c.part = speech_commands_part(file);
  if (lists) {
    const auto listed = lists->find(c.name);
    c.part = listed == lists->end() ? Part::train : listed->second;
  }
  c.path = f.where;
  return c;
}

Found find(const std::string& folder, const SpeechCommandsOptions& o) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw IOError(folder + ": is no folder; Speech Commands are read unpacked");
  Found found;
  const std::optional<Lists> lists = lists_in(folder);
  detail::Files(folder).each([&](const detail::FileOf& f) {
    if (!detail::has_ending(f.name, ".wav") || detail::is_clutter(f.name)) return;
    const std::string word = detail::folder_of(f.name);
    if (word == noise_folder) {
      if (o.silence_percent <= 0) return;
      Sound s = mono(read_sound(f.where));
      if (s.frames() < s.rate) throw IOError(f.where + ": background noise of less than a second");
      return found.noises.push_back(std::move(s));
    }
    Clip c = clip_of(f, word, lists);
    const auto at = std::find(o.words.begin(), o.words.end(), word);
    c.label = at - o.words.begin();
    (at == o.words.end() ? found.others : found.wanted).push_back(std::move(c));
  });
  for (size_t i = 0; i < o.words.size(); ++i)
    if (std::none_of(found.wanted.begin(), found.wanted.end(),
                     [&](const Clip& c) { return c.label == static_cast<int64_t>(i); }))
      throw IOError(folder + ": holds no clips of " + detail::quoted(o.words[i]));
  if (o.silence_percent > 0 && found.noises.empty())
    throw IOError(folder + ": holds no " + std::string(noise_folder) + "/*.wav for silence");
  return found;
}

int64_t share(int64_t n, double percent) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(n) * percent / 100));
}

// `n` clips of other words of a part, drawn without putting back; all where there are fewer.
void add_unknown(const std::vector<Clip>& others, Part part, int64_t n, int64_t label,
                 const Random& r, std::vector<Clip>& out) {
  std::vector<size_t> of_part;
  for (size_t i = 0; i < others.size(); ++i)
    if (others[i].part == part) of_part.push_back(i);
  const std::vector<int64_t> order =
      randperm(r, static_cast<int64_t>(of_part.size())).to_vector<int64_t>();
  for (size_t k = 0; k < order.size() && static_cast<int64_t>(k) < n; ++k) {
    out.push_back(others[of_part[static_cast<size_t>(order[k])]]);
    out.back().label = label;
  }
}

Clip silence(const std::vector<Sound>& noises, Part part, int64_t label, int64_t number,
             const Random& r) {
  const Sound& noise =
      noises[static_cast<size_t>(r.integer(0, static_cast<int64_t>(noises.size())))];
  const int64_t start = r.integer(1, noise.frames() - noise.rate + 1);
  Clip c;
  c.name = std::string("silence/") + name(part) + "_" + std::to_string(number);
  c.label = label, c.part = part;
  c.kept = {(slice(noise.samples, 1, start, start + noise.rate) * r.uniform(2)).contiguous(),
            noise.rate};
  return c;
}

}  // namespace

Part speech_commands_part(const std::string& file, double validation_percent, double test_percent) {
  return typed_memory([&] {
    const detail::Sha1 digest =
        detail::sha1(detail::base_of(file).substr(0, detail::base_of(file).find(no_hash)));
    // The last 27 bits of the digest, whose words are big-endian.
    const double percent = static_cast<double>(digest[4] & most_wavs) * (100.0 / most_wavs);
    return percent < validation_percent                  ? Part::validation
           : percent < validation_percent + test_percent ? Part::test
                                                         : Part::train;
  });
}

AudioSet load_speech_commands(const std::string& folder, const Random& r,
                              const SpeechCommandsOptions& o) {
  for (const double percent : {o.unknown_percent, o.silence_percent})
    if (!(percent >= 0 && percent <= 1000))
      throw ConfigError("load_speech_commands: percentages must be 0 to 1000");
  if (o.words.empty()) throw ConfigError("load_speech_commands: no words");
  return typed_memory([&] {
    Found found = find(folder, o);
    AudioSet out;
    out.classes = o.words;
    const auto class_of = [&](double percent, const char* called) {
      if (percent > 0) out.classes.push_back(called);
      return static_cast<int64_t>(out.classes.size()) - 1;
    };
    const int64_t unknown = class_of(o.unknown_percent, "unknown"),
                  quiet = class_of(o.silence_percent, "silence");
    out.clips = found.wanted;
    for (const Part part : parts) {
      const auto n = std::count_if(found.wanted.begin(), found.wanted.end(),
                                   [&](const Clip& c) { return c.part == part; });
      const Random of_part = r / name(part);
      add_unknown(found.others, part, share(n, o.unknown_percent), unknown, of_part / "unknown",
                  out.clips);
      for (int64_t i = 0; i < share(n, o.silence_percent); ++i)
        out.clips.push_back(silence(found.noises, part, quiet, i, of_part / "silence" / i));
    }
    return out;
  });
}

}  // namespace regrad
