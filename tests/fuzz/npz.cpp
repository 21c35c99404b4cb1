#include <regrad/datasets/npz.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const TensorFile file = parse_npz(bytes, "fuzz");
    int64_t held = 0;
    for (const auto& [name, t] : file.tensors) held += t.numel() * item_size(t.dtype());
    fuzz::must(held <= 64 * static_cast<int64_t>(bytes.size()) + (16 << 20),
               "more data than is allowed");
  });
}
