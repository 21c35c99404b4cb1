// What files data are made of, so that a run that is resumed on others is noticed.
#pragma once

#include <string>

namespace regrad::experiment {

// "412 files of 31415926 bytes, 9f86d081884c7d65": a count, a sum, and a hash of every file's name
// and size below the folder (or of the one file), in whatever order they come. What is in them is
// not read. Links to folders are not followed. Empty for "", and where there are more than 200,000:
// then the data are not compared.
std::string files_below(const std::string& path);

}  // namespace regrad::experiment
