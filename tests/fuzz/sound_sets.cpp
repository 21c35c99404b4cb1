// A zip or tar of sounds, read as spoken digits, as ESC-10 and as microphones.
#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/fsdd.h>

#include <string>

#include "target.h"

using namespace regrad;

namespace {

void check(const AudioSet& set) {
  fuzz::must(set.size() >= 1 && set.classes.size() == 10, "a set of nothing");
  for (const Clip& c : set.clips) {
    fuzz::must(c.label >= 0 && c.label < 10 && !c.name.empty(), "a clip without a class or name");
    fuzz::must(c.kept.samples.defined() && c.kept.frames() >= 1, "a clip without a sound");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  fuzz::run(data, n, [](std::string_view bytes) { check(parse_fsdd(bytes, "fuzz")); });
  fuzz::run(data, n, [](std::string_view bytes) { check(parse_esc10(bytes, 5, "fuzz")); });
  return fuzz::run(data, n, [](std::string_view bytes) {
    const std::vector<Microphone> all = parse_microphones(bytes, "fuzz");
    for (size_t i = 0; i < all.size(); ++i)
      fuzz::must(all[i].seen == (i < all.size() * 2 / 3), "roles out of order");
  });
}
