#include <regrad/algorithms/asc/experiment/keywords.h>
#include <regrad/algorithms/asc/experiment/models.h>
#include <regrad/algorithms/asc/experiment/other_nets.h>
#include <regrad/algorithms/experiment/data/scene_model.h>

namespace regrad::asc {
namespace {

using namespace experiment;

// A backbone of the table behind a norm on its input.
Classifier behind_norm(const TensorFile& file) {
  const SceneFacts facts = scene_facts(file, behind_norm_net);
  const auto found = file.metadata.find("backbone");
  if (found == file.metadata.end()) throw IOError(file.where + ": its metadata lack 'backbone'");
  const auto named = std::find_if(methods().begin(), methods().end(), [&](const Method& m) {
    return m.name == found->second && m.net != Backbone::asc;
  });
  if (named == methods().end())
    throw IOError(file.where + ": its metadata's backbone is '" + found->second +
                  "', no other net of regrad-asc");
  const BcResnetAscOptions& o = facts.options;
  return of_backbone(
      *named, Settings{}, o.classes, Random(0), DType::f32, [&](auto net) -> Classifier {
        BehindNorm<decltype(net)> whole{FreqNormPlace(o.norm, o.lambda, 1, DType::f32),
                                        std::move(net)};
        return {facts.classes,
                [net = of_file(std::move(whole), file), front = facts.front](
                    const std::string& of) { return net(spectrogram_of(of, front))[0]; }};
      });
}

Classifier keywords(const TensorFile& file) {
  const SceneFacts facts = scene_facts(file, keyword_net);
  try {
    BcResnet net(
        Random(0),
        {.tau = facts.options.tau, .classes = facts.options.classes, .bands = facts.options.bands});
    return {facts.classes,
            [net = of_file(std::move(net), file), front = facts.front](const std::string& of) {
              const Sound s = read_sound(of);
              try {
                return net(unsqueeze(keyword_spectrogram(s, front), 0))[0];
              } catch (const ConfigError& e) {  // such as a rate that cannot be resampled
                throw IOError(of + ": " + e.what());
              }
            }};
  } catch (const ConfigError& e) {
    throw IOError(file.where + ": " + e.what());
  }
}

}  // namespace

const std::vector<ClassifierReader>& classifier_readers() {
  static const std::vector<ClassifierReader> all = {{{behind_norm_net}, behind_norm},
                                                    {{keyword_net}, keywords}};
  return all;
}

}  // namespace regrad::asc
