// A net of a person's own, made on the device: personalize MODEL OUT SOUND.. (a model that
// regrad-ppp left in models/; WAV, FLAC or OGG). No labels, no gradients, no training. Linked are
// regrad::algorithms and regrad::datasets; the front end stands in the file's metadata.
#include <regrad/algorithms/ppp/global.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/internal/decimal.h>

#include <cstdio>
#include <exception>

using namespace regrad;

int main(int argc, char** argv) try {
  if (argc < 4) return std::fprintf(stderr, "personalize MODEL OUT SOUND..\n"), 2;
  const ppp::Global global = ppp::load_global(argv[1]);
  const auto real = [&](const char* key) { return number_of(global.metadata.at(key)).value(); };
  const auto whole = [&](const char* key) { return static_cast<int64_t>(real(key)); };
  const LogMel front{.rate = whole("rate"),
                     .n_fft = whole("n_fft"),
                     .window = whole("window"),
                     .hop = whole("hop"),
                     .mels = whole("mels")};
  const auto seen = [&](const char* path) {  // [1,mels,frames]
    const Sound s = resample(mono(read_sound(path)), static_cast<int>(front.rate));
    const Tensor x = log_mel(tile(normalize_rms(s.samples, real("rms")), whole("samples")), front);
    return (x - real("shift")) / real("scale");
  };
  std::vector<Tensor> mine;
  for (int i = 3; i < argc; ++i) mine.push_back(seen(argv[i]));
  const ppp::Personal personal = ppp::personalize(global.net, stack(mine, 0));
  InferenceInfo info = global.info;  // with the front end, so that regrad-sparse runs it too
  for (const char* key : {"input", "rate", "n_fft", "window", "hop", "mels", "samples", "rms",
                          "words", "shift", "scale"})
    info.about[key] = global.metadata.at(key);
  const InferenceNet small = export_net(personal.net, info);
  save_inference(small, argv[2]);
  for (int i = 3; i < argc; ++i) {
    const auto best = static_cast<size_t>(argmax(small(seen(argv[i]).unsqueeze(0)), -1).item());
    std::printf("%s: %s\n", argv[i], global.info.classes[best].c_str());
  }
  std::printf("%lld multiply-adds a sound\n", static_cast<long long>(small.cost().macs));
  return 0;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "personalize: %s\n", e.what()), 1;
}
