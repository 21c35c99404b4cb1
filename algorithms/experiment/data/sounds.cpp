#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/fsdd.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/parallel.h>

#include <filesystem>

namespace regrad::experiment {
namespace {

namespace fs = std::filesystem;

// The first of the names that the folder holds, the folder itself where one of `inside` is in it.
std::string found(const std::string& folder, const std::vector<std::string>& names,
                  const std::vector<std::string>& inside) {
  if (folder.empty()) return "";
  for (const std::string& n : names)
    if (fs::exists(folder + "/" + n)) return folder + "/" + n;
  for (const std::string& n : inside)
    if (fs::exists(folder + "/" + n)) return folder;
  return "";
}

[[noreturn]] void missing(const std::string& task, const std::string& what) {
  throw IOError("--task " + task + ": give --data DIR, the folder with " + what +
                "; --task scenes needs no data");
}

AudioSet digits(const std::string& folder) {
  const std::string at = found(
      folder,
      {"fsdd_takes00-24.tar.xz", "free-spoken-digit-dataset", "free-spoken-digit-dataset-master"},
      {"recordings"});
  if (at.empty())
    missing("digits",
            "free-spoken-digit-dataset/ (its WAVs in recordings/) or an archive of it, "
            "fsdd_takes00-24.tar.xz");
  return load_fsdd(at);
}

AudioSet esc10(const std::string& folder) {
  const std::string archive = found(folder, {"esc10_16k_ogg.tar"}, {}),
                    whole = found(folder, {"ESC-50-master", "ESC-50"}, {"meta/esc50.csv"});
  if (archive.empty() && whole.empty())
    missing("esc10", "ESC-50-master/ as published, or the archive esc10_16k_ogg.tar");
  return archive.empty() ? load_esc50(whole, {.only_esc10 = true}) : load_esc10(archive);
}

AudioSet tau(const std::string& folder) {
  const std::string name = "TAU-urban-acoustic-scenes-2020-mobile-development",
                    at = found(folder, {name}, {"meta.csv"});
  if (at.empty()) missing("tau", name + "/ as published and unpacked");
  return load_tau(at);
}

AudioSet own(const std::string& folder) {
  if (folder.empty())
    missing(
        "folder",
        "a folder of WAV, FLAC or OGG sounds for each class, or with train/ and test/ that hold "
        "such folders");
  AudioSet set = load_sound_folder(folder);
  if (set.classes.size() < 2)
    throw IOError("--task folder: " + folder + " holds one class, " + set.classes[0] +
                  "; a table needs two");
  return set;
}

}  // namespace

Tensor prepared(const Sound& s, const FrontEnd& front) {
  const Sound one = resample(mono(s), static_cast<int>(front.mel.rate));
  return reshape(tile(normalize_rms(one.samples, front.rms), front.samples), {front.samples});
}

const std::vector<std::string>& sound_tasks() {
  static const std::vector<std::string> names = {"scenes", "digits", "esc10", "tau", "folder"};
  return names;
}

// n_fft is above the window where 64 bands would else have triangles narrower than a bin.
FrontEnd front_end(const std::string& task, bool wide) {
  if (task == "scenes" || task == "digits") {
    const int64_t samples = task == "digits" ? 8000 : 16000, hop = task == "digits" ? 80 : 160;
    if (wide) return {{.rate = 8000, .n_fft = 1024, .hop = 240, .mels = 128}, samples};
    return {{.rate = 8000,
             .n_fft = 512,
             .window = task == "digits" ? 256 : 320,
             .hop = hop,
             .mels = 64},
            samples};
  }
  if (task != "esc10" && task != "tau" && task != "folder")
    throw ConfigError("'" + task + "' is not one of scenes, digits, esc10, tau, folder");
  const int64_t samples = task == "tau" ? 160000 : 80000;
  if (wide) return {{.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256}, samples};
  return {{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64}, samples};
}

AudioSet load_sounds(const std::string& task, const std::string& folder) {
  if (task == "digits") return digits(folder);
  if (task == "esc10") return esc10(folder);
  if (task == "tau") return tau(folder);
  if (task == "folder") return own(folder);
  throw ConfigError("'" + task + "' is not one of digits, esc10, tau, folder");
}

Tensor each_sound(const AudioSet& set, const std::vector<int64_t>& at,
                  const std::function<Tensor(const Sound&)>& of) {
  std::vector<Tensor> rows(at.size());
  parallel_for(static_cast<int64_t>(at.size()), [&](int64_t i) {
    rows[static_cast<size_t>(i)] = of(set.sound(at[static_cast<size_t>(i)]));
  });
  return stack(rows, 0);
}

Tensor each_number(const AudioSet& set, const std::vector<int64_t>& at,
                   const std::function<int64_t(const Clip&)>& of) {
  std::vector<int64_t> out;
  for (int64_t i : at) out.push_back(of(set.clips[static_cast<size_t>(i)]));
  return tensor(out);
}

Clips load_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                 const Generated& generated) {
  if (task == "tau") throw ConfigError("tau: its clips have devices of their own");
  const AudioSet set = task == "scenes"
                           ? Scenes{}.sample(Random(0) / "scenes", generated.train, generated.test)
                           : load_sounds(task, folder);
  const std::vector<int64_t> train = set.in(Part::train), test = set.in(Part::test);
  const auto x = [&](const Sound& sound) { return prepared(sound, front); };
  const auto y = [](const Clip& c) { return c.label; };
  return {each_sound(set, train, x), each_sound(set, test, x), each_number(set, train, y),
          each_number(set, test, y), set.classes};
}

}  // namespace regrad::experiment
