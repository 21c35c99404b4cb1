// Which scene a sound is, by a net that regrad-asc left in models/: classify_sound MODEL SOUND..
// (WAV, FLAC or OGG). Linked are regrad::layers and regrad::datasets; the front end stands in the
// file's metadata.
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/serialize.h>

#include <cstdio>
#include <exception>
#include <sstream>

using namespace regrad;

int main(int argc, char** argv) try {
  if (argc < 3) return std::fprintf(stderr, "classify_sound MODEL SOUND..\n"), 2;
  const NoGrad quiet;
  const TensorFile file = load_safetensors(argv[1]);
  const auto real = [&](const char* key) { return number_of(file.metadata.at(key)).value(); };
  const auto whole = [&](const char* key) {
    return static_cast<int64_t>(std::stoll(file.metadata.at(key)));
  };
  std::vector<std::string> classes;
  std::istringstream names(file.metadata.at("class_names"));
  for (std::string name; std::getline(names, name);) classes.push_back(name);
  const BcResnetAscOptions options{.tau = real("tau"),
                                   .classes = static_cast<int64_t>(classes.size()),
                                   .norm = freq_norm(file.metadata.at("norm")),
                                   .lambda = real("lambda")};
  const BcResnetAsc net = with_tensors(BcResnetAsc(Random(0), options), file);
  const LogMel front{.rate = whole("rate"),
                     .n_fft = whole("n_fft"),
                     .window = whole("window"),
                     .hop = whole("hop"),
                     .mels = whole("mels")};
  for (int i = 2; i < argc; ++i) {
    const Sound s = resample(mono(read_sound(argv[i])), static_cast<int>(front.rate));
    // [1,mels,frames]
    const Tensor x = log_mel(tile(normalize_rms(s.samples, real("rms")), whole("samples")), front);
    const std::vector<double> p = softmax(net(x.unsqueeze(0)), -1)[0].to_vector();
    size_t best = 0;
    for (size_t c = 1; c < p.size(); ++c) best = p[c] > p[best] ? c : best;
    std::printf("%s: %s %.1f%%\n", argv[i], classes[best].c_str(), 100 * p[best]);
  }
  return 0;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "classify_sound: %s\n", e.what()), 1;
}
