// regrad-rde train, attack, detect, report: the parts of its table one by one, on anyone's texts,
// logs and features.
#pragma once

#include <functional>
#include <string>

namespace regrad::rde {

using Print = std::function<void(const std::string&)>;

// Whether the command line is a command's (its first word is attack, detect or report), which then
// is done. ConfigError at a wrong use; else the errors of the command.
bool run_command(int argc, const char* const* argv, const Print& print);

// For --help of the table.
extern const char* const commands_help;

}  // namespace regrad::rde
