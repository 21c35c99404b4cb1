#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/png.h>
#include <regrad/datasets/omniglot.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace regrad {
namespace {

constexpr int64_t drawn_size = 105;

struct Drawing {
  std::vector<float> ink;
  std::string where;
};
// By alphabet and character, then by drawer.
using Drawings = std::map<std::pair<std::string, std::string>, std::map<int64_t, Drawing>>;

bool is_png(const std::string& name) { return detail::has_ending(name, ".png"); }

// The last `k`-th part of a path, from 0; empty where there is none.
std::string part_from_end(std::string_view path, int k) {
  for (; k > 0; --k) {
    const size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return "";
    path = path.substr(0, slash);
  }
  return std::string(path.substr(path.rfind('/') + 1));
}

// 12 of "0108_12.png".
int64_t drawer_of(const std::string& file, const std::string& where) {
  const size_t bar = file.rfind('_'), end = file.size() - 4;
  int64_t n = 0;
  bool good = bar != std::string::npos && bar + 1 < end && end - bar - 1 <= 6;
  for (size_t i = bar + 1; good && i < end; ++i) {
    good = file[i] >= '0' && file[i] <= '9';
    n = 10 * n + (file[i] - '0');
  }
  if (!good) throw IOError(where + ": the name of a drawing is <number>_<drawer>.png");
  return n;
}

std::vector<float> read_ink(const std::string& png, int64_t size, const std::string& where) {
  const detail::Picture p = detail::decode_png(png, 1, where);
  if (p.height != drawn_size || p.width != drawn_size)
    throw IOError(where + ": byte 16: a drawing of " + std::to_string(p.height) + " x " +
                  std::to_string(p.width) + " pixels; Omniglot's have 105 x 105");
  std::vector<float> ink;
  for (const double v : detail::area_average(p, size, size))
    ink.push_back(static_cast<float>(1 - v / 255));
  return ink;
}

void read_drawings(const detail::Files& files, const OmniglotOptions& options, Drawings& drawings) {
  std::vector<std::string> names;
  files.each([&](const detail::FileOf& f) {
    if (!is_png(f.name) || detail::is_clutter(f.name)) return;
    names.push_back(f.name);
    const std::string alphabet = part_from_end(f.name, 2), character = part_from_end(f.name, 1);
    if (alphabet.empty() || character.empty())
      throw IOError(f.where + ": a drawing lies in <alphabet>/<character>/");
    const auto& wanted = options.alphabets;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), alphabet) == wanted.end())
      return;
    Drawing drawing{read_ink(f.read(), options.size, f.where), f.where};
    const auto [one, fresh] = drawings[{alphabet, character}].try_emplace(
        drawer_of(part_from_end(f.name, 0), f.where), std::move(drawing));
    if (!fresh && one->second.ink != drawing.ink)
      throw IOError(f.where + ": another drawing than that of the same name in " +
                    one->second.where);
  });
  const std::vector<std::string> empty = detail::empty_folders(files.folders(), names);
  if (!empty.empty())
    throw IOError(files.where() + "/" + empty[0] +
                  ": a character without drawings; take the folder away, or fill it");
}

// Counterclockwise, as numpy.rot90.
std::vector<float> turned(const std::vector<float>& x, int64_t size) {
  std::vector<float> y(x.size());
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j)
      y[static_cast<size_t>(i * size + j)] = x[static_cast<size_t>(j * size + size - 1 - i)];
  return y;
}

void check_options(const OmniglotOptions& options) {
  if (options.size < 1 || options.size > drawn_size)
    throw ConfigError("load_omniglot: size is " + std::to_string(options.size) +
                      ", must lie between 1 and 105");
}

