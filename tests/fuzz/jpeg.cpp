#include <regrad/datasets/internal/jpeg.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    for (const int channels : {1, 3}) {
      const detail::Picture p = detail::decode_jpeg(bytes, channels, "fuzz");
      fuzz::must(p.channels == channels &&
                     static_cast<int64_t>(p.bytes.size()) == p.height * p.width * channels,
                 "other pixels than sizes");
      fuzz::must(detail::resample(p, 3, 5, detail::Filter::triangle).size() ==
                     static_cast<size_t>(15 * channels),
                 "another size");
    }
  });
}
