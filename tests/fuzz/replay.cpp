// Feeds files to a fuzz target once each, without a fuzzer: replay FOLDER. Ends with 1 where there
// is none.
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "target.h"

int main(int argc, char** argv) {
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  for (const std::string& name : files) {
    const std::string bytes = regrad::read_file(name);
    std::printf("%s, %zu bytes\n", name.c_str(), bytes.size());
    std::fflush(stdout);  // the last one printed is the one that failed
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu files\n", files.size());
  return files.empty();
}
