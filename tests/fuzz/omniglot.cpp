// A zip or tar of drawings, packed or not.
#include <regrad/datasets/omniglot.h>

#include <string>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const Omniglot o = parse_omniglot(bytes, {}, "fuzz");
    // Each drawing has a name of its own in the archive's directory.
    fuzz::must(o.set.size() >= 1 &&
                   o.set.size() <= static_cast<int64_t>(bytes.size() * 64 + (16 << 20)) / 32,
               "more drawings than the file can name");
    for (const double v :
         {o.set.images.data<float>()[0], o.set.images.data<float>()[o.set.images.numel() - 1]})
      fuzz::must(v >= 0 && v <= 1, "ink out of range");
  });
}
