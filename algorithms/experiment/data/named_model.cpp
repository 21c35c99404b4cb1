#include <regrad/algorithms/experiment/data/named_model.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/split.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

std::string value(const Metadata& m, const std::string& key) {
  const auto found = m.find(key);
  return found == m.end() ? "" : found->second;
}

std::vector<float> reals(const TensorFile& file, const std::string& key) {
  std::vector<float> out;
  for (const std::string& t : split(value(file.metadata, key), ',')) {
    const std::optional<double> v = number_of(t);
    if (!v)
      throw IOError(file.where + ": its metadata's " + key + " is '" + value(file.metadata, key) +
                    "'");
    out.push_back(static_cast<float>(*v));
  }
  return out;
}

// By what the metadata say; of regrad-pqk's with its bits and ranges.
FewBitNet net_of(const TensorFile& file, const NamedNetOptions& of) {
  FewBitNet out{NamedNet(Random(0), of), !value(file.metadata, "bits").empty()};
  const auto bits = [&](const char* key) {
    const std::optional<double> v = number_of(value(file.metadata, key));
    if (!v || *v != std::floor(*v) || *v < 2 || *v > 8)
      throw IOError(file.where + ": its metadata's " + key + " is '" + value(file.metadata, key) +
                    "', not a whole number from 2 to 8");
    return static_cast<int>(*v);
  };
  if (out.quantize) {
    out.few = {.bits = bits("bits"), .edge_bits = bits("edge_bits")};
    out.ranges = out.few.begin(out.net);
  }
  return with_tensors(std::move(out), file, "");
}

Inputs own_inputs(const TensorFile& file, const NamedNetOptions& of) {
  InferenceInfo info{of.in_channels, of.size, of.columns(),
                     split(value(file.metadata, "class_names"), '\n')};
  if (value(file.metadata, "input") == "sounds") {
    Inputs out = inputs_of(file.metadata, info, file.where);
    out.info.about = to_metadata(out);
    return out;
  }
  info.mean = reals(file, "mean"), info.deviation = reals(file, "deviation");
  const size_t channels = info.mean.empty() ? 0 : static_cast<size_t>(of.in_channels);
  if (info.mean.size() != channels || info.deviation.size() != channels ||
      std::count(info.deviation.begin(), info.deviation.end(), 0.0f))
    throw IOError(file.where + ": its metadata's mean '" + value(file.metadata, "mean") +
                  "' and deviation '" + value(file.metadata, "deviation") + "' are not one of " +
                  std::to_string(of.in_channels) + " channels each, deviations not 0");
  return inputs_of({{"input", "pictures"}}, info, file.where);
}

}  // namespace

NamedModel named_model(const TensorFile& file) {
  try {
    const NamedNetOptions of = net_from_metadata(file.metadata, file.where);
    return {of, net_of(file, of), own_inputs(file, of)};
  } catch (const IOError&) {
    throw;
  } catch (const Error& e) {  // a file that contradicts itself
    const std::string what = e.what();
    throw IOError(what.rfind(file.where, 0) == 0 ? what : file.where + ": " + what);
  }
}

}  // namespace regrad::experiment
