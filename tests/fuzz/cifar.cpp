// The first byte chooses the kind. Few bytes are repeated, each so often that they make records;
// more are taken as they are.
#include <regrad/datasets/cifar.h>

#include <string>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    if (bytes.empty()) throw IOError("fuzz: empty");
    const auto kind = static_cast<unsigned char>(bytes[0]);
    std::string records;
    for (const char c : bytes.substr(1))
      records +=
          kind & 4 || bytes.size() > 16 ? std::string(1, c) : std::string(3073 + kind % 2, c);
    const bool hundred = kind & 1;
    const ImageSet set =
        hundred ? parse_cifar100(records, kind & 2 ? Cifar100Labels::coarse : Cifar100Labels::fine,
                                 "fuzz")
                : parse_cifar10(records, "fuzz");
    fuzz::must(
        set.images.numel() + set.size() * (hundred ? 2 : 1) == static_cast<int64_t>(records.size()),
        "other data than the file holds");
    for (int64_t i = 0; i < set.size(); ++i) {
      const int64_t label = set.labels.data<int64_t>()[i];
      fuzz::must(label >= 0 && label < static_cast<int64_t>(set.classes.size()),
                 "a label out of range");
    }
  });
}
