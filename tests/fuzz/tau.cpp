// meta.csv, fold1_train.csv, fold1_test.csv and fold1_evaluate.csv with zero bytes between.
#include <regrad/datasets/audio/tau.h>

#include <algorithm>
#include <array>
#include <map>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    std::array<std::string_view, 4> lists;
    for (std::string_view& list : lists) {
      const size_t end = std::min(bytes.find('\0'), bytes.size());
      list = bytes.substr(0, end);
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    const AudioSet set = parse_tau({lists[0], lists[1], lists[2], lists[3]}, "fuzz");
    std::map<std::string, Part> part_of;
    for (const Clip& c : set.clips) {
      fuzz::must(c.label >= 0 && c.label < 10 && c.name.find("..") == std::string::npos,
                 "a clip that should have been refused");
      if (c.part == Part::unused) continue;
      const auto at = part_of.try_emplace(std::to_string(c.label) + c.place, c.part).first;
      fuzz::must(at->second == c.part, "a location in both parts");
    }
    fuzz::must(!set.in(Part::train).empty() && !set.in(Part::test).empty(), "a part without clips");
  });
}
