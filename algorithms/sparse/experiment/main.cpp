// regrad-sparse: from a pruned model to a small file that runs fast.
#include <fmt/format.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/experiment/data/named_model.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>
#include <regrad/engine/version.h>
#include <regrad/layers/export.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

using namespace regrad;

namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

const std::map<std::string, InferenceMode> modes = {{"automatic", InferenceMode::automatic},
                                                    {"dense", InferenceMode::dense},
                                                    {"sparse", InferenceMode::sparse},
                                                    {"integers", InferenceMode::integers}};

struct Options {
  std::string model, out, mode = "automatic";
  std::vector<std::string> examples;
  int64_t batch = 1;
  bool keep_filters = false;
};

std::string table_of(const InferenceNet& net) {
  std::string out =
      fmt::format("{:<6}{:<10}{:>20}{:>12}{:>12}{:>10}{}\n", "layer", "kind", "weight", "weights",
                  "not 0", "sparsity", net.has_levels() ? "  bits, of inputs" : "");
  for (size_t i = 0; i < net.layers().size(); ++i) {
    const InferenceLayer& l = net.layers()[i];
    const Tensor& w = l.weight;
    if (!w.defined() || w.dim() < 2) continue;
    const int64_t n = w.numel(), zeros = std::count(w.data<float>(), w.data<float>() + n, 0.0f);
    out += fmt::format(
        "{:<6}{:<10}{:>20}{:>12}{:>12}{:>9.1f}%{}\n", i, w.dim() == 4 ? "conv" : "linear",
        str(w.shape()), n, n - zeros, 100.0 * static_cast<double>(zeros) / static_cast<double>(n),
        l.levels ? fmt::format("{:>6}{:>11}", l.levels->bits, l.levels->input_bits) : "");
  }
  const InferenceNet::Cost c = net.cost();
  return out +
         fmt::format("{} of {} parameters are not 0; {} of {} multiply-accumulates per example\n",
                     c.nonzeros, c.parameters, c.sparse_macs, c.macs);
}

// What does not fit in a model's file is an IOError that names it, whatever found it.
template <class F>
auto of_file(const std::string& where, F&& make) {
  const auto named = [&](const Error& e) {
    const std::string what = e.what();
    return IOError(what.rfind(where, 0) == 0 ? what : where + ": " + what);
  };
  try {
    return make();
  } catch (const ShapeError& e) {
    throw named(e);
  } catch (const DTypeError& e) {
    throw named(e);
  } catch (const ConfigError& e) {
    throw named(e);
  }
}

InferenceNet exported(const TensorFile& file, const Options& o) {
  const experiment::NamedModel m = experiment::named_model(file);
  const InferenceInfo& info = m.inputs.info;
  return export_net(m.net.net, m.options,
                    {.classes = info.classes,
                     .mean = info.mean,
                     .deviation = info.deviation,
                     .about = info.about,
                     .remove_filters = !o.keep_filters,
                     .quantization = m.net.quantize ? m.net.few.layers(m.net.ranges)
                                                    : std::vector<LayerQuantization>()});
}

void do_export(const Options& o) {
  std::error_code unseen;
  if (std::filesystem::equivalent(o.model, o.out, unseen))
    throw ConfigError("--out " + o.out + ": is the model itself");
  const TensorFile file = load_safetensors(o.model);
  const InferenceNet out = of_file(o.model, [&] { return exported(file, o); });
  save_inference(out, o.out);
  print(table_of(out) + fmt::format("{}: {} bytes (the model: {})\n", o.out,
                                    std::filesystem::file_size(o.out),
                                    std::filesystem::file_size(o.model)));
}

void do_run(const Options& o) {
  const InferenceNet net = load_inference(o.model, modes.at(o.mode));
  const experiment::Inputs in = experiment::inputs_of(net.info(), o.model);
  const std::vector<std::string> classes = experiment::class_names(net);
  experiment::each_file(o.examples, [&](const std::string& path) {
    print(experiment::likeliest(path, net(unsqueeze(in.of_file(path), 0))[0], classes) + "\n");
  });
}

// Of 9 runs at least, after 3 to warm up; of as many as a second holds.
double median_ms(const InferenceNet& net, const Tensor& x) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 3; ++i) net(x);
  std::vector<double> times;
  for (double all = 0; times.size() < 9 || (all < 1000 && times.size() < 10000);) {
    const auto start = Clock::now();
    net(x);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    all += times.back();
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

void do_bench(const Options& o) {
  const InferenceNet net = load_inference(o.model, InferenceMode::sparse);
  const InferenceInfo& info = net.info();
  experiment::check_memory({{sizeof(float) * static_cast<double>(o.batch * info.channels) *
                                 static_cast<double>(info.height * info.width),
                             "the examples"}},
                           "--batch " + std::to_string(o.batch));
  const Tensor x = normal(Random(1), {o.batch, info.channels, info.height, info.width});
  const double sparse = median_ms(net, x),
               dense = median_ms(net.with_mode(InferenceMode::dense), x);
  std::string line = fmt::format(
      "batch {}, {} thread{}: sparse {:.3f} ms, dense {:.3f} ms, {:.2f} times faster", o.batch,
      num_threads(), num_threads() == 1 ? "" : "s", sparse, dense, dense / sparse);
  if (net.has_levels()) {
    const double whole = median_ms(net.with_mode(InferenceMode::integers), x);
    line +=
        fmt::format("; integers {:.3f} ms, {:.2f} times faster than dense", whole, dense / whole);
  }
  print(table_of(net) + line + "\n");
}

void act(int argc, const char* const* argv) {
  set_num_threads(1);
  CLI::App app("Makes a small, fast file of a pruned net, and runs it.", "regrad-sparse");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text(),
                       "versions of regrad, OpenBLAS and the instruction set in use");
  Options o;
  CLI::App* exports = app.add_subcommand(
      "export",
      "fold norms, masks and attention of a model that regrad-map, regrad-dcil or regrad-pqk left "
      "in models/");
  exports->add_option("MODEL", o.model, "safetensors file of a deployed net")->required();
  exports->add_option("--out", o.out, "the file to write")->required();
  exports->add_flag("--keep-filters", o.keep_filters,
                    "do not take out filters whose weights are all 0");
  CLI::App* run = app.add_subcommand("run", "classify pictures or sounds");
  run->add_option("FILE", o.model, "what export wrote")->required();
  run->add_option("EXAMPLE", o.examples, "PNG or JPEG files; of a net of sounds WAV, FLAC or OGG")
      ->required();
  run->add_option("--mode", o.mode, "automatic, dense, sparse or integers")
      ->check(CLI::IsMember(modes));
  CLI::App* bench = app.add_subcommand("bench", "latency, sparsity by layer, multiply-accumulates");
  bench->add_option("FILE", o.model, "what export wrote")->required();
  bench->add_option("--batch", o.batch, "examples at once")->check(CLI::Range(1, 65536));
  for (CLI::App* sub : {exports, run, bench}) experiment::add_common(*sub, "1");
  for (CLI::App* sub : {exports, run, bench})
    for (CLI::Option* option : sub->get_options())
      if (option->get_expected_min() > 0)
        option->check([](const std::string& value) {
          return std::string(value.empty() ? "an empty value" : "");
        });
  if (!experiment::parsed(app, argc, argv, print)) return;
  if (exports->parsed()) do_export(o);
  if (run->parsed()) do_run(o);
  if (bench->parsed()) do_bench(o);
}

}  // namespace

int main(int argc, char** argv) {
  return experiment::exit_code_of([&] { act(argc, argv); });
}
