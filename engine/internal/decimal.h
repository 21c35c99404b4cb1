// Numbers as text and back, with a point whatever the program's locale is (printf, strtod and
// std::to_string follow setlocale).
//
//   decimal(0.1)       "0.1"      the fewest digits that read back as the same double
//   decimal(0.1, 4)    "0.1"      as %.4g
//   fixed(2.5, 3)      "2.500"    as %.3f
//   scientific(2.5, 3) "2.500e+00" as %.3e
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace regrad {

std::string decimal(double v);
std::string decimal(double v, int digits);
std::string fixed(double v, int places);
std::string scientific(double v, int places);
// The number that the whole text is (no spaces, no leading +); none where it is none, or lies
// beyond a double.
std::optional<double> number_of(std::string_view text);

}  // namespace regrad
