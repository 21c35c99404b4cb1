// A program run to its end, with what it printed.
#pragma once

#include <regrad/engine/io/files.h>

#include <cstdlib>
#include <string>

#include "../temp_folder.h"

namespace regrad::test {

struct Ran {
  int code;  // exit code; 128 + signal where one ended it
  std::string out, err;
};

// `command` as a shell takes it.
inline Ran run(const std::string& command) {
  const TempFolder at;
  const int status =
      std::system(("( " + command + " ) >" + (at / "out") + " 2>" + (at / "err")).c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, read_file(at / "out"), read_file(at / "err")};
}

}  // namespace regrad::test
