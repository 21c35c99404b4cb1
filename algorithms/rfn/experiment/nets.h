// The nets that a method of the table may train, as a method, the settings and the recordings ask
// for them.
#pragma once

#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/rfn/experiment/keyword_net.h>
#include <regrad/algorithms/rfn/experiment/methods.h>
#include <regrad/algorithms/rfn/experiment/pooled.h>
#include <regrad/algorithms/rfn/experiment/settings.h>

#include <type_traits>

namespace regrad::relaxed_norm {

// Whether the net has stages: norms at their ends, maps to take statistics of, MixStyle inside.
template <class Net>
constexpr bool has_stages = !std::is_same_v<Net, PooledNet>;

inline BcResnetAscOptions asc_options(const Method& m, const Settings& s,
                                      const experiment::Recordings& data, int64_t classes) {
  return {.tau = s.tau,
          .classes = classes,
          .norm = m.norm,
          .lambda = m.lambda,
          .input_only = m.input_only,
          .dropout = s.dropout,
          .dtype = data.train_x.dtype()};
}

// Of the clips' dtype; the global norm with the training clips' statistics.
template <class Net>
Net net_for(const Method& m, const Settings& s, const experiment::Recordings& data, int64_t classes,
            const Random& r) {
  Net out;
  if constexpr (std::is_same_v<Net, PooledNet>)
    out = Net(r, {.mels = data.front.mel.mels,
                  .classes = classes,
                  .norm = m.norm,
                  .lambda = m.lambda,
                  .dtype = data.train_x.dtype()});
  else if constexpr (std::is_same_v<Net, KeywordNet>)
    out = Net(r, asc_options(m, s, data, classes), data.front.mel.mels);
  else
    out = Net(r, asc_options(m, s, data, classes));
  if (m.norm == FreqNorm::global) {
    FreqStatistics seen;
    seen.add(data.train_x);
    out.norms[0].global = seen.norm(data.train_x.dtype());
  }
  return out;
}

// The metadata's `net` of a model's file.
template <class Net>
constexpr const char* net_name = std::is_same_v<Net, BcResnetAsc>  ? experiment::scene_net
                                 : std::is_same_v<Net, KeywordNet> ? "bcresnet-kws"
                                                                   : "pooled";

// For the file of a model (experiment/data/scene_model.h); the pooled net has no width.
template <class Net>
Metadata facts_of(const Method& m, const Settings& s, const experiment::Recordings& data) {
  return experiment::to_metadata(asc_options(m, s, data, data.class_count()), data.front,
                                 data.classes, net_name<Net>);
}

// A net's maps after the head and its four stages, out of training.
template <class Net>
std::vector<Tensor> maps_of(const Net& net, const Tensor& x) {
  Context ctx;
  return net.activations(x, ctx);
}

}  // namespace regrad::relaxed_norm