Omniglot assemble(Drawings drawings, const OmniglotOptions& options, const std::string& where) {
  if (drawings.empty() && options.alphabets.empty())
    throw IOError(where + ": holds no <alphabet>/<character>/<number>_<drawer>.png");
  Omniglot out;
  for (const auto& [key, drawers] : drawings)
    if (out.alphabets.empty() || out.alphabets.back() != key.first)
      out.alphabets.push_back(key.first);
  for (const std::string& wanted : options.alphabets)
    if (!std::binary_search(out.alphabets.begin(), out.alphabets.end(), wanted))
      throw ConfigError(where + ": holds no alphabet '" + wanted + "'");
  std::vector<float> images;
  std::vector<int64_t> labels, drawers, alphabet_of;
  for (int turns = 0; turns < (options.rotations ? 4 : 1); ++turns) {
    int64_t alphabet = 0;
    for (auto& [key, by_drawer] : drawings) {
      while (out.alphabets[static_cast<size_t>(alphabet)] != key.first) ++alphabet;
      for (auto& [drawer, drawing] : by_drawer) {
        if (turns > 0) drawing.ink = turned(drawing.ink, options.size);
        images.insert(images.end(), drawing.ink.begin(), drawing.ink.end());
        labels.push_back(static_cast<int64_t>(out.set.classes.size()));
        drawers.push_back(drawer);
      }
      alphabet_of.push_back(alphabet);
      out.set.classes.push_back(key.first + "/" + key.second +
                                (turns ? "/" + std::to_string(90 * turns) : ""));
    }
  }
  const auto n = static_cast<int64_t>(labels.size()),
             classes = static_cast<int64_t>(alphabet_of.size());
  out.set.images = detail::adopt(std::move(images), {n, 1, options.size, options.size});
  out.set.labels = detail::adopt(std::move(labels), {n});
  out.drawers = detail::adopt(std::move(drawers), {n});
  out.alphabet_of = detail::adopt(std::move(alphabet_of), {classes});
  return out;
}

// The folder or zip of that name, or empty.
std::string part_of(const std::string& folder, const std::string& name) {
  for (const char* before : {"", "omniglot_"}) {
    for (const char* after : {"", ".zip"}) {
      const std::string path = folder + "/" + before + name + after;
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) return path;
    }
  }
  return "";
}

}  // namespace

Omniglot load_omniglot(const std::vector<std::string>& paths, const OmniglotOptions& options) {
  return typed_memory([&] {
    check_options(options);
    Drawings drawings;
    std::string all;
    for (const std::string& path : paths) {
      read_drawings(detail::Files(path), options, drawings);
      all += (all.empty() ? "" : ", ") + path;
    }
    return assemble(std::move(drawings), options, all);
  });
}

Omniglot parse_omniglot(std::string_view bytes, const OmniglotOptions& options,
                        const std::string& where) {
  return typed_memory([&] {
    check_options(options);
    Drawings drawings;
    read_drawings(detail::Files::in_memory(std::string(bytes), where), options, drawings);
    return assemble(std::move(drawings), options, where);
  });
}

OmniglotSplits load_omniglot_splits(const std::string& folder,
                                    const OmniglotSplitOptions& options) {
  return typed_memory([&] {
    const OmniglotOptions train{options.rotate_train, options.size},
        test{options.rotate_test, options.size};
    const std::string background = part_of(folder, "images_background"),
                      evaluation = part_of(folder, "images_evaluation");
    if (!background.empty() && !evaluation.empty())
      return OmniglotSplits{
          load_omniglot({background}, train), {}, load_omniglot({evaluation}, test), true};
    const std::string small1 = part_of(folder, "images_background_small1"),
                      small2 = part_of(folder, "images_background_small2");
    if (small1.empty() || small2.empty())
      throw IOError(folder +
                    ": holds neither images_background and images_evaluation nor "
                    "images_background_small1 and _small2 (folders or .zip)");
    OmniglotOptions validation = test, others = test;
    validation.alphabets = {"Tagalog"};
    others.alphabets = {"Japanese_(katakana)", "Sanskrit"};
    return OmniglotSplits{load_omniglot({small1}, train), load_omniglot({small2}, validation),
                          load_omniglot({small2}, others), false};
  });
}

}  // namespace regrad
