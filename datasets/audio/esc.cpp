#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/internal/decode.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace regrad {
namespace {

// ESC-10's classes by their ESC-50 targets: dog, rain, sea waves, crying baby, clock tick,
// sneezing, helicopter, chainsaw, rooster, crackling fire.
constexpr std::array<int64_t, 10> esc10_targets{0, 10, 11, 20, 38, 21, 40, 41, 1, 12};

void check_fold(int64_t fold) {
  if (fold < 1 || fold > 5)
    throw ConfigError("the test fold is " + std::to_string(fold) + ", must be 1 to 5");
}

// What rows must agree on.
struct Seen {
  std::set<std::string, std::less<>> names;
  std::map<std::string, int64_t, std::less<>> fold_of_source;
};

Clip clip_of(const detail::Table::Row& row, int64_t test_fold, Seen& seen) {
  Clip c;
  c.name = row["filename"];
  if (c.name.empty() || c.name.find('/') != std::string::npos ||
      c.name.find('\\') != std::string::npos)
    row.fail("filename " + detail::quoted(c.name) + " is no file's name");
  if (!seen.names.insert(c.name).second)
    row.fail("clip " + detail::quoted(c.name) + " stands there twice");
  c.fold = row.number("fold", 1, 5);
  c.place = row["src_file"];
  c.part = c.fold == test_fold ? Part::test : Part::train;
  const auto [at, fresh] = seen.fold_of_source.try_emplace(c.place, c.fold);
  if (!fresh && at->second != c.fold)
    row.fail("source " + detail::quoted(c.place) + " lies in folds " + std::to_string(at->second) +
             " and " + std::to_string(c.fold));
  return c;
}

void set_class(const detail::Table::Row& row, Clip& c, int64_t label,
               std::vector<std::string>& classes) {
  std::string& name = classes[static_cast<size_t>(label)];
  if (row["category"].empty()) row.fail("a category without a name");
  if (!name.empty() && name != row["category"])
    row.fail("target " + std::string(row["target"]) + " is " + detail::quoted(row["category"]) +
             " here and " + detail::quoted(name) + " before");
  name = row["category"];
  c.label = label;
}

// Classes that no clip has are called by their number.
void name_rest(std::vector<std::string>& classes) {
  for (size_t i = 0; i < classes.size(); ++i)
    if (classes[i].empty()) classes[i] = std::to_string(i);
}

// "True"; a spreadsheet writes "TRUE".
bool is_true(std::string_view field) {
  return field == "True" || field == "TRUE" || field == "true";
}

// -1: not of ESC-10.
int64_t esc10_label(int64_t target) {
  const auto at = std::find(esc10_targets.begin(), esc10_targets.end(), target);
  return at == esc10_targets.end() ? -1 : at - esc10_targets.begin();
}

AudioSet read_esc10(const detail::Files& files, int64_t test_fold) {
  std::string text, list;
  std::map<std::string, detail::Encoded> sounds;
  files.each([&](const detail::FileOf& f) {
    if (detail::is_clutter(f.name)) return;
    const std::string base = detail::base_of(f.name);
    if (base == "meta.csv") {
      if (!list.empty()) throw IOError(f.where + ": a second meta.csv");
      text = f.read(), list = f.where;
    } else if (detail::has_ending(base, ".ogg") || detail::has_ending(base, ".wav") ||
               detail::has_ending(base, ".flac")) {
      if (!sounds.try_emplace(base, detail::Encoded{f.read(), f.where}).second)
        throw IOError(f.where + ": stands there twice");
    }
  });
  if (list.empty()) throw IOError(files.where() + ": holds no meta.csv");
  const detail::Table table(text, list, ',',
                            {"filename", "fold", "target", "category", "src_file"});
  AudioSet out;
  out.classes.resize(10);
  std::vector<detail::Encoded> encoded;
  Seen seen;
  for (const auto& row : table.rows()) {
    Clip c = clip_of(row, test_fold, seen);
    set_class(row, c, row.number("target", 0, 9), out.classes);
    const auto at = sounds.find(c.name);
    if (at == sounds.end()) row.fail(detail::quoted(c.name) + " is not there");
    encoded.push_back(std::move(at->second));
    sounds.erase(at);
    out.clips.push_back(std::move(c));
  }
  if (!sounds.empty()) throw IOError(sounds.begin()->second.where + ": is not in " + list);
  name_rest(out.classes);
  detail::decode_all(out.clips, std::move(encoded));
  return out;
}

}  // namespace

AudioSet load_esc10(const std::string& path, int64_t test_fold) {
  check_fold(test_fold);
  return typed_memory([&] { return read_esc10(detail::Files(path), test_fold); });
}

AudioSet parse_esc10(std::string_view archive, int64_t test_fold, const std::string& where) {
  check_fold(test_fold);
  return typed_memory(
      [&] { return read_esc10(detail::Files::in_memory(std::string(archive), where), test_fold); });
}

AudioSet load_esc50(const std::string& folder, const EscOptions& options) {
  check_fold(options.test_fold);
  return typed_memory([&] {
    const std::string list = folder + "/meta/esc50.csv", text = read_file(list);
    const detail::Table table(text, list, ',',
                              {"filename", "fold", "target", "category", "esc10", "src_file"});
    AudioSet out;
    out.classes.resize(options.only_esc10 ? esc10_targets.size() : 50);
    Seen seen;
    for (const auto& row : table.rows()) {
      Clip c = clip_of(row, options.test_fold, seen);
      const int64_t target = row.number("target", 0, 49), ten = esc10_label(target);
      if (is_true(row["esc10"]) != (ten >= 0))
        row.fail("target " + std::to_string(target) + " with esc10 " +
                 detail::quoted(row["esc10"]));
      if (options.only_esc10 && ten < 0) continue;
      set_class(row, c, options.only_esc10 ? ten : target, out.classes);
      c.path = folder + "/audio/" + c.name;
      detail::check_there(c.path, list);
      out.clips.push_back(std::move(c));
    }
    if (out.clips.empty()) throw IOError(list + ": no clip is marked esc10");
    name_rest(out.classes);
    return out;
  });
}

}  // namespace regrad
