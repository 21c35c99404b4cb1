// TAU Urban Acoustic Scenes 2020 Mobile, development set, as published and unpacked; and 2022
// Mobile, the same recordings cut into clips of a second, whose lists have the same columns.
//
//   const AudioSet set = load_tau("TAU-urban-acoustic-scenes-2020-mobile-development");
//       // 13,962 train, 2,968 test, 6,105 unused
//
// meta.csv (tab-separated: filename, scene_label, identifier, source_label),
// evaluation_setup/fold1_train.csv (filename, scene_label) and fold1_test.csv (filename; its labels
// are meta.csv's, and fold1_evaluate.csv's where that is there), audio/. Clips are in the order of
// meta.csv; device is source_label, place the identifier (city-location). Clips of neither list are
// Part::unused.
//
// IOError naming file and line: missing columns, a scene or device that is none of the ten and
// nine, names that contradict their row ("airport-lisbon-1000-40000-a.wav": scene, city,
// location, segment, device; 2022: "..-40000-7-a.wav", with the second of the segment), names
// twice, listed clips that meta.csv lacks or calls otherwise, a clip in both lists, a location in
// both parts, a file of either part that is not there. Which devices and how many clips a part has
// is left to the caller (tau_counts): subsets are read too.
#pragma once

#include <regrad/datasets/audio/clips.h>

#include <map>

namespace regrad {

const std::vector<std::string>& tau_scenes();  // airport .. tram, in the order of the alphabet
// a, b, c, s1, .., s6; s4 to s6 are in the test part only
const std::vector<std::string>& tau_devices();

struct TauOptions {
  bool audio_there = true;  // whether sounds are looked for; lists can be read without
};
AudioSet load_tau(const std::string& folder, const TauOptions& options = {});
// The texts of the four lists (evaluate may be empty: none); no sounds are looked for.
struct TauLists {
  std::string_view meta, train, test, evaluate;
};
AudioSet parse_tau(const TauLists& lists, const std::string& where = "tau");

// Clips by device in a part.
std::map<std::string, int64_t> tau_counts(const AudioSet& set, Part part);
// IOError unless the set is the whole one: 13,962 train clips (10,215 of a), of a, b, c, s1 to s3;
// 2,968 test clips (328 to 330 per device) of all nine. Of 2022 ten times as many each.
enum class TauYear { y2020, y2022 };
void check_whole_tau(const AudioSet& set, TauYear year = TauYear::y2020);

}  // namespace regrad
