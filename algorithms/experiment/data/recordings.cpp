#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <unordered_map>

namespace regrad::experiment {
namespace {

Recorder flat() {
  return {"flat", true, [](const Tensor& x) { return x; }};
}
template <class Device>
Recorder recorder_of(const Device& device, int rate) {
  const auto kept = std::make_shared<const Device>(device);
  return {device.name, device.seen,
          [kept, rate](const Tensor& x) { return through(*kept, x, rate); }};
}

std::vector<Recorder> microphones(const std::string& folder, int rate) {
  std::string archive;
  for (const char* name : {"micirp_33.tar.xz", "micirp"})
    if (archive.empty() && !folder.empty() && std::filesystem::exists(folder + "/" + name))
      archive = folder + "/" + name;
  if (archive.empty())
    throw IOError(
        "devices microphones: give --data DIR, a folder with micirp_33.tar.xz or micirp/ (MicIRP's "
        "WAVs); simulated ones need no data");
  std::vector<Recorder> out = {flat()};
  for (const Microphone& m : load_microphones(archive)) out.push_back(recorder_of(m, rate));
  return out;
}

std::vector<Recorder> random_recorders(double sd, int rate, const Random& r) {
  std::vector<Recorder> out = {flat()};
  for (int i = 0; i < 8; ++i) {
    const bool seen = i < 5;
    out.push_back(
        recorder_of(random_device(r / "curves" / i, sd,
                                  (seen ? "seen " : "unseen ") + std::to_string(i + 1), seen),
                    rate));
  }
  return out;
}

// The device of each training clip.
std::vector<int64_t> assigned(int64_t clips, int64_t seen, double source, const Random& r) {
  const std::vector<double> order =
      argsort(uniform(r, {clips}, 0, 1, DType::f64), 0).to(DType::f64).to_vector();
  std::vector<int64_t> out(order.size(), 0);
  const auto by_source = static_cast<size_t>(std::llround(source * static_cast<double>(clips)));
  for (size_t i = by_source; i < order.size() && seen > 1; ++i)
    out[static_cast<size_t>(order[i])] = 1 + static_cast<int64_t>(i - by_source) % (seen - 1);
  return out;
}

// Of each clip a number of what all devices recorded at one place and time:
// "airport-lisbon-1000-40000-a.wav" without the last part, "-a.wav", or so many.
std::vector<int64_t> moments_of(const AudioSet& set, int without) {
  std::unordered_map<std::string, int64_t> known;
  std::vector<int64_t> out;
  for (const Clip& c : set.clips) {
    size_t end = c.name.size();
    for (int k = 0; k < without; ++k) end = c.name.rfind('-', end - 1);
    out.push_back(
        known.emplace(c.name.substr(0, end), static_cast<int64_t>(known.size())).first->second);
  }
  return out;
}

void check_whole(const AudioSet& set, TauYear year) {
  try {
    check_whole_tau(set, year);
  } catch (const IOError& e) {
    throw IOError(std::string(e.what()) + "; --partial trains and tests on what is there");
  }
}

int64_t device_of(const Clip& c) {
  const std::vector<std::string>& all = tau_devices();
  return std::find(all.begin(), all.end(), c.device) - all.begin();
}

}  // namespace

std::vector<Recorder> recorders(const std::string& kind, const std::string& folder, int rate,
                                const Random& r) {
  if (kind == "microphones") return microphones(folder, rate);
  if (kind == "none") return {{"as it is", true, [](const Tensor& x) { return x; }}};
  if (kind == "simulated") {
    std::vector<Recorder> out;
    for (const Device& d : simulated_devices()) out.push_back(recorder_of(d, rate));
    return out;
  }
  const double sd =
      kind.rfind("sd", 0) == 0 ? number_of(std::string_view(kind).substr(2)).value_or(-1) : -1;
  if (!(sd >= 0 && sd <= 100))
    throw ConfigError("devices: '" + kind +
                      "' is not one of simulated, microphones, sd0, sd4, sd8, .., none");
  return random_recorders(sd, rate, r);
}

RecordedBatch batch_of(const Recordings& data, const Tensor& order, int64_t position,
                       int64_t batch) {
  const Tensor at = slice(order, 0, position * batch, (position + 1) * batch).contiguous();
  return {index_select(data.train_x, 0, at), index_select(data.train_y, 0, at),
          index_select(data.train_device, 0, at)};
}

Tensor rolled(const Tensor& x, const LogMel& mel, double seconds, const Random& r) {
  const int64_t most =
      std::llround(seconds * static_cast<double>(mel.rate) / static_cast<double>(mel.hop));
  return most > 0 ? time_roll(x, most, r) : x;
}

Recordings record(const Clips& clips, const FrontEnd& front, const std::vector<Recorder>& given,
                  const RecordOptions& o, const Random& r) {
  if (!(o.source >= 0 && o.source <= 1))
    throw ConfigError("source: the share of training clips must lie in [0, 1]");
  if (!(o.noise <= 0)) throw ConfigError("noise: dB relative to full scale, below 0 (0: none)");
  std::vector<Recorder> all = given;
  std::stable_partition(all.begin(), all.end(), [](const Recorder& e) { return e.seen; });
  Recordings out;
  out.classes = clips.classes, out.front = front;
  out.seen = std::count_if(all.begin(), all.end(), [](const Recorder& e) { return e.seen; });
  const std::vector<int64_t> device =
      assigned(clips.train_x.size(0), out.seen, o.source, r / "assigned");
  const auto spectrograms = [&](size_t by, const Tensor& waves, const Random& stream) {
    Tensor y = all[by].record(waves);
    if (o.noise < 0) y = y + normal(stream, y.shape(), 0, std::pow(10.0, o.noise / 20));
    return unsqueeze(log_mel(y, front.mel), 1);
  };
  const auto waves_at = [&](const std::vector<int64_t>& at) {
    return index_select(clips.train_x, 0, tensor(at));
  };
  std::vector<Tensor> x, y, d;
  std::vector<int64_t> others;
  for (size_t e = 0; e < all.size(); ++e) {
    const Random stream = r / "noise" / static_cast<int64_t>(e);
    out.devices.push_back(all[e].name);
    out.test_x.push_back(spectrograms(e, clips.test_x, stream / "test"));
    out.test_y.push_back(clips.test_y);
    out.test_group.push_back(clips.test_group);
    if (all[e].seen && clips.validation_x.defined() && clips.validation_x.size(0) > 0) {
      out.validation_x.push_back(spectrograms(e, clips.validation_x, stream / "validation"));
      out.validation_y.push_back(clips.validation_y);
    }
    std::vector<int64_t> at;
    for (size_t i = 0; i < device.size(); ++i)
      if (device[i] == static_cast<int64_t>(e)) at.push_back(static_cast<int64_t>(i));
    if (at.empty()) continue;
    x.push_back(spectrograms(e, waves_at(at), stream / "train"));
    y.push_back(index_select(clips.train_y, 0, tensor(at)));
    d.push_back(full({static_cast<int64_t>(at.size())}, static_cast<double>(e), DType::i64));
    if (e > 0) others.insert(others.end(), at.begin(), at.end());
  }
  out.train_x = cat(x, 0), out.train_y = cat(y, 0), out.train_device = cat(d, 0);
  if (others.empty()) return out;
  out.pair_x = spectrograms(0, waves_at(others), r / "noise" / "pairs");
  out.pair_of = arange(static_cast<double>(out.clips() - static_cast<int64_t>(others.size())),
                       static_cast<double>(out.clips()));
  return out;
}

Recordings tau_recordings(const std::string& folder, const FrontEnd& front, const TauUse& use) {
  AudioSet set = load_sounds(use.task, folder);
  const TauYear year = use.task == "tau" ? TauYear::y2020 : TauYear::y2022;
  if (!use.partial) check_whole(set, year);
  const std::vector<Part> parts = parts_for(use.task, set, 0, use.held);
  for (size_t i = 0; i < parts.size(); ++i) set.clips[i].part = parts[i];
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
  const auto of_device = [&](Part part, size_t d) {
    std::vector<int64_t> at;
    for (const int64_t i : set.in(part))
      if (device(i) == static_cast<int64_t>(d)) at.push_back(i);
    return at;
  };
  const std::vector<int64_t> moment = moments_of(set, 1),
                             recording = moments_of(set, year == TauYear::y2020 ? 1 : 2);
  for (size_t d = 0; d < out.devices.size(); ++d) {
    const std::vector<int64_t> test = of_device(Part::test, d),
                               held = of_device(Part::validation, d);
    if (test.empty()) throw IOError(use.task + ": no test clip of device " + out.devices[d]);
    out.test_x.push_back(each_sound(set, test, x));
    out.test_y.push_back(each_number(set, test, y));
    out.test_group.emplace_back();
    for (const int64_t i : test) out.test_group.back().push_back(recording[static_cast<size_t>(i)]);
    if (held.empty()) continue;  // of a device that is not seen, or of few clips
    out.validation_x.push_back(each_sound(set, held, x));
    out.validation_y.push_back(each_number(set, held, y));
  }
  std::unordered_map<int64_t, int64_t> by_source;
  std::vector<int64_t> pair, source;
  for (size_t i = 0; i < train.size(); ++i) {
    const int64_t at = moment[static_cast<size_t>(train[i])];
    const auto place = static_cast<int64_t>(i);
    if (device(train[i]) == 0) {  // sorted by device: these come first
      by_source.emplace(at, place);
    } else if (const auto found = by_source.find(at); found != by_source.end()) {
      pair.push_back(place), source.push_back(found->second);
    }
  }
  if (pair.empty()) return out;
  out.pair_of = tensor(pair);
  out.pair_x = index_select(out.train_x, 0, tensor(source));
  return out;
}

}  // namespace regrad::experiment
