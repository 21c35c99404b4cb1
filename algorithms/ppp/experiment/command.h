// regrad-ppp personalize: a small net of a person's own from a model and a folder of samples.
#pragma once

#include <functional>
#include <string>

namespace regrad::ppp {

using Print = std::function<void(const std::string&)>;

// Whether the command line is the command's (its first word is `personalize`), which then is done.
// IOError, ConfigError, NumericError as exit_code_of takes them; --out is written whole or not at
// all.
bool run_command(int argc, const char* const* argv, const Print& print);

// What the command does, for --help of the table.
extern const char* const commands_help;

}  // namespace regrad::ppp
