// One WAV, FLAC or OGG file.
#include <regrad/datasets/audio/sound.h>

#include <cmath>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const Sound s = parse_sound(bytes, "fuzz");
    fuzz::must(s.rate >= 1 && s.channels() >= 1 && s.channels() <= 64 && s.frames() >= 1,
               "a sound of nothing");
    fuzz::must(s.samples.numel() <= static_cast<int64_t>(bytes.size()) * 1024 + (1 << 20),
               "more samples than the file may hold");
    const float* const x = s.samples.data<float>();
    for (int64_t i = 0; i < s.samples.numel(); ++i)
      fuzz::must(std::isfinite(x[i]), "a sample that is not finite");
    fuzz::must(mono(s).frames() == s.frames(), "mono lost frames");
  });
}
