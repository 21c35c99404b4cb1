// Which regrad this is, and what it stands on.
#pragma once

#include <string>

namespace regrad {

const char* version();  // "0.1.0"

// A line each: regrad and the instruction set in use, OpenBLAS as the loader found it, oneDNN and
// which way 8-bit convolutions go.
std::string version_text();

}  // namespace regrad
