// What is read is written and read again: the same bytes.
#include <regrad/engine/io/npy.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const Tensor x = parse_npy(bytes, "fuzz");
    fuzz::must(x.numel() * item_size(x.dtype()) <= 8 * static_cast<int64_t>(bytes.size()),
               "more data than the file can hold");
    const std::string written = to_npy(x);
    const Tensor y = parse_npy(written, "fuzz");
    fuzz::must(y.shape() == x.shape() && y.dtype() == x.dtype() && to_npy(y) == written,
               "lost on the way");
  });
}
