// regrad-rde report: the table and the report of a finished run, made again from its folder.
#pragma once

#include <functional>
#include <string>

namespace regrad::rde {

using Print = std::function<void(const std::string&)>;

// Prints the table and writes report.html. ConfigError: no folder of a run, or a run that is not
// finished; IOError: its checkpoint is damaged.
void report_again(const std::string& folder, const Print& print);

}  // namespace regrad::rde
