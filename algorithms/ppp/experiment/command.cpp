#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/ppp/experiment/command.h>
#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/engine/functional.h>
#include <CLI/CLI.hpp>

#include <filesystem>

namespace regrad::ppp {
namespace {

std::string channels_of(const Tensors& masks) {
  std::string out;
  for (const Tensor& m : masks)
    out +=
        fmt::format("{}{} of {}", out.empty() ? "" : ", ", std::llround(sum(m).item()), m.size(0));
  return out;
}

void personalize_files(const std::string& model, const std::string& samples, const std::string& out,
                       const Print& print) {
  std::error_code unseen;
  if (std::filesystem::equivalent(model, out, unseen))
    throw ConfigError("--out " + out + ": is the model itself");
  experiment::check_file("--out", out);
  Global global = load_global(model);
  const Inputs in = inputs_of(global.metadata, global.info, model);
  if (in.sounds) global.info.about = to_metadata(in);
  const Tensor x = load_samples(samples, in);
  const Personal mine = personalize(global.net, x);
  Tensors all;
  for (const Tensor& m : mine.masks) all.push_back(ones_like(m));
  const InferenceNet small = export_net(mine.net, global.info),
                     whole = export_net(cut(global.net, all), global.info);
  save_inference(small, out);
  const auto share = [](int64_t part, int64_t of) {
    return 100 * static_cast<double>(part) / static_cast<double>(of);
  };
  print(fmt::format("{} sample{}; {} kept by block: {}\n", x.size(0), x.size(0) == 1 ? "" : "s",
                    global.options.gate == GateKind::block ? "branches" : "channels",
                    channels_of(mine.masks)));
  print(fmt::format(
      "{}: {} bytes, {} multiply-adds ({:.1f}% of the full net's), {} parameters ({:.1f}%)\n", out,
      std::filesystem::file_size(out), small.cost().macs,
      share(small.cost().macs, whole.cost().macs), small.cost().parameters,
      share(small.cost().parameters, whole.cost().parameters)));
}

}  // namespace

bool run_command(int argc, const char* const* argv, const Print& print) {
  if (argc < 2 || std::string(argv[1]) != "personalize") return false;
  CLI::App app("Cuts a model for one person.", "regrad-ppp");
  app.require_subcommand(1);
  std::string model, samples, out;
  CLI::App* cutter = app.add_subcommand(
      "personalize",
      "a net of a person's own: no labels, no gradients, no training; regrad-sparse runs it");
  cutter->add_option("--model", model, "safetensors file that regrad-ppp left in models/")
      ->required();
  cutter
      ->add_option("--samples", samples,
                   "a folder of the person's WAV, FLAC or OGG sounds, or PNG or JPEG pictures")
      ->required();
  cutter->add_option("--out", out, "the file to write")->required();
  experiment::refuse_empty_paths(*cutter);
  experiment::add_common(*cutter);
  if (!experiment::parsed(app, argc, argv, print)) return true;
  personalize_files(model, samples, out, print);
  return true;
}

const char* const commands_help =
    "\nOne command works on files instead (it has a --help):\n"
    "  regrad-ppp personalize --model M --samples DIR --out FILE   a net of a person's own\n";

}  // namespace regrad::ppp
