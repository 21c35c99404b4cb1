#include <regrad/algorithms/cml/experiment/classes.h>
#include <regrad/algorithms/experiment/memory.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/omniglot.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

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
  return {take(cat(support, 0)), cat(support_y, 0), take(cat(query, 0)), cat(query_y, 0)};
}

Shape ClassSet::image_shape() const {
  if (on_disk) return {options.channels, options.height, options.width};
  const Shape& all = set.images.shape();
  return {all[1], all[2], all[3]};
}

Tensor ClassSet::take(const Tensor& rows) const {
  if (!on_disk) return take_images(set.images, rows);
  const std::vector<int64_t> row = rows.to_vector<int64_t>();
  std::vector<Tensor> pictures(row.size());
  parallel_for(static_cast<int64_t>(row.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    pictures[at] = load_picture(
        on_disk->folder + "/" + on_disk->names.at(static_cast<size_t>(row[at])), options);
  });
  return take_images(
      stack(pictures, 0),
      reshape(arange(0, static_cast<double>(row.size()), 1, DType::i64), rows.shape()));
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

namespace {

// Where a folder has its classes, by its layout: parts that are folders or lists.
struct Layout {
  enum { folders, class_lists, picture_lists } kind;
  std::string pictures, lists;  // "images.zip"; the folder of the lists
  std::string part[3];          // folders' names, or lists'
};
Layout layout_of(const std::string& folder) {
  if (folder.empty())
    throw IOError("--task folder: give --data DIR, the folder with train, val and test in it");
  const std::string validation = first_there(folder, {"val", "validation"}),
                    images = first_there(folder, {"images.zip", "images.tar", "images"});
  if (!validation.empty() && !first_there(folder, {"train"}).empty() &&
      !first_there(folder, {"test"}).empty())
    return {Layout::folders, "", "", {"train", validation, "test"}};
  if (!images.empty() && !first_there(folder, {"train.csv"}).empty())
    return {Layout::picture_lists, images, "", {"train.csv", "val.csv", "test.csv"}};
  for (const char* lists : {"", "splits/bertinetto/"})
    if (!first_there(folder, {"data"}).empty() &&
        !first_there(folder, {std::string(lists) + "train.txt"}).empty())
      return {Layout::class_lists, "data", lists, {"train.txt", "val.txt", "test.txt"}};
  throw IOError(folder +
                ": expected train, val and test, a folder for each class; train.csv, val.csv and "
                "test.csv beside images.zip; or data with a folder for each class, and train.txt, "
                "val.txt and test.txt with their names");
}

// The numbers of the classes that a list names, one a line.
std::vector<int64_t> listed(const std::string& list, const std::vector<std::string>& classes) {
  std::istringstream lines(read_file(list));
  std::vector<int64_t> out;
  int64_t number = 0;
  for (std::string name; std::getline(lines, name);) {
    ++number;
    while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back()))) name.pop_back();
    if (name.empty()) continue;
    const auto at = std::lower_bound(classes.begin(), classes.end(), name);
    if (at == classes.end() || *at != name)
      throw IOError(list + ": line " + std::to_string(number) + ": no class '" + name +
                    "' has a folder with pictures");
    out.push_back(at - classes.begin());
  }
  if (out.empty()) throw IOError(list + ": names no classes");
  return out;
}

ClassSplits disjoint(ClassSplits all, const std::string& folder) {
  std::set<std::string> seen;
  for (const ClassSet* part : {&all.train, &all.validation, &all.test})
    for (const int64_t c : part->sampler.classes())
      if (const std::string& name = part->set.classes[static_cast<size_t>(c)];
          !seen.insert(name).second)
        throw IOError(
            folder + ": class '" + name +
            "' is in two of train, validation and test; few-shot classes must be disjoint");
  return all;
}

// part(i): the i-th part of a layout.
template <class Part>
ClassSplits splits(const std::string& folder, Part&& part) {
  return disjoint({part(0), part(1), part(2)}, folder);
}

ImageFolderOptions squares(int64_t size) {
  if (size == 0) size = 84;
  return {.height = size, .width = size};
}

}  // namespace

ClassSplits folder_classes(const std::string& folder, int64_t size) {
  const Layout layout = layout_of(folder);
  const ImageFolderOptions options = squares(size);
  const std::string at = folder + "/";
  if (layout.kind == Layout::folders)
    return splits(
        folder, [&](int i) -> ClassSet { return load_image_folder(at + layout.part[i], options); });
  if (layout.kind == Layout::picture_lists)
    return splits(folder, [&](int i) -> ClassSet {
      return load_image_list(at + layout.pictures, at + layout.part[i], options);
    });
  const ImageSet all = load_image_folder(at + layout.pictures, options);
  return splits(folder, [&](int i) {
    return ClassSet(all, listed(at + layout.lists + layout.part[i], all.classes));
  });
}

ClassSplits lazy_folder_classes(const std::string& folder, int64_t size) {
  const Layout layout = layout_of(folder);
  const std::string at = folder + "/";
  const auto list = [](const std::string& of) {
    return std::make_shared<const PictureFolder>(list_picture_folder(of));
  };
  if (layout.kind == Layout::picture_lists)
    throw IOError(folder +
                  ": lists of pictures are read whole; lazy takes a folder for each class");
  if (layout.kind == Layout::folders)
    return splits(folder,
                  [&](int i) { return ClassSet(list(at + layout.part[i]), squares(size)); });
  const auto all = list(at + layout.pictures);
  return splits(folder, [&](int i) {
    return ClassSet(all, squares(size), listed(at + layout.lists + layout.part[i], all->classes));
  });
}

}  // namespace regrad::cml
