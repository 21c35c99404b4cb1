#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/image_folder.h>
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

// One person's examples, before the classes of all are known.
struct Raw {
  std::string name;
  std::vector<std::string> classes, names;
  std::vector<int64_t> labels;
  std::vector<Tensor> x;
};

Raw raw_sounds(const std::string& folder, const Inputs& in) {
  const AudioSet set = load_sound_folder(folder);
  Raw out{"", set.classes, {}, {}, {}};
  for (int64_t i = 0; i < set.size(); ++i) {
    const Clip& c = set.clips[static_cast<size_t>(i)];
    out.names.push_back(c.name), out.labels.push_back(c.label);
    out.x.push_back(in.of_sound(set.sound(i)));
  }
  return out;
}

Raw raw_pictures(const std::string& folder, const Inputs& in) {
  Raw out;
  const ImageSet set =
      load_image_folder(folder, {.height = in.info.height, .width = in.info.width}, &out.names);
  out.classes = set.classes, out.labels = set.labels.to_vector<int64_t>();
  for (int64_t i = 0; i < set.size(); ++i) out.x.push_back(in.of_picture(select(set.images, 0, i)));
  return out;
}

// Of each class a fifth for test; of what is left a tenth for validation, where there are ten.
void split(const Raw& raw, int64_t first, const std::string& where, Person& p) {
  const std::vector<bool> test = test_by_name(raw.names, raw.labels, where);
  std::map<int64_t, int64_t> left;
  for (size_t i = 0; i < test.size(); ++i) left[raw.labels[i]] += !test[i];
  std::vector<std::string> names;
  std::vector<int64_t> labels, rows;
  for (size_t i = 0; i < test.size(); ++i) {
    if (test[i] || left[raw.labels[i]] < 10) continue;
    names.push_back(raw.names[i]), labels.push_back(raw.labels[i]);
    rows.push_back(static_cast<int64_t>(i));
  }
  std::vector<bool> held(test.size(), false);
  if (!rows.empty()) {
    const std::vector<bool> some = test_by_name(names, labels, where, 0.1, 1);
    for (size_t k = 0; k < rows.size(); ++k) held[static_cast<size_t>(rows[k])] = some[k];
  }
  for (size_t i = 0; i < test.size(); ++i)
    (test[i]   ? p.test
     : held[i] ? p.validation
               : p.train)
        .push_back(first + static_cast<int64_t>(i));
  p.pool = p.train;
}

bool holds_sounds(const std::string& folder) {
  const bool sounds = !files_below(folder, sound_endings).empty(),
             pictures = !files_below(folder, picture_endings).empty();
  if (sounds && pictures)
    throw IOError(folder + ": holds sounds and pictures; a table is of one kind");
  if (!sounds && !pictures)
    throw IOError(folder +
                  ": holds no <person>/<class>/<example>, .wav, .flac, .ogg, .png or "
                  ".jpg");
  return sounds;
}

// A rate that cannot be brought to the model's is the file's fault.
Tensor of_sound_file(const std::string& file, const Inputs& in) {
  const Sound s = read_sound(file);
  try {
    return in.of_sound(s);
  } catch (const ConfigError& e) {
    throw IOError(file + ": " + e.what());
  }
}

}  // namespace

Persons load_folder(const std::string& folder, const Settings& s) {
  std::error_code ignored;
  if (folder.empty() || !fs::is_directory(folder, ignored))
    throw IOError(
        "--task folder: give --data DIR, a folder with a folder for each person, and in it a "
        "folder of sounds or pictures for each class; --task glyphs needs no data");
  Inputs in = inputs_for_folder(holds_sounds(folder), s);
  std::vector<std::string> people;
  for (const fs::directory_entry& e : fs::directory_iterator(folder))
    if (e.is_directory()) people.push_back(e.path().filename().string());
  std::sort(people.begin(), people.end());
  std::vector<Raw> raws;
  std::vector<std::string> classes;
  for (const std::string& name : people) {
    const std::string at = folder + "/" + name;
    raws.push_back(in.sounds ? raw_sounds(at, in) : raw_pictures(at, in));
    raws.back().name = name;
    for (const std::string& c : raws.back().classes)
      if (!among(c, classes)) classes.push_back(c);
  }
  std::sort(classes.begin(), classes.end());
  if (raws.size() < 2 || classes.size() < 2)
    throw IOError("--task folder: " + folder + " holds " + std::to_string(raws.size()) +
                  " persons and " + std::to_string(classes.size()) +
                  " classes; a table needs two of each");
  in.info.classes = classes;
  Persons out;
  std::vector<Tensor> x;
  std::vector<int64_t> y;
  for (const Raw& raw : raws) {
    Person p{raw.name};
    split(raw, static_cast<int64_t>(y.size()), folder + "/" + raw.name, p);
    for (size_t i = 0; i < raw.x.size(); ++i) {
      const std::string& c = raw.classes[static_cast<size_t>(raw.labels[i])];
      x.push_back(raw.x[i]);
      y.push_back(std::lower_bound(classes.begin(), classes.end(), c) - classes.begin());
    }
    out.people.push_back(std::move(p));
  }
  out.x = stack(x, 0), out.y = tensor(y), out.info = in.info, out.inputs = to_metadata(in);
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
  for (const std::string& file : files)
    x.push_back(in.sounds ? of_sound_file(file, in)
                          : in.of_picture(load_picture(
                                file, {.height = in.info.height,
                                       .width = in.info.width,
                                       .channels = static_cast<int>(in.info.channels)})));
  return stack(x, 0);
}

}  // namespace regrad::ppp
