#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/data/facts.h>
#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

namespace regrad::experiment {
namespace {

// Of sounds: the metadata of a model's file, one for each part.
struct Facts {
  Inputs in = {};

  static void parts(auto& self, auto&& part) {
    front_parts(self.in.front, part);
    part("words", self.in.words);
    part("shift", self.in.shift);
    part("scale", self.in.scale, "", above(0));
  }
};

void check_front(const Inputs& in, const std::string& where) {
  const LogMel& mel = in.front.mel;
  if (in.info.channels != 1 || mel.mels != in.info.height || mel.mels > mel.n_fft / 2 + 1 ||
      mel.n_fft % 2 || mel.window > mel.n_fft ||
      mel.frames(in.front.samples) != in.info.width + (in.words ? 1 : 0))
    throw IOError(where + ": its front end does not give the net's inputs");
}

}  // namespace

Tensor Inputs::of_sound(const Sound& s) const {
  const Tensor x = words ? first_samples(s, front) : unsqueeze(prepared(s, front), 0);
  const Tensor all = log_mel(x, front.mel);
  return (slice(all, 2, 0, info.width).contiguous() - shift) / scale;
}

Tensor Inputs::of_picture(const Tensor& picture) const {
  const Tensor x = picture.to(DType::f32) / 255.0;
  if (info.mean.empty()) return x;
  const Shape per{info.channels, 1, 1};
  return (x - from_data(info.mean.data(), per, DType::f32)) /
         from_data(info.deviation.data(), per, DType::f32);
}

Tensor Inputs::of_file(const std::string& path) const {
  if (sounds) {
    const Sound s = read_sound(path);
    try {
      return of_sound(s);
    } catch (const ConfigError& e) {  // a rate that cannot be brought to the model's
      throw IOError(path + ": " + e.what());
    }
  }
  return of_picture(load_picture(
      path,
      {.height = info.height, .width = info.width, .channels = static_cast<int>(info.channels)}));
}

Metadata to_metadata(const Inputs& inputs) {
  Metadata out = {{"input", inputs.sounds ? "sounds" : "pictures"}};
  if (!inputs.sounds) return out;
  Facts facts{inputs};
  for (const Field& field : fields(facts)) out[field.name] = text(field);
  return out;
}

Inputs inputs_of(const Metadata& metadata, const InferenceInfo& info, const std::string& where) {
  const auto found = metadata.find("input");
  if (found == metadata.end()) throw IOError(where + ": its metadata lack 'input'");
  const std::string& kind = found->second;
  if (kind != "sounds" && kind != "pictures")
    throw IOError(where + ": its metadata's input is '" + kind + "', not sounds or pictures");
  Facts facts;
  facts.in.info = info;
  if (kind == "pictures") {
    if (info.channels != 1 && info.channels != 3)
      throw IOError(where + ": the net takes " + std::to_string(info.channels) +
                    " channels, pictures have 1 or 3");
    return facts.in;
  }
  facts.in.sounds = true;
  read_facts(facts, metadata, where, "its metadata lack");
  check_front(facts.in, where);
  return facts.in;
}

Inputs inputs_of(const InferenceInfo& info, const std::string& where) {
  return inputs_of(info.about.empty() ? Metadata{{"input", "pictures"}} : info.about, info, where);
}

}  // namespace regrad::experiment
