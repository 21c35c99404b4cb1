#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/class_folders.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/names.h>
#include <regrad/datasets/internal/picture.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad {
namespace {

constexpr size_t block_pictures = 64, block_bytes = 64 << 20;  // decoded together

void check_options(const ImageFolderOptions& o) {
  if (o.height < 1 || o.width < 1 || o.height > 1 << 15 || o.width > 1 << 15)
    throw ConfigError("load_image_folder: pictures of " + std::to_string(o.height) + " x " +
                      std::to_string(o.width) + "; sides are 1 to 32768");
  if (o.channels != 1 && o.channels != 3)
    throw ConfigError("load_image_folder: " + std::to_string(o.channels) +
                      " channels; there are 1 and 3");
}

// What it was is returned.
PictureSize decode(const std::string& bytes, const ImageFolderOptions& o, const std::string& where,
                   uint8_t* to) {
  const detail::Picture p = detail::decode_picture(bytes, o.channels, where);
  if (o.resize == Resize::bilinear) {
    const std::vector<uint8_t> small =
        detail::resample(p, o.height, o.width, detail::Filter::triangle);
    std::copy(small.begin(), small.end(), to);
  } else {
    for (const double v : detail::area_average(p, o.height, o.width))
      *to++ = static_cast<uint8_t>(std::floor(v + 0.5));
  }
  return {p.height, p.width};
}

struct Waiting {
  int64_t row;
  std::string bytes, where;
};

// Reads the files that rows names, row_of(name) their rows, and decodes some at a time on all
// threads.
Tensor read_pictures(const detail::Files& files,
                     const std::map<std::string, std::vector<int64_t>>& rows_of, int64_t n,
                     const ImageFolderOptions& o, std::vector<PictureSize>* sizes = nullptr) {
  const int64_t row = o.channels * o.height * o.width;
  contiguous_strides({n, row});  // ShapeError where that overflows
  std::vector<uint8_t> images(static_cast<size_t>(n * row));
  if (sizes) sizes->assign(static_cast<size_t>(n), {0, 0});
  std::vector<Waiting> waiting;
  size_t held = 0;
  const auto decode_waiting = [&] {
    parallel_for(static_cast<int64_t>(waiting.size()), [&](int64_t i) {
      const Waiting& w = waiting[static_cast<size_t>(i)];
      const PictureSize was = decode(w.bytes, o, w.where, images.data() + w.row * row);
      if (sizes) (*sizes)[static_cast<size_t>(w.row)] = was;
    });
    waiting.clear();
    held = 0;
  };
  files.each([&](const detail::FileOf& f) {
    const auto rows = rows_of.find(f.name);
    if (rows == rows_of.end()) return;
    std::string bytes = f.read();
    for (const int64_t r : rows->second) {
      held += bytes.size();
      waiting.push_back({r, bytes, f.where});
    }
    if (waiting.size() >= block_pictures || held >= block_bytes) decode_waiting();
  });
  decode_waiting();
  return detail::adopt(std::move(images), {n, o.channels, o.height, o.width});
}

struct Line {
  int64_t number;
  std::string file, of_class;
};
// "filename,label" and then lines so; without that line the first one names a picture, and is read
// as such. A header may name other columns beside these two.
std::vector<Line> read_list(const std::string& csv) {
  const std::string text = detail::read_unpacked(csv);
  detail::Records records(text, csv, detail::separator_of(text, ',', 2));
  std::vector<Line> out;
  std::vector<std::string_view> fields;
  size_t file = 0, of_class = 1, columns = 2;
  for (bool first = true; records.next(fields); first = false) {
    if (first && std::none_of(fields.begin(), fields.end(), [](std::string_view f) {
          return detail::is_picture(std::string(f));
        })) {
      const auto place = [&](std::string_view name) {
        return static_cast<size_t>(std::find(fields.begin(), fields.end(), name) - fields.begin());
      };
      columns = fields.size();
      if (std::max(place("filename"), place("label")) < columns)
        file = place("filename"), of_class = place("label");
      else if (columns != 2)
        records.fail("there is no column 'filename' or no column 'label'");
      continue;
    }
    if (fields.size() != columns || fields[file].empty() || fields[of_class].empty())
      records.fail("a line is a file's name, a comma and its class");
    out.push_back({records.line(), std::string(fields[file]), std::string(fields[of_class])});
  }
  if (out.empty()) throw IOError(csv + ": line 2: names no pictures");
  return out;
}

}  // namespace

ImageSet load_image_folder(const std::string& path, const ImageFolderOptions& options,
                           std::vector<std::string>* names, std::vector<PictureSize>* sizes) {
  return typed_memory([&] {
    check_options(options);
    const detail::Files files(path, options.most_bytes);
    detail::ClassFolders found = detail::class_folders(files, options.under);
    std::map<std::string, std::vector<int64_t>> rows_of;
    const auto n = static_cast<int64_t>(found.files.size());
    for (int64_t i = 0; i < n; ++i) rows_of[found.files[static_cast<size_t>(i)]] = {i};
    if (names) *names = std::move(found.names);
    ImageSet set;
    set.labels = detail::adopt(std::move(found.labels), {n});
    set.classes = std::move(found.classes);
    set.images = read_pictures(files, rows_of, n, options, sizes);
    return set;
  });
}

ImageSet load_image_list(const std::string& path, const std::string& csv,
                         const ImageFolderOptions& options) {
  return typed_memory([&] {
    check_options(options);
    const std::vector<Line> list = read_list(csv);
    const detail::Files files(path, options.most_bytes);
    // path below `under`, and its last part -> names
    std::map<std::string, std::vector<std::string>> names_of;
    files.each([&](const detail::FileOf& f) {
      const std::string name = detail::below(f.name, options.under), last = detail::base_of(name);
      if (name.empty() || !detail::is_picture(f.name)) return;
      names_of[name].push_back(f.name);
      if (last != name) names_of[last].push_back(f.name);
    });
    std::map<std::string, std::vector<int64_t>> rows_of;
    std::vector<std::string> of_class;
    for (const Line& line : list) {
      const std::vector<std::string>& named = names_of[line.file];
      const auto fail = [&](const std::string& what) {
        throw IOError(csv + ": line " + std::to_string(line.number) + ": " + path + " holds " +
                      what + " " + detail::quoted(line.file));
      };
      if (named.empty()) fail("no");
      if (named.size() > 1)
        fail(std::to_string(named.size()) + " files (such as " + named[0] + " and " + named[1] +
             ") called");
      rows_of[named[0]].push_back(static_cast<int64_t>(of_class.size()));
      of_class.push_back(line.of_class);
    }
    const auto n = static_cast<int64_t>(of_class.size());
    ImageSet set;
    set.labels = detail::adopt(detail::number(of_class, set.classes), {n});
    set.images = read_pictures(files, rows_of, n, options);
    return set;
  });
}

Tensor load_picture(const std::string& path, const ImageFolderOptions& options) {
  return typed_memory([&] {
    check_options(options);
    std::vector<uint8_t> pixels(
        static_cast<size_t>(options.channels * options.height * options.width));
    decode(read_file(path), options, path, pixels.data());
    return from_data(pixels.data(), {options.channels, options.height, options.width}, DType::u8);
  });
}

}  // namespace regrad
