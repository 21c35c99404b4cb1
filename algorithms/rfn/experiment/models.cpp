#include <regrad/algorithms/rfn/experiment/models.h>
#include <regrad/algorithms/rfn/experiment/nets.h>

namespace regrad::relaxed_norm {
namespace {

using namespace experiment;

template <class Net>
Net empty_net(const SceneFacts& facts) {
  const BcResnetAscOptions& o = facts.options;
  const int64_t mels = facts.front.mel.mels;
  if constexpr (std::is_same_v<Net, PooledNet>)
    return Net(Random(0), {.mels = mels, .classes = o.classes, .norm = o.norm, .lambda = o.lambda});
  else
    return Net(Random(0), o, mels);
}

template <class Net>
Classifier read(const TensorFile& file) {
  const SceneFacts facts = scene_facts(file, net_name<Net>);
  try {
    Net net = empty_net<Net>(facts);
    const int64_t mels = facts.front.mel.mels;
    if (facts.options.norm == FreqNorm::global)  // for the sizes of what the file holds
      net.norms[0].global = {zeros({mels}), ones({mels})};
    return {facts.classes,
            [net = of_file(std::move(net), file), front = facts.front](const std::string& of) {
              return net(spectrogram_of(of, front))[0];
            }};
  } catch (const ConfigError& e) {  // a file that contradicts itself
    throw IOError(file.where + ": " + e.what());
  }
}

}  // namespace

const std::vector<ClassifierReader>& classifier_readers() {
  static const std::vector<ClassifierReader> all = {{{net_name<KeywordNet>}, read<KeywordNet>},
                                                    {{net_name<PooledNet>}, read<PooledNet>}};
  return all;
}

}  // namespace regrad::relaxed_norm
