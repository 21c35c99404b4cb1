#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/sdssl/experiment/command.h>
#include <regrad/algorithms/sdssl/experiment/model.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/npy.h>
#include <CLI/CLI.hpp>

#include <filesystem>

namespace regrad::sdssl {
namespace {

// Of the pictures, below the folder, a line each.
std::string listed(const std::vector<std::string>& all, const std::string& folder) {
  std::string out;
  for (const std::string& one : all) {
    // not by where links lead
    const std::string name = std::filesystem::path(one).lexically_relative(folder).string();
    if (name.find('\n') != std::string::npos)
      throw IOError("'" + name + "': a name with a line break does not fit into a list of names");
    out += name + "\n";
  }
  return out;
}

void embed_files(const std::string& folder, const std::string& path, const std::string& out,
                 int64_t layer, const Print& print) {
  experiment::check_file("--out", out);
  const Model model = load_model(path);
  const std::vector<std::string> all = pictures(folder);
  const std::string names = listed(all, folder);
  const Tensor features = embed(model, all, layer ? layer : model.net.options.layers);
  const std::string list = std::filesystem::path(out).replace_extension(".txt").string();
  save_npy(out, features);
  write_file(list, names);
  print(out + ": " + std::to_string(features.size(0)) + " pictures, " +
        std::to_string(features.size(1)) + " numbers each; their names in " + list + "\n");
}

}  // namespace

bool run_command(int argc, const char* const* argv, const Print& print) {
  if (argc < 2 || std::string(argv[1]) != "embed") return false;
  CLI::App app("Features of pictures by a trained net.", "regrad-sdssl");
  app.require_subcommand(1);
  std::string folder, model, out;
  int64_t layer = 0;
  CLI::App* embedder =
      app.add_subcommand("embed", "features of all pictures below a folder, for any other program");
  embedder->add_option("DIR", folder, "a folder of PNG or JPEG pictures, in folders or not")
      ->required();
  embedder->add_option("--model", model, "safetensors file that regrad-sdssl left in models/")
      ->required();
  embedder
      ->add_option("--out", out,
                   "the .npy file to write, [pictures, width] f32; beside it a "
                   ".txt with the pictures' names")
      ->required();
  embedder->add_option("--layer", layer, "1 to the net's depth; 0: the last")
      ->capture_default_str();
  experiment::add_common(*embedder);
  if (!experiment::parsed(app, argc, argv, print)) return true;
  if (std::filesystem::path(out).extension() != ".npy")
    throw ConfigError("--out " + out + ": must end in .npy");
  embed_files(folder, model, out, layer, print);
  return true;
}

const char* const commands_help =
    "\nOne command works on files instead (it has a --help):\n"
    "  regrad-sdssl embed DIR --model M --out features.npy   features of pictures\n";

}  // namespace regrad::sdssl
