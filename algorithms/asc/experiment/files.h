// What regrad-asc does beside its tables: it classifies sound files (experiment/data/classify.h),
// and draws what the net sees of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace regrad::asc {

using Print = std::function<void(const std::string&)>;

// Writes the log-mel spectrogram of a file as PNG: as the model's front end has it, or, without
// one, of the whole file at 16 kHz in 64 bands of 40 ms every 20 ms. Returns a line about it.
// IOError naming the file.
std::string draw_spectrogram(const std::string& file, const std::string& png,
                             const std::string& model);

// Runs the command on files (classify, spectrogram) that these words are; false where they are
// none. ConfigError at a wrong use.
bool run_command(int argc, const char* const* argv, const Print& print);
// For --help.
extern const char* const commands_help;

}  // namespace regrad::asc
