#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/fsdd.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/audio/speech_commands.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/datasets/split.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

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
                "; the first of the tasks that --help lists needs no data");
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

AudioSet tau(const std::string& task, const std::string& folder) {
  const std::string name = std::string("TAU-urban-acoustic-scenes-") +
                           (task == "tau" ? "2020" : "2022") + "-mobile-development",
                    at = found(folder, {name}, {"meta.csv"});
  if (at.empty()) missing(task, name + "/ as published and unpacked");
  return load_tau(at);
}

AudioSet own(const std::string& folder, double test_share) {
  need_folder(folder,
              "a folder of WAV, FLAC or OGG sounds for each class, or with train/ and test/ that "
              "hold such folders");
  AudioSet set = own_sounds(folder, test_share);
  need_classes(folder, set.classes);
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

bool is_tau(const std::string& task) { return task == "tau" || task == "tau2022"; }

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
  if (task != "esc10" && !is_tau(task) && task != "folder")
    throw ConfigError("'" + task + "' is not one of scenes, digits, esc10, tau, tau2022, folder");
  const int64_t samples = task == "tau" ? 160000 : task == "tau2022" ? 16000 : 80000;
  if (wide) return {{.rate = 16000, .n_fft = 2048, .hop = 480, .mels = 256}, samples};
  return {{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64}, samples};
}

Tensor first_samples(const Sound& s, const FrontEnd& front) {
  const Sound one = resample(mono(s), static_cast<int>(front.mel.rate));
  const int64_t n = std::min(one.frames(), front.samples);
  const Tensor begin = slice(one.samples, 1, 0, n).contiguous();
  if (n == front.samples) return begin;
  return cat({begin, zeros({1, front.samples - n})}, 1).contiguous();
}

AudioSet load_sounds(const std::string& task, const std::string& folder, double test_share) {
  if (task == "digits") return digits(folder);
  if (task == "esc10") return esc10(folder);
  if (is_tau(task)) return tau(task, folder);
  if (task == "folder") return own(folder, test_share);
  throw ConfigError("'" + task + "' is not one of digits, esc10, tau, tau2022, folder");
}

AudioSet load_commands(const std::string& folder) {
  const auto read = [](const std::string& from) {
    return load_speech_commands(from, Random(0) / "speech commands");
  };
  if (!folder.empty()) {
    for (const char* name : {"speech_commands_v0.02", "speech_commands_v0.01", "speech_commands"})
      if (fs::is_directory(folder + "/" + name)) return read(folder + "/" + name);
    if (fs::exists(folder + "/testing_list.txt")) return read(folder);
  }
  throw IOError(
      "Speech Commands: give --data DIR, the folder with speech_commands_v0.02/ as published and "
      "unpacked; the task (or --corpus) digits reads the Free Spoken Digit Dataset");
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

namespace {

AudioSet scenes(const Generated& g) {
  const Random r = Random(0) / "scenes";
  AudioSet out = Scenes{}.sample(r, g.train, g.test);
  if (g.validation == 0) return out;
  for (Clip& c : Scenes{}.sample(r / "validation", g.validation, 0).clips) {
    c.part = Part::validation, c.name += ", validation";
    out.clips.push_back(std::move(c));
  }
  return out;
}

void hold_sounds(const AudioSet& set, double held, std::vector<Part>& parts) {
  std::vector<int64_t> count(set.classes.size(), 0);
  const std::vector<int64_t> train = set.in(Part::train);
  for (const int64_t i : train)
    ++count[static_cast<size_t>(set.clips[static_cast<size_t>(i)].label)];
  std::vector<std::string> names;
  std::vector<int64_t> labels, at;
  for (const int64_t i : train) {
    const Clip& c = set.clips[static_cast<size_t>(i)];
    if (count[static_cast<size_t>(c.label)] < 5) continue;
    at.push_back(i), names.push_back(c.name), labels.push_back(c.label);
  }
  const std::vector<bool> kept = test_by_name(names, labels, "folder", held);
  for (size_t k = 0; k < at.size(); ++k)
    if (kept[k]) parts[static_cast<size_t>(at[k])] = Part::validation;
}

// Locations of a scene in the order of the alphabet; those that are held lie evenly among them.
void hold_locations(const AudioSet& set, double held, std::vector<Part>& parts) {
  std::map<int64_t, std::set<std::string>> locations;
  for (const Clip& c : set.clips)
    if (c.part == Part::train) locations[c.label].insert(c.place);
  std::set<std::pair<int64_t, std::string>> kept;
  for (const auto& [scene, of] : locations) {
    const std::vector<std::string> names(of.begin(), of.end());
    const auto n = static_cast<int64_t>(names.size());
    const int64_t most =
        std::min(n - 1, static_cast<int64_t>(std::llround(held * static_cast<double>(n))));
    for (int64_t k = 0; k < most; ++k)
      kept.emplace(scene, names[static_cast<size_t>((2 * k + 1) * n / (2 * most))]);
  }
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] == Part::train && kept.count({set.clips[i].label, set.clips[i].place}))
      parts[i] = Part::validation;
}

