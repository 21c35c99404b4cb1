#include <fmt/format.h>
#include <regrad/algorithms/asc/listen.h>
#include <regrad/algorithms/asc/model.h>
#include <regrad/algorithms/asc/pictures.h>
#include <regrad/engine/error.h>
#include <regrad/engine/files.h>
#include <regrad/engine/ops.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <numeric>

namespace regrad::asc {
namespace {

// Of a whole file, where no model says otherwise.
constexpr LogMel usual{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64};
constexpr int64_t longest = 600 * 16000;  // samples that are drawn

Tensor heard(const scenes::Ear& ear, const std::string& file) {
  const Sound s = read_sound(file);
  try {
    return spectrogram(s, ear);
  } catch (const ConfigError& e) {  // such as a rate that cannot be resampled
    throw IOError(file + ": " + e.what());
  }
}

}  // namespace

std::string classify(const std::string& model, const std::vector<std::string>& files) {
  const SceneModel m = load_scene_model(model);
  std::string out;
  for (const std::string& file : files) {
    const std::vector<double> p = softmax(m.net(heard(m.ear, file)).to(DType::f64), -1).to_vector();
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
    out += file + ":";
    for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
      out += fmt::format("{} {} {:.1f}%", i ? "," : "", m.classes[order[i]], 100 * p[order[i]]);
    out += "\n";
  }
  return out;
}

std::string draw_spectrogram(const std::string& file, const std::string& png, const std::string& model) {
  scenes::Ear ear{usual, 0};
  if (model.empty()) {
    const Sound s = resample(mono(read_sound(file)), static_cast<int>(usual.rate));
    ear.samples = std::min(s.frames(), longest);
  } else {
    ear = load_scene_model(model).ear;
  }
  const Tensor x = heard(ear, file)[0][0];
  write_file(png, to_png(spectrogram_picture(x)));
  return fmt::format("{}: {} mel bands x {} frames, from {:.1f} to {:.1f}\n", png, x.size(0), x.size(1), amin(x).item(), amax(x).item());
}

bool is_command(int argc, const char* const* argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  return word == "classify" || word == "spectrogram";
}

std::string run_command(int argc, const char* const* argv) {
  CLI::App app("Listens to sound files.", "regrad-asc");
  app.require_subcommand(1);
  std::string model, png;
  std::vector<std::string> files;
  CLI::App* say = app.add_subcommand("classify", "the three most likely scenes of each sound file");
  say->add_option("MODEL", model, "safetensors file that regrad-asc left in models/")->required();
  say->add_option("FILE", files, "WAV, FLAC or OGG")->required();
  CLI::App* draw = app.add_subcommand("spectrogram", "the log-mel spectrogram of a sound file as PNG");
  draw->add_option("FILE", files, "WAV, FLAC or OGG")->required()->expected(1);
  draw->add_option("--png", png, "the picture to write")->required();
  draw->add_option("--model", model, "hear it as this model does (rate, level, length, front end)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    return (say->parsed() ? say : draw)->help();
  } catch (const CLI::ParseError& e) {
    throw ConfigError(std::string(e.what()) + "; regrad-asc --help says how");
  }
  return say->parsed() ? classify(model, files) : draw_spectrogram(files[0], png, model);
}

std::string commands_help() {
  return "\nTwo commands listen instead (with --help each says more):\n"
         "  regrad-asc classify MODEL FILE..                      the three most likely scenes of each sound file\n"
         "  regrad-asc spectrogram FILE --png OUT [--model MODEL] what the net sees of it, as a picture\n";
}

}  // namespace regrad::asc
