// What the report shows of one trial: channels by person, overlaps, accuracy by person and by size.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/ppp/personalize.h>

namespace regrad::ppp {

// A picture a block, a row a person, a column a channel: what is kept (dark), and the prototypes pi
// (dark: 1).
experiment::Gallery channels_kept(const std::string& row, const std::vector<const Personal*>& nets,
                                  const std::vector<std::string>& names);
// Persons by persons: |both| / |either| (dark: 1).
experiment::Gallery overlaps(const std::string& row, const std::vector<const Personal*>& nets);

struct PersonSeries {
  std::string row;
  std::vector<double> accuracy, kilobytes;  // by person
};
experiment::Chart by_person(const std::string& row, const std::vector<PersonSeries>& series,
                            const std::vector<std::string>& names);
experiment::Chart by_size(const std::string& row, const std::vector<PersonSeries>& series);

}  // namespace regrad::ppp
