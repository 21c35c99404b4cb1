#include <regrad/algorithms/experiment/data/facts.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/split.h>

namespace regrad::experiment {
namespace {

// All but the net's tensors: the metadata of a model's file, one for each part.
struct Facts {
  BcResnetAscOptions options = {};
  FrontEnd front = {};
  std::string net = scene_net, norm = {}, class_names = {};
  bool slaney_scale = false, slaney_norm = false;

  static void parts(auto& self, auto&& part) {
    auto& o = self.options;
    auto& f = self.front.mel;
    part("net", self.net);
    part("tau", o.tau, "", Range{0, 100, true});
    part("bands", o.bands, "", between(1, 65536));
    part("norm", self.norm);
    part("lambda", o.lambda);
    part("input_only", o.input_only);
    part("class_names", self.class_names);
    front_parts(self.front, part);
    part("f_min", f.f_min);
    part("f_max", f.f_max);
    part("slaney_scale", self.slaney_scale);
    part("slaney_norm", self.slaney_norm);
    part("power", f.power);
    part("offset", f.offset);
    part("center", f.center);
  }
};

Facts facts_of(const TensorFile& file, const std::string& net) {
  Facts out;
  read_facts(out, file.metadata, file.where,
             "no model of regrad-asc or regrad-rfn: its metadata lack");
  if (out.net != net)
    throw IOError(file.where + ": its metadata's net is '" + out.net + "', not " + net);
  out.front.mel.scale = out.slaney_scale ? MelScale::slaney : MelScale::htk;
  out.front.mel.norm = out.slaney_norm ? MelNorm::slaney : MelNorm::none;
  return out;
}

}  // namespace

Tensor spectrogram(const Sound& s, const FrontEnd& front) {
  return reshape(log_mel(prepared(s, front), front.mel),
                 {1, 1, front.mel.mels, front.mel.frames(front.samples)});
}

Tensor spectrogram_of(const std::string& file, const FrontEnd& front) {
  const Sound s = read_sound(file);
  try {
    return spectrogram(s, front);
  } catch (const ConfigError& e) {  // such as a rate that cannot be resampled
    throw IOError(file + ": " + e.what());
  }
}

Metadata to_metadata(const BcResnetAscOptions& options, const FrontEnd& front,
                     const std::vector<std::string>& classes, const std::string& net) {
  Facts facts{options, front, net};
  facts.norm = name(options.norm), facts.class_names = joined(classes, "\n");
  facts.slaney_scale = front.mel.scale == MelScale::slaney;
  facts.slaney_norm = front.mel.norm == MelNorm::slaney;
  Metadata out;
  for (const Field& field : fields(facts)) out[field.name] = text(field);
  return out;
}

SceneFacts scene_facts(const TensorFile& file, const std::string& net) {
  const Facts facts = facts_of(file, net);
  SceneFacts out{facts.options, facts.front, split(facts.class_names, '\n')};
  if (out.classes.empty()) throw IOError(file.where + ": its metadata's class_names are empty");
  out.options.classes = static_cast<int64_t>(out.classes.size());
  try {
    out.options.norm = freq_norm(facts.norm);
    mel_filters(out.front.mel);
  } catch (const Error& e) {  // a file that contradicts itself
    throw IOError(file.where + ": " + e.what());
  }
  return out;
}

SceneModel scene_model(const TensorFile& file) {
  const SceneFacts facts = scene_facts(file);
  BcResnetAsc net;
  try {
    net = BcResnetAsc(Random(0), facts.options);
  } catch (const Error& e) {
    throw IOError(file.where + ": " + e.what());
  }
  if (facts.options.norm == FreqNorm::global)  // for the sizes of what the file holds
    net.norms[0].global = {zeros({facts.front.mel.mels}), ones({facts.front.mel.mels})};
  return {facts.options, of_file(std::move(net), file), facts.front, facts.classes};
}

SceneModel load_scene_model(const std::string& path) { return scene_model(load_safetensors(path)); }

}  // namespace regrad::experiment
