#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/algorithms/experiment/data/words.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad::experiment {
namespace {

AudioSet sounds_of(const std::string& task, const std::string& folder) {
  if (task == "commands") return load_commands(folder);
  if (task == "digits") return load_sounds("digits", folder);
  if (task == "sounds") return load_sounds("folder", folder);
  throw ConfigError("'" + task + "' is not one of digits, commands, sounds");
}

std::vector<int64_t> places(const std::vector<Part>& parts, Part part) {
  std::vector<int64_t> at;
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] == part) at.push_back(static_cast<int64_t>(i));
  return at;
}

// Classes in turn, so that the first so many are of all.
std::vector<int64_t> in_turn(const AudioSet& set, std::vector<int64_t> at) {
  std::map<int64_t, int64_t> seen;
  std::vector<std::pair<std::pair<int64_t, int64_t>, int64_t>> order;
  for (const int64_t i : at) {
    const int64_t label = set.clips[static_cast<size_t>(i)].label;
    order.push_back({{seen[label]++, label}, i});
  }
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < at.size(); ++i) at[i] = order[i].second;
  return at;
}

// By speaker, where the set has speakers who are in one part alone.
std::vector<int64_t> clusters(const std::string& task, const AudioSet& set,
                              const std::vector<int64_t>& at) {
  std::map<std::string, int64_t> numbers;
  std::vector<int64_t> out;
  if (task != "commands") return out;
  for (const int64_t i : at) {
    const std::string& who = set.clips[static_cast<size_t>(i)].place;
    const std::string whose = who.empty() ? "clip " + std::to_string(i) : who;
    out.push_back(numbers.emplace(whose, static_cast<int64_t>(numbers.size())).first->second);
  }
  return out;
}

}  // namespace

const std::vector<std::string>& word_tasks() {
  static const std::vector<std::string> names = {"digits", "commands", "sounds"};
  return names;
}

FrontEnd word_front(const std::string& task, int64_t frames, double seconds) {
  const int64_t rate = task == "digits" ? 8000 : 16000;
  if (frames < 1 || rate % frames != 0)
    throw ConfigError("frames: " + std::to_string(frames) + " do not divide a second of " +
                      std::to_string(rate) + " samples");
  const int64_t hop = rate / frames;
  int64_t fft = 1;
  while (fft < 2 * hop) fft *= 2;
  return {{.rate = rate, .n_fft = fft, .window = 2 * hop, .hop = hop, .mels = 40},
          hop * std::llround(static_cast<double>(frames) * seconds)};
}

Tensor word_picture(const Sound& s, const FrontEnd& front, int64_t frames) {
  // a centred window more than there are hops
  return slice(log_mel(first_samples(s, front), front.mel), 2, 0, frames).contiguous();
}

Images word_images(const std::string& task, const AudioSet& set, const FrontEnd& front,
                   Brought* was) {
  const int64_t frames = front.samples / front.mel.hop;
  const std::vector<Part> parts = parts_for(task == "sounds" ? "folder" : task, set, 0);
  Images out;
  for (const auto& [part, to] : {std::pair{Part::train, &out.train},
                                 {Part::validation, &out.validation},
                                 {Part::test, &out.test}}) {
    const std::vector<int64_t> at = in_turn(set, places(parts, part));
    if (at.empty() && part == Part::validation) continue;
    if (at.empty())
      throw IOError("--task " + task + ": the set holds no clip of the " + name(part) + " part");
    to->images = each_sound(set, at, [&](const Sound& s) {
      if (was) was->add(hertz(s.rate));
      return word_picture(s, front, frames);
    });
    to->labels = each_number(set, at, [](const Clip& c) { return c.label; });
    to->classes = set.classes;
    if (part == Part::test) out.test_group = clusters(task, set, at);
  }
  const Tensor x = out.train.images.to(DType::f64);
  out.mean = {mean(x).item()};
  out.deviation = {std::max(1e-6, std::sqrt(mean(square(x - out.mean[0])).item()))};
  out.about = to_metadata(Inputs{.sounds = true,
                                 .front = front,
                                 .words = true,
                                 .shift = out.mean[0],
                                 .scale = out.deviation[0],
                                 .info = {1, front.mel.mels, frames}});
  return out;
}

Images load_words(const std::string& task, const std::string& folder, int64_t frames) {
  return word_images(task, sounds_of(task, folder), word_front(task, frames));
}

}  // namespace regrad::experiment
