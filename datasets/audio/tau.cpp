#include <regrad/datasets/audio/internal/decode.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <filesystem>

namespace regrad {
namespace {

constexpr int64_t whole_train = 13962, whole_train_a = 10215, whole_test = 2968,
                  most_test_a_device = 330, least_test_a_device = 328;

int64_t place_in(const std::vector<std::string>& list, std::string_view word) {
  const auto at = std::find(list.begin(), list.end(), word);
  return at == list.end() ? -1 : at - list.begin();
}

using Places = std::map<std::string, size_t, std::less<>>;  // file name -> clip

// "audio/airport-lisbon-1000-40000-a.wav" of scene airport, identifier lisbon-1000, device a.
Clip clip_of(const detail::Table::Row& row) {
  const std::string_view file = row["filename"], scene = row["scene_label"],
                         place = row["identifier"], device = row["source_label"];
  Clip c;
  c.name = file;
  c.label = place_in(tau_scenes(), scene);
  c.device = device, c.place = place;
  c.part = Part::unused;
  if (c.label < 0) row.fail("scene " + detail::quoted(scene) + " is none of the ten");
  if (place_in(tau_devices(), device) < 0)
    row.fail("device " + detail::quoted(device) + " is none of the nine");
  const std::string begin = "audio/" + std::string(scene) + "-" + c.place + "-",
                    end = "-" + c.device + ".wav";
  const bool says_so = !place.empty() && file.size() > begin.size() + end.size() &&
                       file.substr(0, begin.size()) == begin && detail::ends_with(file, end);
  if (!says_so || file.find("..") != std::string_view::npos ||
      file.find('/', begin.size()) != std::string_view::npos)
    row.fail(detail::quoted(file) +
             " is not audio/<scene>-<identifier>-<segment>-<device>.wav of its row");
  return c;
}

void read_list(std::string_view text, const std::string& where, Part part, bool labelled,
               const Places& places, AudioSet& set) {
  std::vector<std::string_view> columns{"filename"};
  if (labelled) columns.push_back("scene_label");
  const detail::Table table(text, where, '\t', columns);
  for (const auto& row : table.rows()) {
    const auto at = places.find(row["filename"]);
    if (at == places.end()) row.fail(detail::quoted(row["filename"]) + " is not in meta.csv");
    Clip& c = set.clips[at->second];
    if (labelled && place_in(tau_scenes(), row["scene_label"]) != c.label)
      row.fail(detail::quoted(c.name) + " is " + detail::quoted(row["scene_label"]) + " here and " +
               tau_scenes()[static_cast<size_t>(c.label)] + " in meta.csv");
    if (c.part != Part::unused)
      row.fail(detail::quoted(c.name) + " stands already in the " + name(c.part) + " list");
    c.part = part;
  }
}

// Labels only: fold1_test.csv lists the clips to test.
void check_evaluate(std::string_view text, const std::string& where, const Places& places,
                    const AudioSet& set) {
  const detail::Table table(text, where, '\t', {"filename", "scene_label"});
  for (const auto& row : table.rows()) {
    const auto at = places.find(row["filename"]);
    if (at == places.end() || set.clips[at->second].part != Part::test)
      row.fail(detail::quoted(row["filename"]) + " is not in fold1_test.csv");
    if (place_in(tau_scenes(), row["scene_label"]) != set.clips[at->second].label)
      row.fail(detail::quoted(row["filename"]) + " has another label than in meta.csv");
  }
}

// A location belongs to one scene and city, and its clips to one part.
void check_locations(const AudioSet& set, const std::string& where) {
  std::map<std::string, Part> part_of;
  for (const Clip& c : set.clips) {
    if (c.part == Part::unused) continue;
    const auto [at, fresh] =
        part_of.try_emplace(tau_scenes()[static_cast<size_t>(c.label)] + "-" + c.place, c.part);
    if (!fresh && at->second != c.part)
      throw IOError(where + ": location " + at->first + " lies in both parts (" + c.name + ")");
  }
}

struct Names {
  std::string meta, train, test, evaluate;
};

AudioSet read_lists(const TauLists& lists, const Names& names) {
  AudioSet set;
  set.classes = tau_scenes();
  Places places;
  const detail::Table meta(lists.meta, names.meta, '\t',
                           {"filename", "scene_label", "identifier", "source_label"});
  for (const auto& row : meta.rows()) {
    Clip c = clip_of(row);
    if (!places.emplace(c.name, set.clips.size()).second)
      row.fail(detail::quoted(c.name) + " stands there twice");
    set.clips.push_back(std::move(c));
  }
  read_list(lists.train, names.train, Part::train, true, places, set);
  read_list(lists.test, names.test, Part::test, false, places, set);
  if (!lists.evaluate.empty()) check_evaluate(lists.evaluate, names.evaluate, places, set);
  check_locations(set, names.meta);
  return set;
}

Names names_in(const std::string& folder) {
  const std::string setup = folder + "/evaluation_setup/fold1_";
  return {folder + "/meta.csv", setup + "train.csv", setup + "test.csv", setup + "evaluate.csv"};
}

}  // namespace

const std::vector<std::string>& tau_scenes() {
  static const std::vector<std::string> names{
      "airport",        "bus",           "metro",         "metro_station",
      "park",           "public_square", "shopping_mall", "street_pedestrian",
      "street_traffic", "tram"};
  return names;
}

const std::vector<std::string>& tau_devices() {
  static const std::vector<std::string> names{"a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"};
  return names;
}

AudioSet parse_tau(const TauLists& lists, const std::string& where) {
  return typed_memory([&] { return read_lists(lists, names_in(where)); });
}

AudioSet load_tau(const std::string& folder, const TauOptions& options) {
  return typed_memory([&] {
    const Names names = names_in(folder);
    std::error_code ignored;
    const std::string meta = read_file(names.meta), train = read_file(names.train),
                      test = read_file(names.test),
                      evaluate = std::filesystem::exists(names.evaluate, ignored)
                                     ? read_file(names.evaluate)
                                     : "";
    AudioSet set = read_lists({meta, train, test, evaluate}, names);
    for (Clip& c : set.clips) {
      c.path = folder + "/" + c.name;
      if (options.audio_there && c.part != Part::unused)
        detail::check_there(c.path, c.part == Part::train ? names.train : names.test);
    }
    return set;
  });
}

std::map<std::string, int64_t> tau_counts(const AudioSet& set, Part part) {
  return typed_memory([&] {
    std::map<std::string, int64_t> out;
    for (const Clip& c : set.clips)
      if (c.part == part) ++out[c.device];
    return out;
  });
}

void check_whole_tau(const AudioSet& set, TauYear year) {
  return typed_memory([&] {
    const bool seconds = year == TauYear::y2022;  // ten clips where the other has one
    const int64_t times = seconds ? 10 : 1;
    const auto fail = [&](const std::string& what) {
      throw IOError(std::string("TAU ") + (seconds ? "2022" : "2020") + " Mobile: " + what);
    };
    const auto train = tau_counts(set, Part::train), test = tau_counts(set, Part::test);
    int64_t trained = 0, tested = 0;
    for (const auto& [device, n] : train) trained += n;
    for (const auto& [device, n] : test) tested += n;
    if (trained != times * whole_train)
      fail(std::to_string(trained) + " train clips, the whole has " +
           std::to_string(times * whole_train));
    if (tested != times * whole_test)
      fail(std::to_string(tested) + " test clips, the whole has " +
           std::to_string(times * whole_test));
    for (const std::string& device : tau_devices()) {
      const bool in_train = train.count(device) > 0, seen = device < "s4";
      if (in_train != seen)
        fail("device " + device +
             (in_train ? " is in the train part" : " is not in the train part"));
      const auto n = test.find(device);
      if (n == test.end() || n->second < times * least_test_a_device ||
          n->second > times * most_test_a_device)
        fail("device " + device + " has " + std::to_string(n == test.end() ? 0 : n->second) +
             " test clips, must have " + std::to_string(times * least_test_a_device) + " to " +
             std::to_string(times * most_test_a_device));
    }
    if (train.at("a") != times * whole_train_a)
      fail(std::to_string(train.at("a")) + " train clips of device a, the whole has " +
           std::to_string(times * whole_train_a));
  });
}

}  // namespace regrad
