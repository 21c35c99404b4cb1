#include <fmt/format.h>
#include <regrad/algorithms/asc/experiment/files.h>
#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <numeric>

namespace regrad::asc {
namespace {

// Of a whole file, where no model has others.
constexpr LogMel usual{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64};
constexpr int64_t longest = 600 * 16000;  // samples that are drawn

Tensor spectrogram_of(const experiment::FrontEnd& front, const std::string& file) {
  const Sound s = read_sound(file);
  try {
    return experiment::spectrogram(s, front);
  } catch (const ConfigError& e) {  // such as a rate that cannot be resampled
    throw IOError(file + ": " + e.what());
  }
}

}  // namespace

void classify(const std::string& model, const std::vector<std::string>& files, const Print& print) {
  const experiment::SceneModel m = experiment::load_scene_model(model);
  experiment::each_file(files, [&](const std::string& file) {
    const std::vector<double> p =
        softmax(m.net(spectrogram_of(m.front, file)).to(DType::f64), -1).to_vector();
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
    std::string line = file + ":";
    for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
      line += fmt::format("{} {} {:.1f}%", i ? "," : "", m.classes[order[i]], 100 * p[order[i]]);
    print(line + "\n");
  });
}

std::string draw_spectrogram(const std::string& file, const std::string& png,
                             const std::string& model) {
  experiment::FrontEnd front{usual, 0};
  if (model.empty()) {
    const Sound s = resample(mono(read_sound(file)), static_cast<int>(usual.rate));
    front.samples = std::min(s.frames(), longest);
  } else {
    front = experiment::load_scene_model(model).front;
  }
  const Tensor x = spectrogram_of(front, file)[0][0];
  write_file(png, to_png(spectrogram_picture(x)));
  return fmt::format("{}: {} mel bands x {} frames, from {:.1f} to {:.1f}\n", png, x.size(0),
                     x.size(1), amin(x).item(), amax(x).item());
}

bool run_command(int argc, const char* const* argv, const Print& print) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word != "classify" && word != "spectrogram") return false;
  CLI::App app("Classifies sound files.", "regrad-asc");
  app.require_subcommand(1);
  std::string model, png;
  std::vector<std::string> files;
  CLI::App* guess =
      app.add_subcommand("classify", "the three most likely scenes of each sound file");
  guess->add_option("MODEL", model, "safetensors file that regrad-asc left in models/")->required();
  guess->add_option("FILE", files, "WAV, FLAC or OGG")->required();
  CLI::App* draw =
      app.add_subcommand("spectrogram", "the log-mel spectrogram of a sound file as PNG");
  draw->add_option("FILE", files, "WAV, FLAC or OGG")->required()->expected(1);
  draw->add_option("--png", png, "the picture to write")->required();
  draw->add_option("--model", model, "as this model's front end has it (rate, level, length)");
  for (CLI::App* sub : {guess, draw})
    for (CLI::Option* option : sub->get_options())
      if (option->get_expected_min() > 0)
        option->check([](const std::string& path) {
          return std::string(path.empty() ? "an empty path" : "");
        });
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    print((guess->parsed() ? guess : draw)->help());
    return true;
  } catch (const CLI::ParseError& e) {
    throw ConfigError(std::string(e.what()) + "; see regrad-asc --help");
  }
  if (guess->parsed()) {
    classify(model, files, print);
    return true;
  }
  std::error_code ignored;
  if (std::filesystem::equivalent(files[0], png, ignored))
    throw ConfigError("--png " + png + ": is the sound file itself");
  print(draw_spectrogram(files[0], png, model));
  return true;
}

const char* const commands_help =
    "\nTwo commands read sound files instead (each has a --help):\n"
    "  regrad-asc classify MODEL FILE..                      the three most likely scenes of each "
    "sound file\n"
    "  regrad-asc spectrogram FILE --png OUT [--model MODEL] what the net sees of it, as a "
    "picture\n";

}  // namespace regrad::asc
