// The frame that every experiment's binary shares.
//
//   int main(int argc, char** argv) {
//     SinusoidExperiment e;
//     return regrad::experiment::main(e, argc, argv);
//   }
#pragma once

#include <regrad/algorithms/experiment/trial.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::experiment {

// Parses the command line, runs, prints the table and its sentence to stdout, writes --out. Returns
// the exit code: 0; 1 failed; 2 command line or config; 3 data missing or broken; 4 not a number; 5
// disk or memory; 130, 143 stopped by SIGINT, SIGTERM, after a checkpoint. Every failure is one
// message on stderr; nothing half-written is left.
int main(Experiment& experiment, int argc, const char* const* argv);

// f of each file. An IOError of one goes to stderr, and the others go on; an IOError at the
// end counts them. One file alone: what f throws.
void each_file(const std::vector<std::string>& files,
               const std::function<void(const std::string&)>& f);

// A program that has commands beside its tables: `command` runs what argv names and returns whether
// it named one; else the table runs, and its --help ends with `help`.
using Print = std::function<void(const std::string&)>;  // to stdout
using Command = bool (*)(int argc, const char* const* argv, const Print& print);
int main(Experiment& experiment, int argc, const char* const* argv, Command command,
         const char* help);

// The same exit codes and messages for any other program: runs it and flushes stdout.
int exit_code_of(const std::function<void()>& program);

}  // namespace regrad::experiment
