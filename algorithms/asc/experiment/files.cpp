#include <fmt/format.h>
#include <regrad/algorithms/asc/experiment/files.h>
#include <regrad/algorithms/asc/experiment/models.h>
#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>

namespace regrad::asc {
namespace {

// Of a whole file, where no model has others.
constexpr LogMel usual{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64};
constexpr int64_t longest = 600 * 16000;  // samples that are drawn

}  // namespace

std::string draw_spectrogram(const std::string& file, const std::string& png,
                             const std::string& model) {
  experiment::FrontEnd front{usual, 0};
  if (model.empty()) {
    const Sound s = resample(mono(read_sound(file)), static_cast<int>(usual.rate));
    front.samples = std::min(s.frames(), longest);
  } else {
    front = experiment::load_scene_model(model).front;
  }
  const Tensor x = experiment::spectrogram_of(file, front)[0][0];
  write_file(png, to_png(spectrogram_picture(x)));
  return fmt::format("{}: {} mel bands x {} frames, from {:.1f} to {:.1f}\n", png, x.size(0),
                     x.size(1), amin(x).item(), amax(x).item());
}

bool run_command(int argc, const char* const* argv, const Print& print) {
  if (argc < 2 || std::string(argv[1]) != "spectrogram")
    return experiment::run_classify(argc, argv, print, classifier_readers());
  CLI::App app("Draws sound files.", "regrad-asc");
  app.require_subcommand(1);
  std::string file, model, png;
  CLI::App* draw =
      app.add_subcommand("spectrogram", "the log-mel spectrogram of a sound file as PNG");
  draw->add_option("FILE", file, "WAV, FLAC or OGG")->required();
  draw->add_option("--png", png, "the picture to write")->required();
  draw->add_option("--model", model, "as this model's front end has it (rate, level, length)");
  experiment::refuse_empty_paths(*draw);
  experiment::add_common(*draw);
  if (!experiment::parsed(app, argc, argv, print)) return true;
  std::error_code ignored;
  if (std::filesystem::equivalent(file, png, ignored))
    throw ConfigError("--png " + png + ": is the sound file itself");
  print(draw_spectrogram(file, png, model));
  return true;
}

const char* const commands_help =
    "\nTwo commands read files instead (each has a --help):\n"
    "  regrad-asc classify MODEL FILE..                      the three most likely classes of each "
    "sound\n"
    "  regrad-asc spectrogram FILE --png OUT [--model MODEL] what the net sees of it, as a "
    "picture\n";

}  // namespace regrad::asc
