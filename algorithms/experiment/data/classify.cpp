#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/experiment/data/named_model.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/engine/functional.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <numeric>

namespace regrad::experiment {
namespace {

std::string value(const TensorFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? "" : found->second;
}

// What no classify reads, and what does.
struct Elsewhere {
  const char *net, *what;
};
constexpr Elsewhere elsewhere[] = {
    {"vit",
     "its net makes features and has no classes; regrad-sdssl embed makes features of pictures, "
     "and a k-NN or a probe classifies these"},
    {"few-shot",
     "its net is a start that learns a task from a few labelled examples (a support set), and "
     "without them it has no classes; a table of regrad-cml adapts and tests it"},
    {"bcresnet-kws", "its net is one that `regrad-rfn classify` reads"},
    {"pooled", "its net is one that `regrad-rfn classify` reads"},
    {"behind-norm", "its net is one that `regrad-asc classify` reads"},
    {"keywords", "its net is one that `regrad-asc classify` reads"},
    {"mean", "its net classifies texts; regrad-rde detect and attack read it"},
    {"cnn", "its net classifies texts; regrad-rde detect and attack read it"},
    {"bilstm", "its net classifies texts; regrad-rde detect and attack read it"},
    {"bert", "its net classifies texts; regrad-rde detect and attack read it"}};

void need_names(const TensorFile& file, size_t names, int64_t classes) {
  if (static_cast<int64_t>(names) == classes) return;
  throw IOError(file.where + ": its metadata's class_names name " + std::to_string(names) +
                " classes, and its net has " + std::to_string(classes) +
                "; a table that is run again, with --out, writes them");
}

template <class Net>
Classifier of_inputs(Net net, const Inputs& in) {
  return {in.info.classes, [net = std::move(net), in](const std::string& file) {
            return net(unsqueeze(in.of_file(file), 0))[0];
          }};
}

Classifier of_named(const TensorFile& file) {
  NamedModel m = named_model(file);
  need_names(file, m.inputs.info.classes.size(), m.options.classes);
  if (!m.inputs.sounds && m.inputs.info.mean.empty())
    throw IOError(file.where +
                  ": its metadata lack 'mean' and 'deviation', by which pixels are normalized; a "
                  "table of regrad-map, regrad-dcil or regrad-pqk, run again with --out, writes "
                  "them");
  return of_inputs(as_leaves(std::move(m.net), false), m.inputs);
}

Classifier of_gated(const TensorFile& file) {
  ppp::Global m = ppp::gated_model(file);
  return of_inputs(as_leaves(std::move(m.net), false), inputs_of(m.metadata, m.info, file.where));
}

Classifier of_scenes(const TensorFile& file) {
  SceneModel m = scene_model(file);
  return {m.classes, [net = std::move(m.net), front = m.front](const std::string& of) {
            return net(spectrogram_of(of, front))[0];
          }};
}

Classifier of_small_file(const std::string& path) {
  const InferenceNet net = load_inference(path);
  Inputs in = inputs_of(net.info(), path);
  in.info.classes = class_names(net);
  return of_inputs(net, in);
}

}  // namespace

std::vector<std::string> class_names(const InferenceNet& net) {
  const InferenceInfo& info = net.info();
  std::vector<std::string> out = info.classes;
  if (!out.empty()) return out;
  const int64_t n = net(zeros({1, info.channels, info.height, info.width})).size(1);
  for (int64_t k = 0; k < n; ++k) out.push_back("class " + std::to_string(k));
  return out;
}

Classifier load_classifier(const std::string& path, const std::vector<ClassifierReader>& own) {
  const TensorFile file = load_safetensors(path);
  if (file.metadata.count("format")) return of_small_file(path);
  const std::string net = value(file, "net");
  for (const ClassifierReader& reader : own)
    if (among(net, reader.nets)) return reader.read(file);
  if (net == "gated") return of_gated(file);
  if (net == scene_net) return of_scenes(file);
  if (among(net, net_names())) return of_named(file);
  for (const Elsewhere& e : elsewhere)
    if (net == e.net) throw IOError(path + ": " + e.what);
  if (net.empty())
    throw IOError(path +
                  ": its metadata do not name a net; give a file that a table left in models/ of "
                  "its --out, or one that regrad-sparse export wrote");
  throw IOError(path + ": its net is '" + net + "', which classify does not know");
}

std::string likeliest(const std::string& file, const Tensor& logits,
                      const std::vector<std::string>& classes) {
  const std::vector<double> p = softmax(logits.to(DType::f64), -1).to_vector();
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  std::string line = file + ":";
  for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
    line += fmt::format("{} {} {:.1f}%", i ? "," : "", classes.at(order[i]), 100 * p[order[i]]);
  return line;
}

bool run_classify(int argc, const char* const* argv, const Print& print,
                  const std::vector<ClassifierReader>& own) {
  if (argc < 2 || std::string(argv[1]) != "classify") return false;
  std::string program = argv[0];
  program = program.substr(program.rfind('/') + 1);  // npos + 1 is 0
  CLI::App app("Classifies pictures or sounds by a trained net.", program);
  app.require_subcommand(1);
  std::string model;
  std::vector<std::string> files;
  CLI::App* guess =
      app.add_subcommand("classify", "the three most likely classes of each file, by name");
  guess
      ->add_option("MODEL", model,
                   "safetensors file that a table left in models/ of its --out, or that "
                   "regrad-sparse export or regrad-ppp personalize wrote")
      ->required();
  guess
      ->add_option("FILE", files,
                   "pictures (PNG, JPEG) or sounds (WAV, FLAC, OGG), as the model takes; of any "
                   "size or rate")
      ->required();
  refuse_empty_paths(*guess);
  add_common(*guess);
  if (!parsed(app, argc, argv, print)) return true;
  const Classifier c = load_classifier(model, own);
  each_file(files, [&](const std::string& file) {
    const NoGrad quiet;
    print(likeliest(file, c.logits(file), c.classes) + "\n");
  });
  return true;
}

int main_with_classify(Experiment& experiment, int argc, const char* const* argv) {
  const auto command = [](int n, const char* const* words, const Print& print) {
    return run_classify(n, words, print);
  };
  const std::string help = classify_help("regrad-" + experiment.card().name);
  return main(experiment, argc, argv, command, help.c_str());
}

std::string classify_help(const std::string& program) {
  return "\nA command classifies your own pictures or sounds by a model of models/ (it has a "
         "--help):\n  " +
         program + " classify MODEL FILE..   the three most likely classes of each file\n";
}

}  // namespace regrad::experiment
