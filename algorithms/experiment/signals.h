// Ctrl-C and SIGTERM as a flag that the run looks at between steps, so that it can put what it has
// in safety first.
#pragma once

#include <regrad/engine/error.h>

namespace regrad::experiment {

// What ends a run that a signal stopped; the process ends with 128 + signal.
struct Interrupted : Error {
  Interrupted(int which, const std::string& message) : Error(message), signal(which) {}
  int signal;
};

// While one lives, the first SIGINT or SIGTERM only sets the flag; a second one of the same kind
// ends the process as usual.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  static int caught();  // the signal, or 0
};

}  // namespace regrad::experiment
