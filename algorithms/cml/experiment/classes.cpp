#include <regrad/algorithms/cml/experiment/classes.h>
#include <regrad/algorithms/experiment/memory.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/omniglot.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace regrad::cml {
namespace {

// The first of these names that is in the folder; "" where none is.
std::string first_there(const std::string& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (std::filesystem::exists(folder + "/" + name)) return name;
  return "";
}

// Training and validation classes of the whole Omniglot's background, by alphabet; validation
// classes as they stand, without rotations.
ClassSplits split_background(OmniglotSplits all) {
  const double first_kept_out = static_cast<double>(all.train.alphabets.size()) - 5;
  // class c + k characters is character c turned k times
  const int64_t classes = all.train.alphabet_of.numel(), characters = classes / 4;
  std::vector<int64_t> train, validation;
  for (int64_t c = 0; c < classes; ++c) {
    const bool kept_out = all.train.alphabet_of[c].item() >= first_kept_out;
    if (!kept_out) train.push_back(c);
    if (kept_out && c < characters) validation.push_back(c);
  }
  return {{all.train.set, train}, {all.train.set, validation}, std::move(all.test.set)};
}

}  // namespace

TaskBatch ClassSet::tasks(const std::vector<Random>& streams, const EpisodeShape& shape) const {
  std::vector<Tensor> support, query, support_y, query_y;
  for (const Random& r : streams) {
    const Episodes e = sampler.sample(r, 1, shape);
    support.push_back(e.support), query.push_back(e.query), support_y.push_back(e.support_y),
        query_y.push_back(e.query_y);
  }
  return {take_images(set.images, cat(support, 0)), cat(support_y, 0),
          take_images(set.images, cat(query, 0)), cat(query_y, 0)};
}

int64_t ClassSet::least_rows() const {
  std::vector<int64_t> rows(set.classes.size(), 0);
  for (int64_t label : set.labels.to_vector<int64_t>())
    if (label >= 0) ++rows[static_cast<size_t>(label)];
  int64_t least = set.size();
  for (int64_t c : sampler.classes()) least = std::min(least, rows[static_cast<size_t>(c)]);
  return least;
}

ClassSplits glyph_classes(int64_t size) {
  if (size == 0) size = 28;
  Glyphs glyphs;
  glyphs.size = size;
  const Random r = Random(0) / "glyphs";
  constexpr int64_t examples = 20, classes = 200 + 50 + 100;
  const auto side = static_cast<double>(size);
  experiment::check_memory({{sizeof(float) * classes * examples * side * side, "drawn glyphs"}},
                           "size " + std::to_string(size));
  return {glyphs.sample(r / "train", 200, examples), glyphs.sample(r / "validation", 50, examples),
          glyphs.sample(r / "test", 100, examples)};
}

ClassSplits omniglot_classes(const std::string& folder, int64_t size) {
  if (folder.empty())
    throw IOError(
        "--task omniglot: give --data DIR, the folder with images_background and "
        "images_evaluation, or with omniglot_images_background_small1.zip and "
        "omniglot_images_background_small2.zip; --task images needs no data");
  OmniglotSplits all = load_omniglot_splits(folder, {.size = size ? size : 28});
  if (all.whole) return split_background(std::move(all));
  return {std::move(all.train.set), std::move(all.validation.set), std::move(all.test.set)};
}

ClassSplits folder_classes(const std::string& folder, int64_t size) {
  if (folder.empty())
    throw IOError("--task folder: give --data DIR, the folder with train, val and test in it");
  if (size == 0) size = 84;
  const ImageFolderOptions options{.height = size, .width = size};
  const std::string validation = first_there(folder, {"val", "validation"}),
                    images = first_there(folder, {"images.zip", "images.tar", "images"});
  const bool folders = !validation.empty() && !first_there(folder, {"train"}).empty() &&
                       !first_there(folder, {"test"}).empty();
  if (!folders && (images.empty() || first_there(folder, {"train.csv"}).empty()))
    throw IOError(folder +
                  ": expected train, val and test, a folder for each class; or train.csv, val.csv "
                  "and test.csv beside images.zip");
  std::set<std::string> seen;
  const auto part = [&](const std::string& name) {
    const std::string path = folder + "/" + name;
    ClassSet out(folders ? load_image_folder(path, options)
                         : load_image_list(folder + "/" + images, path + ".csv", options));
    for (const std::string& c : out.set.classes)
      if (!seen.insert(c).second)
        throw IOError(
            folder + ": class '" + c +
            "' is in two of train, validation and test; few-shot classes must be disjoint");
    return out;
  };
  return {part("train"), part(folders ? validation : "val"), part("test")};
}

}  // namespace regrad::cml
