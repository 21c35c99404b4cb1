#include <regrad/datasets/idx.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const Tensor x = parse_idx(bytes, "fuzz");
    fuzz::must(x.numel() * item_size(x.dtype()) <= 8 * static_cast<int64_t>(bytes.size()),
               "more data than the file can hold");
  });
}
