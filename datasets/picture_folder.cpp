#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/class_folders.h>
#include <regrad/datasets/internal/picture.h>
#include <regrad/datasets/picture_folder.h>
#include <regrad/datasets/transforms.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace regrad {
namespace {

using detail::Picture;

Picture cut(const Picture& p, const Box& r) {
  Picture out{r.height, r.width, p.channels, {}};
  out.bytes.reserve(static_cast<size_t>(r.height * r.width * p.channels));
  for (int64_t y = r.top; y < r.top + r.height; ++y) {
    const auto from = p.bytes.begin() + (y * p.width + r.left) * p.channels;
    out.bytes.insert(out.bytes.end(), from, from + r.width * p.channels);
  }
  return out;
}

// Channels first, as resample gives them, back to channels within a pixel.
Picture resized(const Picture& p, int64_t height, int64_t width) {
  const std::vector<uint8_t> planes = detail::resample(p, height, width, detail::Filter::triangle);
  Picture out{height, width, p.channels, std::vector<uint8_t>(planes.size())};
  for (int64_t c = 0; c < p.channels; ++c)
    for (int64_t i = 0; i < height * width; ++i)
      out.bytes[static_cast<size_t>(i * p.channels + c)] =
          planes[static_cast<size_t>(c * height * width + i)];
  return out;
}

// Python's round: halves to the even number.
int64_t rounded(double v) { return static_cast<int64_t>(std::nearbyint(v)); }

// The middle of the picture whose shorter side was brought to size 256 / 224.
Picture middle(const Picture& p, int64_t size, const std::string& where) {
  const int64_t shorter = size * 256 / 224, side = std::min(p.height, p.width);
  const auto longer = [&](int64_t of) { return shorter * of / side; };
  if (longer(p.height) * longer(p.width) > 1 << 27)
    throw IOError(where + ": is " + std::to_string(p.width) + " x " + std::to_string(p.height) +
                  " pixels, too long for its width");
  const Picture small = resized(p, longer(p.height), longer(p.width));
  const auto off = [&](int64_t of) { return rounded(static_cast<double>(of - size) / 2); };
  return cut(small, {off(small.height), off(small.width), size, size});
}

}  // namespace

PictureFolder list_picture_folder(const std::string& folder) {
  return typed_memory([&] {
    if (!std::filesystem::is_directory(folder))
      throw IOError(folder + ": is no folder; pictures that stay on disk lie in one");
    detail::ClassFolders found = detail::class_folders(detail::Files(folder), "");
    const auto n = static_cast<int64_t>(found.names.size());
    return PictureFolder{folder, std::move(found.names),
                         detail::adopt(std::move(found.labels), {n}), std::move(found.classes)};
  });
}

PictureFolder rows_of(const PictureFolder& set, const std::vector<int64_t>& rows) {
  PictureFolder out{set.folder, {}, {}, set.classes};
  std::vector<int64_t> labels;
  for (const int64_t row : rows) {
    if (row < 0 || row >= set.size())
      throw ShapeError("rows_of: row " + std::to_string(row) + " of " + std::to_string(set.size()) +
                       " pictures");
    out.names.push_back(set.names[static_cast<size_t>(row)]);
    labels.push_back(set.labels.data<int64_t>()[row]);
  }
  out.labels = detail::adopt(std::move(labels), {static_cast<int64_t>(rows.size())});
  return out;
}

Tensor read_picture(const PictureFolder& set, int64_t row, const PictureCrop& crop,
                    const Random& r) {
  return typed_memory([&] {
    if (crop.size < 1 || crop.size > 1 << 15)
      throw ConfigError("read_picture: a side of " + std::to_string(crop.size) +
                        " pixels; sides are 1 to 32768");
    const std::string path = set.folder + "/" + set.names.at(static_cast<size_t>(row));
    const Picture whole = detail::decode_picture(read_file(path), 3, path);
    const Picture p = crop.random
                          ? resized(cut(whole, random_box({}, r, whole.height, whole.width)),
                                    crop.size, crop.size)
                          : middle(whole, crop.size, path);
    std::vector<uint8_t> planes(p.bytes.size());
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t i = 0; i < crop.size * crop.size; ++i)
        planes[static_cast<size_t>(c * crop.size * crop.size + i)] =
            p.bytes[static_cast<size_t>(3 * i + c)];
    return detail::adopt(std::move(planes), {3, crop.size, crop.size});
  });
}

}  // namespace regrad
