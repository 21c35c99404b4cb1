// What is read is written and read again: the same names, shapes and metadata.
#include <regrad/engine/io/serialize.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const TensorFile file = parse_safetensors(bytes, "fuzz");
    int64_t held = 0;
    for (const auto& [name, t] : file.tensors) held += t.numel() * item_size(t.dtype());
    fuzz::must(held <= 8 * static_cast<int64_t>(bytes.size()), "more data than the file can hold");
    const std::string written = to_safetensors(file.tensors, file.metadata);
    const TensorFile again = parse_safetensors(written, "fuzz");
    fuzz::must(again.metadata == file.metadata && again.tensors.size() == file.tensors.size(),
               "lost on the way");
    for (const auto& [name, t] : again.tensors)
      fuzz::must(t.shape() == file[name].shape() && t.dtype() == file[name].dtype(),
                 "another tensor");
    fuzz::must(to_safetensors(again.tensors, again.metadata) == written, "other bytes");
  });
}
