#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/datasets/folder_kind.h>
#include <regrad/datasets/split.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace regrad::ppp {
namespace {

using namespace experiment;
namespace fs = std::filesystem;

// Files below a folder with one of these endings, in order.
std::vector<std::string> files_below(const std::string& folder,
                                     const std::vector<std::string>& endings) {
  std::vector<std::string> out;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error), end;
  if (error) throw IOError(folder + ": " + error.message());
  for (; it != end; it.increment(error)) {
    if (error) throw IOError(folder + ": " + error.message());
    std::string ending = it->path().extension().string();
    std::transform(ending.begin(), ending.end(), ending.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (it->is_regular_file() && among(ending, endings)) out.push_back(it->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

const std::vector<std::string> sound_endings = {".wav", ".flac", ".ogg"},
                               picture_endings = {".png", ".jpg", ".jpeg"};

// Examples of one person, or of a folder that tells none, before the classes of all are known.
struct Raw {
  std::string name;
  std::vector<std::string> classes = {}, names = {};
  std::vector<int64_t> labels = {};
  std::vector<bool> test = {};
  std::vector<Tensor> x = {};
  size_t size() const { return names.size(); }
};

Raw raw_sounds(const std::string& folder, const Inputs& in, double share, Brought& was) {
  const AudioSet set = own_sounds(folder, share);
  Raw out{"", set.classes};
  for (int64_t i = 0; i < set.size(); ++i) {
    const Clip& c = set.clips[static_cast<size_t>(i)];
    const Sound sound = set.sound(i);
    was.add(hertz(sound.rate));
    out.names.push_back(c.name), out.labels.push_back(c.label);
    out.test.push_back(c.part == Part::test), out.x.push_back(in.of_sound(sound));
  }
  return out;
}

Raw raw_pictures(const std::string& folder, const Inputs& in, double share, Brought& was) {
  OwnPictures own = own_pictures(folder, in.info.height, share, was);
  Raw out{"", own.all.classes, std::move(own.names), own.all.labels.to_vector<int64_t>(),
          std::move(own.test)};
  for (int64_t i = 0; i < own.all.size(); ++i)
    out.x.push_back(in.of_picture(select(own.all.images, 0, i)));
  return out;
}

// Of what is not for test a tenth of each class for validation, where there are ten of it.
void split(const Raw& raw, int64_t first, const std::string& where, Person& p) {
  std::map<int64_t, int64_t> left;
  for (size_t i = 0; i < raw.size(); ++i) left[raw.labels[i]] += !raw.test[i];
  std::vector<std::string> names;
  std::vector<int64_t> labels, rows;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw.test[i] || left[raw.labels[i]] < 10) continue;
    names.push_back(raw.names[i]), labels.push_back(raw.labels[i]);
    rows.push_back(static_cast<int64_t>(i));
  }
  std::vector<bool> held(raw.size(), false);
  if (!rows.empty()) {
    const std::vector<bool> some = test_by_name(names, labels, where, 0.1, 1);
    for (size_t k = 0; k < rows.size(); ++k) held[static_cast<size_t>(rows[k])] = some[k];
  }
  for (size_t i = 0; i < raw.size(); ++i)
    (raw.test[i] ? p.test
     : held[i]   ? p.validation
                 : p.train)
        .push_back(first + static_cast<int64_t>(i));
  p.pool = p.train;
}

// A folder that tells no persons, dealt to so many: each has some classes that lie side by side, at
// least so many that all are someone's, and every example of a class goes to one of those who have
// it, in turn within its part.
std::vector<Raw> dealt(Raw all, const Settings& s, const std::string& folder) {
  const auto people = int64_t{s.people}, n = static_cast<int64_t>(all.classes.size()),
             each = std::clamp<int64_t>(s.classes, (n + people - 1) / people, n);
  std::vector<Raw> out;
  std::vector<std::vector<size_t>> who(static_cast<size_t>(n));
  for (int64_t u = 0; u < people; ++u) {
    Raw raw{"person " + std::to_string(u + 1), all.classes};
    std::string names;
    for (int64_t j = 0; j < each; ++j) {
      const auto c = static_cast<size_t>((u * n / people + j) % n);
      who[c].push_back(static_cast<size_t>(u));
      names += (names.empty() ? " (" : ", ") + all.classes[c];
    }
    raw.name += names + ")";
    out.push_back(std::move(raw));
  }
  std::map<std::pair<int64_t, bool>, size_t> turn;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<size_t>& of = who[static_cast<size_t>(all.labels[i])];
    Raw& to = out[of[turn[{all.labels[i], all.test[i]}]++ % of.size()]];
    to.names.push_back(all.names[i]), to.labels.push_back(all.labels[i]);
    to.test.push_back(all.test[i]), to.x.push_back(all.x[i]);
  }
  for (const Raw& raw : out)
    for (const bool test : {false, true})
      if (std::count(raw.test.begin(), raw.test.end(), test) == 0)
        throw IOError("--task folder: " + folder + ": too few examples for " +
                      std::to_string(people) + " persons of " + std::to_string(each) +
                      " classes each: " + raw.name + " has none to " + (test ? "test" : "train") +
                      " on; fewer people, or more examples");
  return out;
}

// A folder for each person, or one that tells none.
std::vector<Raw> raws_of(const std::string& folder, const FolderKind& kind, const Inputs& in,
                         const Settings& s, Brought& was) {
  const auto read = [&](const std::string& at) {
    return in.sounds ? raw_sounds(at, in, s.test_share, was)
                     : raw_pictures(at, in, s.test_share, was);
  };
  if (kind.flat || kind.parts) return dealt(read(folder), s, folder);
  std::vector<std::string> people;
  for (const fs::directory_entry& e : fs::directory_iterator(folder))
    if (e.is_directory()) people.push_back(e.path().filename().string());
  std::sort(people.begin(), people.end());
  std::vector<Raw> out;
  for (const std::string& name : people) {
    out.push_back(read(folder + "/" + name));
    out.back().name = name;
  }
  return out;
}

// Shift and scale: about the mean and the deviation of speech at these front ends; fixed, so that
// nobody's recordings move anybody else's inputs.
Inputs of_sounds(const FrontEnd& front, const std::vector<std::string>& classes) {
  Inputs in{.sounds = true, .front = front, .shift = -4, .scale = 4};
  in.info = {1, front.mel.mels, front.mel.frames(front.samples), classes};
  return in;
}

}  // namespace

