// regrad-sdssl embed: a folder of pictures by a trained net, as an .npy file.
#pragma once

#include <functional>
#include <string>

namespace regrad::sdssl {

using Print = std::function<void(const std::string&)>;

// Whether argv names the command; then it ran. Errors as thrown: ConfigError, IOError.
bool run_command(int argc, const char* const* argv, const Print& print);
extern const char* const commands_help;

}  // namespace regrad::sdssl
