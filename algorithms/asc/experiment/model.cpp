#include <regrad/algorithms/asc/experiment/model.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/serialize.h>

#include <cmath>

namespace regrad::asc {
namespace {

std::string digits(double v) { return decimal(v, 17); }

struct Reader {
  const TensorFile& file;
  const std::string& text(const char* key) const {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end())
      throw IOError(file.where + ": no model of regrad-asc: its metadata lack '" + key + "'");
    return found->second;
  }
  double real(const char* key) const {
    const std::string& t = text(key);
    const std::optional<double> v = number_of(t);
    if (!v || !std::isfinite(*v))
      throw IOError(file.where + ": its metadata's " + key + " is '" + t + "'");
    return *v;
  }
  int64_t whole(const char* key, int64_t low, int64_t high) const {
    const double v = real(key);
    if (!(v >= static_cast<double>(low) && v <= static_cast<double>(high)) || v != std::floor(v))
      throw IOError(file.where + ": its metadata's " + key + " is '" + text(key) +
                    "'; a whole number from " + std::to_string(low) + " to " +
                    std::to_string(high));
    return static_cast<int64_t>(v);
  }
};

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size() && !text.empty();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

LogMel mel_of(const Reader& m) {
  LogMel f;
  f.rate = m.whole("rate", 1, 4'000'000), f.n_fft = m.whole("n_fft", 2, 1 << 20),
  f.window = m.whole("window", 0, 1 << 20);
  f.hop = m.whole("hop", 1, 1 << 20), f.mels = m.whole("mels", 1, 65536);
  f.f_min = m.real("f_min"), f.f_max = m.real("f_max"), f.power = m.real("power"),
  f.offset = m.real("offset");
  f.scale = m.whole("slaney_scale", 0, 1) ? MelScale::slaney : MelScale::htk;
  f.norm = m.whole("slaney_norm", 0, 1) ? MelNorm::slaney : MelNorm::none;
  f.center = m.whole("center", 0, 1) == 1;
  return f;
}

}  // namespace

Tensor spectrogram(const Sound& s, const experiment::FrontEnd& front) {
  return reshape(log_mel(experiment::prepared(s, front), front.mel),
                 {1, 1, front.mel.mels, front.mel.frames(front.samples)});
}

Metadata to_metadata(const BcResnetAscOptions& o, const experiment::FrontEnd& front,
                     const std::vector<std::string>& classes) {
  std::string names;
  for (const std::string& c : classes) names += (names.empty() ? "" : "\n") + c;
  const LogMel& f = front.mel;
  return {{"net", "bcresnet-asc"},
          {"tau", digits(o.tau)},
          {"bands", std::to_string(o.bands)},
          {"norm", name(o.norm)},
          {"lambda", digits(o.lambda)},
          {"input_only", o.input_only ? "1" : "0"},
          {"class_names", names},
          {"rate", std::to_string(f.rate)},
          {"n_fft", std::to_string(f.n_fft)},
          {"window", std::to_string(f.window)},
          {"hop", std::to_string(f.hop)},
          {"mels", std::to_string(f.mels)},
          {"f_min", digits(f.f_min)},
          {"f_max", digits(f.f_max)},
          {"slaney_scale", f.scale == MelScale::slaney ? "1" : "0"},
          {"slaney_norm", f.norm == MelNorm::slaney ? "1" : "0"},
          {"power", digits(f.power)},
          {"offset", digits(f.offset)},
          {"center", f.center ? "1" : "0"},
          {"samples", std::to_string(front.samples)},
          {"rms", digits(front.rms)}};
}

SceneModel load_scene_model(const std::string& path) {
  const TensorFile file = load_safetensors(path);
  const Reader m{file};
  if (m.text("net") != "bcresnet-asc")
    throw IOError(path + ": its metadata's net is '" + m.text("net") +
                  "'; a model of regrad-asc has bcresnet-asc");
  SceneModel out;
  out.classes = lines(m.text("class_names"));
  if (out.classes.empty()) throw IOError(path + ": its metadata's class_names are empty");
  out.front = {mel_of(m), m.whole("samples", 1, 1 << 26), m.real("rms")};
  BcResnetAscOptions& o = out.options;
  o.tau = m.real("tau"), o.bands = m.whole("bands", 1, 65536), o.lambda = m.real("lambda"),
  o.input_only = m.whole("input_only", 0, 1) == 1;
  o.classes = static_cast<int64_t>(out.classes.size());
  if (!(o.tau > 0 && o.tau <= 100))
    throw IOError(path + ": its metadata's tau is '" + m.text("tau") + "'");
  if (!(out.front.rms > 0)) throw IOError(path + ": its metadata's rms is '" + m.text("rms") + "'");
  try {
    o.norm = freq_norm(m.text("norm"));
    out.net = as_leaves(with_tensors(BcResnetAsc(Random(0), o), file), false);
    mel_filters(out.front.mel);
  } catch (const IOError&) {
    throw;
  } catch (const Error& e) {  // a file that contradicts itself
    throw IOError(path + ": " + e.what());
  }
  return out;
}

}  // namespace regrad::asc
