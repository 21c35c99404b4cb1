// What a number of a config may be, given where the config lists it:
//
//   part("tau", self.tau, "width", between(0.1, 100));
//   part("epochs", self.epochs, "passes over the data", at_least(1));
//   part("wordnet", self.wordnet, "folder of WordNet's files", a_path());
//
// Of a list every element is meant. A real number without a range is at most f32's largest: nothing
// larger survives the first product.
#pragma once

#include <limits>

namespace regrad::experiment {

struct Range {
  static constexpr double f32_most = std::numeric_limits<float>::max();
  double least = -f32_most, most = f32_most;
  bool above = false, below = false;  // the end itself is out
  bool path = false;                  // of a text: it names a file or a folder
  constexpr bool holds(double v) const {
    return (above ? v > least : v >= least) && (below ? v < most : v <= most);
  }
};

constexpr Range at_least(double least) { return {.least = least}; }
constexpr Range above(double least) { return {.least = least, .above = true}; }
constexpr Range at_most(double most) { return {.most = most}; }
constexpr Range between(double least, double most) { return {least, most}; }
constexpr Range a_path() { return {.path = true}; }
constexpr Range share() { return {0, 1}; }                       // [0, 1]
constexpr Range inside() { return {0, 1, true, true}; }          // (0, 1)
constexpr Range part_of_whole() { return {0, 1, false, true}; }  // [0, 1)

}  // namespace regrad::experiment