Inputs speech_inputs(const std::vector<std::string>& classes) {
  return of_sounds({{.rate = 8000, .n_fft = 512, .window = 400, .hop = 256, .mels = 40}, 8000},
                   classes);
}

Inputs inputs_for_folder(bool sounds, const Settings& s) {
  if (sounds)
    return of_sounds({{.rate = 16000, .n_fft = 1024, .window = 800, .hop = 512, .mels = 40},
                      std::llround(16000 * s.seconds)},
                     {});
  Inputs in;
  in.info = {3, s.size, s.size, {}, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  return in;
}

Persons load_folder(const std::string& folder, const Settings& s) {
  std::error_code ignored;
  if (folder.empty() || !fs::is_directory(folder, ignored))
    throw IOError(
        "--task folder: give --data DIR, a folder with a folder for each person, and in it a "
        "folder of sounds or pictures for each class; or a folder for each class, and persons are "
        "made; --task glyphs needs no data");
  const FolderKind kind = folder_kind(folder);
  Inputs in = inputs_for_folder(kind.kind == FolderKind::sounds, s);
  Brought was;
  const std::vector<Raw> raws = raws_of(folder, kind, in, s, was);
  std::vector<std::string> classes;
  for (const Raw& raw : raws)
    for (const std::string& c : raw.classes)
      if (!among(c, classes)) classes.push_back(c);
  std::sort(classes.begin(), classes.end());
  if (raws.size() < 2 || classes.size() < 2)
    throw IOError("--task folder: " + folder + " holds " + std::to_string(raws.size()) +
                  " persons and " + std::to_string(classes.size()) +
                  " classes; a table needs two of each");
  in.info.classes = classes;
  Persons out;
  std::vector<Tensor> x;
  std::vector<int64_t> y;
  int64_t test = 0;
  for (const Raw& raw : raws) {
    Person p{raw.name};
    split(raw, static_cast<int64_t>(y.size()), folder + "/" + raw.name, p);
    for (size_t i = 0; i < raw.x.size(); ++i) {
      const std::string& c = raw.classes[static_cast<size_t>(raw.labels[i])];
      x.push_back(raw.x[i]);
      y.push_back(std::lower_bound(classes.begin(), classes.end(), c) - classes.begin());
    }
    test += static_cast<int64_t>(p.test.size());
    out.people.push_back(std::move(p));
  }
  out.x = stack(x, 0), out.y = tensor(y), out.info = in.info, out.inputs = to_metadata(in);
  const std::string things = in.sounds ? "sounds" : "pictures",
                    side = std::to_string(in.info.height);
  out.notes = {
      counted(folder, things, classes, static_cast<int64_t>(y.size()) - test, test) + ", " +
          std::to_string(raws.size()) +
          (kind.flat || kind.parts ? " persons made of its classes" : " persons"),
      was.line(things, in.sounds ? hertz(in.front.mel.rate) : side + " x " + side + " pixels")};
  return out;
}

Tensor load_samples(const std::string& folder, const Inputs& in) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) throw IOError(folder + ": is no folder of samples");
  const std::vector<std::string> files =
      files_below(folder, in.sounds ? sound_endings : picture_endings);
  if (files.empty())
    throw IOError(folder + ": holds no samples; the model takes " +
                  (in.sounds ? "sounds (.wav, .flac, .ogg)" : "pictures (.png, .jpg)"));
  std::vector<Tensor> x;
  for (const std::string& file : files) x.push_back(in.of_file(file));
  return stack(x, 0);
}

}  // namespace regrad::ppp
