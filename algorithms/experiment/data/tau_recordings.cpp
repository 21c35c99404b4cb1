#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <unordered_map>

namespace regrad::experiment {
namespace {

// "airport-lisbon-1000-40000-a.wav" without "-a.wav": what all devices recorded at one place and
// time.
std::string moment_of(const Clip& c) { return c.name.substr(0, c.name.rfind('-')); }

int64_t device_of(const Clip& c) {
  const std::vector<std::string>& all = tau_devices();
  return std::find(all.begin(), all.end(), c.device) - all.begin();
}

}  // namespace

Recordings tau_recordings(const std::string& folder, const FrontEnd& front) {
  const AudioSet set = load_sounds("tau", folder);
  std::vector<int64_t> train = set.in(Part::train);
  const auto device = [&](int64_t i) { return device_of(set.clips[static_cast<size_t>(i)]); };
  std::stable_sort(train.begin(), train.end(),
                   [&](int64_t a, int64_t b) { return device(a) < device(b); });
  Recordings out;
  out.classes = set.classes, out.front = front, out.devices = tau_devices(), out.seen = 6,
  out.paired = false;
  // sounds are read one by one, so that only their spectrograms stay
  const auto x = [&](const Sound& s) {
    return unsqueeze(log_mel(prepared(s, front), front.mel), 0);
  };
  const auto y = [](const Clip& c) { return c.label; };
  out.train_x = each_sound(set, train, x);
  out.train_y = each_number(set, train, y);
  out.train_device = each_number(set, train, device_of);
  for (size_t d = 0; d < out.devices.size(); ++d) {
    std::vector<int64_t> at;
    for (int64_t i : set.in(Part::test))
      if (device(i) == static_cast<int64_t>(d)) at.push_back(i);
    if (at.empty()) throw IOError("tau: no test clip of device " + out.devices[d]);
    out.test_x.push_back(each_sound(set, at, x));
    out.test_y.push_back(each_number(set, at, y));
  }
  std::unordered_map<std::string, int64_t> by_source;
  for (size_t i = 0; i < train.size(); ++i)
    if (device(train[i]) == 0)
      by_source.emplace(moment_of(set.clips[static_cast<size_t>(train[i])]),
                        static_cast<int64_t>(i));
  std::vector<double> pair, source;
  for (size_t i = 0; i < train.size(); ++i) {
    const auto found = by_source.find(moment_of(set.clips[static_cast<size_t>(train[i])]));
    if (device(train[i]) == 0 || found == by_source.end()) continue;
    pair.push_back(static_cast<double>(i)), source.push_back(static_cast<double>(found->second));
  }
  if (pair.empty()) return out;
  const Shape n{static_cast<int64_t>(pair.size())};
  out.pair_of = tensor(pair, n, DType::i64);
  out.pair_x = index_select(out.train_x, 0, tensor(source, n, DType::i64));
  return out;
}

}  // namespace regrad::experiment
