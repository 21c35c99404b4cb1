#include <regrad/algorithms/experiment/data/in_turn.h>
#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/algorithms/experiment/data/words.h>
#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/folder_kind.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/split.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

std::string pixels(int64_t height, int64_t width) {
  return std::to_string(width) + " x " + std::to_string(height) + " pixels";
}

// Mean and deviation of pixels / 255, by channel.
void measure(Images& out) {
  const Tensor& x = out.train.images;
  const int64_t channels = x.size(1);
  std::vector<double> sums(static_cast<size_t>(channels), 0.0), squares = sums;
  for (int64_t at = 0; at < x.size(0); at += 256) {
    const Tensor some = slice(x, 0, at, std::min(at + 256, x.size(0))).to(DType::f64) * (1.0 / 255);
    const std::vector<double> s = sum(some, {0, 2, 3}).to_vector(),
                              q = sum(some * some, {0, 2, 3}).to_vector();
    for (size_t c = 0; c < s.size(); ++c) sums[c] += s[c], squares[c] += q[c];
  }
  const double n = static_cast<double>(x.numel() / channels);
  for (size_t c = 0; c < sums.size(); ++c) {
    const double mean = sums[c] / n;
    out.mean.push_back(mean);
    // at least one step of a pixel, for a channel that does not vary
    out.deviation.push_back(
        std::max(1.0 / 255, std::sqrt(std::max(0.0, squares[c] / n - mean * mean))));
  }
}

Images picture_images(const std::string& folder, const OwnOptions& o) {
  Brought was;
  const OwnPictures own = own_pictures(folder, o.side, o.test_share, was);
  need_classes(folder, own.all.classes);
  std::vector<int64_t> train, test;
  for (size_t i = 0; i < own.test.size(); ++i)
    (own.test[i] ? test : train).push_back(static_cast<int64_t>(i));
  // the first so many of a set sorted by class would be one class
  Images out{in_turn(rows(own.all, train)), in_turn(rows(own.all, test)), {}, {}};
  measure(out);
  out.notes = {counted(folder, "pictures", own.all.classes, out.train.size(), out.test.size()),
               was.line("pictures", pixels(o.side, o.side))};
  return out;
}

Images sound_images(const std::string& folder, const OwnOptions& o) {
  const AudioSet set = own_sounds(folder, o.test_share);
  need_classes(folder, set.classes);
  const FrontEnd front = word_front("sounds", o.frames, o.seconds);
  Brought was;
  Images out = word_images("folder", set, front, &was);
  const int64_t test = out.test.size();
  out.notes = {counted(folder, "sounds", set.classes, set.size() - test, test),
               was.line("sounds", hertz(front.mel.rate)),
               "the first " + decimal(o.seconds) +
                   " s of each sound are used, with silence after a shorter one (seconds)"};
  return out;
}

}  // namespace

void Brought::add(const std::string& was) {
  const std::lock_guard lock(mutex_);
  ++count_[was];
}

std::string Brought::line(const std::string& things, const std::string& to) const {
  constexpr size_t most = 4;
  int64_t all = 0, moved = 0, more = 0;
  std::vector<std::pair<int64_t, std::string>> others;
  for (const auto& [was, n] : count_) {
    all += n;
    if (was != to) moved += n, others.emplace_back(-n, was);
  }
  if (moved == 0) return "";
  std::sort(others.begin(), others.end());
  std::string out = std::to_string(moved) + " of " + std::to_string(all) + " " + things +
                    " brought to " + to + ": ";
  for (size_t i = 0; i < others.size(); ++i) {
    if (i < most)
      out += (i ? ", " : "") + others[i].second + " (" + std::to_string(-others[i].first) + ")";
    else
      more -= others[i].first;
  }
  return more ? out + ", others (" + std::to_string(more) + ")" : out;
}

std::string hertz(int64_t rate) { return std::to_string(rate) + " Hz"; }

OwnPictures own_pictures(const std::string& folder, int64_t side, double test_share, Brought& was) {
  const FolderKind kind = folder_kind(folder);
  if (kind.kind != FolderKind::pictures)
    throw IOError(folder + ": holds sounds; this table takes pictures, PNG or JPEG");
  const auto load = [&](const char* under, std::vector<std::string>& names) {
    std::vector<PictureSize> sizes;
    ImageSet set =
        load_image_folder(folder, {.height = side, .width = side, .under = under}, &names, &sizes);
    for (const PictureSize& s : sizes) was.add(pixels(s.height, s.width));
    return set;
  };
  OwnPictures out;
  if (!kind.parts) {
    out.all = load("", out.names);
    out.test = test_by_name(out.names, out.all.labels.to_vector<int64_t>(), folder, test_share);
    return out;
  }
  std::vector<std::string> of_test;
  const ImageSet train = load("train", out.names), test = load("test", of_test);
  if (train.classes != test.classes)
    throw IOError(folder + ": train/ and test/ hold folders of different classes");
  out.test.assign(out.names.size(), false);
  out.test.resize(out.names.size() + of_test.size(), true);
  out.names.insert(out.names.end(), of_test.begin(), of_test.end());
  out.all = {cat({train.images, test.images}, 0), cat({train.labels, test.labels}, 0),
             train.classes};
  return out;
}

AudioSet own_sounds(const std::string& folder, double test_share) {
  if (folder_kind(folder).kind != FolderKind::sounds)
    throw IOError(folder + ": holds pictures; this table takes sounds, WAV, FLAC or OGG");
  return load_sound_folder(folder, {.test_share = test_share});
}

Images own_images(const std::string& folder, const OwnOptions& o) {
  need_folder(folder,
              "a folder with a folder of pictures (PNG, JPEG) or of sounds (WAV, FLAC, OGG) for "
              "each class, or with train/ and test/ that hold such folders");
  return folder_kind(folder).kind == FolderKind::sounds ? sound_images(folder, o)
                                                        : picture_images(folder, o);
}

void need_folder(const std::string& folder, const std::string& what) {
  if (folder.empty())
    throw IOError("--task folder: give --data DIR, " + what +
                  "; the first of the tasks that --help lists needs no data");
}

void need_classes(const std::string& folder, const std::vector<std::string>& classes) {
  if (classes.size() < 2)
    throw IOError("--task folder: " + folder + " holds one class, " + classes[0] +
                  "; a table needs two");
}

std::string counted(const std::string& folder, const std::string& things,
                    const std::vector<std::string>& classes, int64_t train, int64_t test) {
  constexpr size_t most = 12;
  const std::vector<std::string> some(
      classes.begin(),
      classes.begin() + static_cast<std::ptrdiff_t>(std::min(most, classes.size())));
  return folder + ": " + std::to_string(train + test) + " " + things + " of " +
         std::to_string(classes.size()) + " classes (" + joined(some, ", ") +
         (classes.size() > most ? ", .." : "") + "): " + std::to_string(train) + " to train on, " +
         std::to_string(test) + " to test on";
}

}  // namespace regrad::experiment