// The first clip that each was cut from the same recording as; of a set without such, itself.
std::vector<int64_t> groups_of(const std::string& task, const AudioSet& set) {
  std::map<std::string, int64_t> first;
  std::vector<int64_t> out;
  for (int64_t i = 0; i < set.size(); ++i) {
    const std::string& place = set.clips[static_cast<size_t>(i)].place;
    out.push_back(task == "esc10" && !place.empty() ? first.emplace(place, i).first->second : i);
  }
  return out;
}

}  // namespace

AllClips prepare_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                       const Generated& generated, double test_share) {
  if (is_tau(task)) throw ConfigError(task + ": its clips have devices of their own");
  AllClips out{task == "scenes" ? scenes(generated) : load_sounds(task, folder, test_share), {}};
  std::vector<int64_t> all(out.set.clips.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  Brought was;
  out.x = each_sound(out.set, all, [&](const Sound& sound) {
    was.add(hertz(sound.rate));
    return prepared(sound, front);
  });
  for (Clip& c : out.set.clips) c.kept = {};
  if (task != "folder") return out;
  const auto test = static_cast<int64_t>(out.set.in(Part::test).size());
  out.notes = {
      counted(folder, "sounds", out.set.classes, out.set.size() - test, test),
      was.line("sounds", hertz(front.mel.rate)),
      "every sound is cut, or repeated, to " +
          decimal(static_cast<double>(front.samples) / static_cast<double>(front.mel.rate)) +
          " s (seconds)"};
  return out;
}

std::vector<Part> parts_for(const std::string& task, const AudioSet& set, uint64_t seed,
                            double held) {
  std::vector<Part> out;
  const auto test_fold = static_cast<int64_t>(1 + seed % 5),
             next_fold = static_cast<int64_t>(1 + (seed + 1) % 5);
  for (const Clip& c : set.clips) {
    out.push_back(c.part);
    if (task == "esc10")
      out.back() = c.fold == test_fold   ? Part::test
                   : c.fold == next_fold ? Part::validation
                                         : Part::train;
    if (task == "digits" && (c.fold == 5 || c.fold == 6)) out.back() = Part::validation;
  }
  if (task == "folder" && held > 0) hold_sounds(set, held, out);
  if (is_tau(task) && held > 0) hold_locations(set, held, out);
  return out;
}

Clips clips_of(const std::string& task, const AllClips& all, uint64_t seed, double held) {
  const std::vector<Part> parts = parts_for(task, all.set, seed, held);
  const std::vector<int64_t> groups = groups_of(task, all.set);
  Clips out;
  out.classes = all.set.classes;
  const auto take = [&](Part part, Tensor& x, Tensor& y) {
    std::vector<int64_t> at;
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i] == part) at.push_back(static_cast<int64_t>(i));
    x = index_select(all.x, 0, tensor(at));
    y = each_number(all.set, at, [](const Clip& c) { return c.label; });
    return at;
  };
  take(Part::train, out.train_x, out.train_y);
  take(Part::validation, out.validation_x, out.validation_y);
  for (const int64_t i : take(Part::test, out.test_x, out.test_y))
    out.test_group.push_back(groups[static_cast<size_t>(i)]);
  return out;
}

Clips load_clips(const std::string& task, const std::string& folder, const FrontEnd& front,
                 const Generated& generated, uint64_t seed) {
  return clips_of(task, prepare_clips(task, folder, front, generated), seed);
}

}  // namespace regrad::experiment
