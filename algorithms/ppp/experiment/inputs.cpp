#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <cmath>

namespace regrad::ppp {
namespace {

using namespace experiment;

// Of sounds: the metadata of a model's file, one for each part.
struct Facts {
  FrontEnd front = {};
  double shift = 0, scale = 1;

  static void parts(auto& self, auto&& part) {
    auto& f = self.front.mel;
    part("rate", f.rate, "", between(1, 4'000'000));
    part("n_fft", f.n_fft, "", between(2, 1 << 20));
    part("window", f.window, "", between(0, 1 << 20));
    part("hop", f.hop, "", between(1, 1 << 20));
    part("mels", f.mels, "", between(1, 65536));
    part("samples", self.front.samples, "", between(1, 1 << 26));
    part("rms", self.front.rms, "", above(0));
    part("shift", self.shift);
    part("scale", self.scale, "", above(0));
  }
};

// Shift and scale: about the mean and the deviation of speech at these front ends; fixed, so that
// nobody's recordings move anybody else's inputs.
Inputs of_sounds(const FrontEnd& front, const std::vector<std::string>& classes) {
  Inputs in{.sounds = true, .front = front, .shift = -4, .scale = 4};
  in.info = {1, front.mel.mels, front.mel.frames(front.samples), classes, {}, {}};
  return in;
}

}  // namespace

Inputs speech_inputs(const std::vector<std::string>& classes) {
  return of_sounds({{.rate = 8000, .n_fft = 512, .window = 400, .hop = 256, .mels = 40}, 8000},
                   classes);
}

Inputs inputs_for_folder(bool sounds, const Settings& s) {
  if (sounds)
    return of_sounds({{.rate = 16000, .n_fft = 1024, .window = 800, .hop = 512, .mels = 40},
                      std::llround(16000 * s.seconds)},
                     {});
  Inputs in;
  in.info = {3, s.size, s.size, {}, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  return in;
}

Tensor Inputs::of_sound(const Sound& s) const {
  const Tensor x = log_mel(prepared(s, front), front.mel);
  return unsqueeze((x - shift) / scale, 0);
}

Tensor Inputs::of_picture(const Tensor& picture) const {
  const Tensor x = picture.to(DType::f32) / 255.0;
  if (info.mean.empty()) return x;
  const Shape per{info.channels, 1, 1};
  return (x - from_data(info.mean.data(), per, DType::f32)) /
         from_data(info.deviation.data(), per, DType::f32);
}

Metadata to_metadata(const Inputs& inputs) {
  Metadata out = {{"input", inputs.sounds ? "sounds" : "pictures"}};
  if (!inputs.sounds) return out;
  Facts facts{inputs.front, inputs.shift, inputs.scale};
  for (const Field& field : fields(facts)) out[field.name] = text(field);
  return out;
}

Inputs inputs_of(const Metadata& metadata, const InferenceInfo& info, const std::string& where) {
  const auto value = [&](const std::string& key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw IOError(where + ": its metadata lack '" + key + "'");
    return found->second;
  };
  const std::string kind = value("input");
  if (kind != "sounds" && kind != "pictures")
    throw IOError(where + ": its metadata's input is '" + kind + "', not sounds or pictures");
  Inputs out{.sounds = kind == "sounds", .info = info};
  if (!out.sounds) {
    if (info.channels != 1 && info.channels != 3)
      throw IOError(where + ": the net takes " + std::to_string(info.channels) +
                    " channels, pictures have 1 or 3");
    return out;
  }
  Facts facts;
  for (Field& field : fields(facts)) {
    if (!parse(field, value(field.name)))
      throw IOError(where + ": its metadata's " + field.name + " is '" + value(field.name) +
                    "', not " + expected(field));
    if (const std::string what = out_of_range(field); !what.empty())
      throw IOError(where + ": its metadata's " + what);
  }
  out.front = facts.front, out.shift = facts.shift, out.scale = facts.scale;
  const LogMel& mel = out.front.mel;
  if (info.channels != 1 || mel.mels != info.height || mel.mels > mel.n_fft / 2 + 1 ||
      mel.n_fft % 2 || mel.window > mel.n_fft || mel.frames(out.front.samples) != info.width)
    throw IOError(where + ": its front end does not give the net's inputs");
  return out;
}

}  // namespace regrad::ppp
