// A list of labelled clips: what every reader and generator of sounds gives.
//
//   const AudioSet set = load_fsdd("data/fsdd_takes00-24.tar.xz");
//   for (int64_t i : set.in(Part::train)) Tensor x = mono(set.sound(i)).samples;
#pragma once

#include <regrad/datasets/audio/sound.h>

#include <vector>

namespace regrad {

enum class Part : uint8_t { train, validation, test, unused };
const char* name(Part p);

struct Clip {
  std::string name;   // as the data set calls it
  int64_t label = 0;  // in [0, classes.size())
  Part part = Part::train;
  int64_t fold = 0;    // ESC: 1 to 5; spoken digits: the take
  std::string device;  // TAU: "a", "s1", ..; else empty
  // who or where: TAU's city and location, ESC's source file, a speaker; empty where unknown
  std::string place;
  std::string path;  // of the file, where it is read on demand
  Sound kept;        // else the sound itself
};

struct AudioSet {
  std::vector<Clip> clips;
  std::vector<std::string> classes;
  int64_t size() const { return static_cast<int64_t>(clips.size()); }
  std::vector<int64_t> in(Part p) const;  // places of the clips of a part, in order
  // Clip i's sound: kept, or read from disk now (IOError as read_sound). Safe from any thread.
  // ShapeError where i is outside [0, size).
  Sound sound(int64_t i) const;
};

}  // namespace regrad
