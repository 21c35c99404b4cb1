// A fuzz target reads bytes as a file of one format. The reader may answer with tensors or with an
// IOError; anything else ends the process.
#pragma once

#include <regrad/engine/error.h>
#include <regrad/engine/tensor.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace regrad::fuzz {

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

// read(bytes): parses, and checks what came out.
template <class Read>
int run(const uint8_t* data, size_t n, Read&& read) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), n);
  const MemoryStats before = memory_stats();
  try {
    read(bytes);
  } catch (const IOError& e) {
    must(std::string_view(e.what()).substr(0, 4) == "fuzz",
         "an IOError that does not name its file");
  }
  const MemoryStats after = memory_stats();
  must(after.live_nodes == before.live_nodes && after.live_bytes == before.live_bytes,
       "tensors are left over");
  return 0;
}

}  // namespace regrad::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n);
