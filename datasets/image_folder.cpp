#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/internal/adopt.h>
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

bool ends_in_one_of(const std::string& name, std::initializer_list<std::string_view> endings) {
  return !detail::is_clutter(name) &&
         std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view e) { return detail::has_ending(name, e); });
}
bool is_picture(const std::string& name) { return ends_in_one_of(name, {".png", ".jpg", ".jpeg"}); }
// What others read as pictures: passing over them would lose them without a word.
void refuse_other_formats(const std::string& name, const std::string& where) {
  if (ends_in_one_of(name,
                     {".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".avif"}))
    throw IOError(where + ": pictures are read as PNG or JPEG; convert this one, or take it out");
}

// The path below `under`; empty where it does not lie there.
std::string below(const std::string& name, std::string under) {
  if (under.empty()) return name;
  if (under.back() != '/') under += '/';
  return name.substr(0, under.size()) == under ? name.substr(under.size()) : "";
}

void decode(const std::string& bytes, const ImageFolderOptions& o, const std::string& where,
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
}

struct Waiting {
  int64_t row;
  std::string bytes, where;
};

// Reads the files that rows names, row_of(name) their rows, and decodes some at a time on all
// threads.
Tensor read_pictures(const detail::Files& files,
                     const std::map<std::string, std::vector<int64_t>>& rows_of, int64_t n,
                     const ImageFolderOptions& o) {
  const int64_t row = o.channels * o.height * o.width;
  contiguous_strides({n, row});  // ShapeError where that overflows
  std::vector<uint8_t> images(static_cast<size_t>(n * row));
  std::vector<Waiting> waiting;
  size_t held = 0;
  const auto decode_waiting = [&] {
    parallel_for(static_cast<int64_t>(waiting.size()), [&](int64_t i) {
      const Waiting& w = waiting[static_cast<size_t>(i)];
      decode(w.bytes, o, w.where, images.data() + w.row * row);
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

// Numbers of sorted names.
std::vector<int64_t> number(const std::vector<std::string>& names,
                            std::vector<std::string>& classes) {
  classes = names;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<int64_t> labels;
  for (const std::string& name : names)
    labels.push_back(std::lower_bound(classes.begin(), classes.end(), name) - classes.begin());
  return labels;
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
    if (first && std::none_of(fields.begin(), fields.end(),
                              [](std::string_view f) { return is_picture(std::string(f)); })) {
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

// The folders of classes that have no picture: passed over, they would shift the numbers of the
// classes behind them.
void check_classes(const detail::Files& files, const std::vector<std::string>& classes,
                   const std::string& under) {
  for (const std::string& folder : files.folders()) {
    const std::string name = below(folder, under);
    if (name.empty() || name.find('/') != std::string::npos || detail::is_clutter(name)) continue;
    if (!std::binary_search(classes.begin(), classes.end(), name))
      throw IOError(
          files.where() + "/" + folder +
          ": a class without a picture (.png, .jpg, .jpeg); take the folder away, or fill it");
  }
}

}  // namespace

ImageSet load_image_folder(const std::string& path, const ImageFolderOptions& options,
                           std::vector<std::string>* names) {
  return typed_memory([&] {
    check_options(options);
    const detail::Files files(path, options.most_bytes);
    // class and path below it -> name
    std::map<std::pair<std::string, std::string>, std::string> found;
    files.each([&](const detail::FileOf& f) {
      const std::string name = below(f.name, options.under);
      const size_t slash = name.find('/');
      if (slash == std::string::npos || slash == 0) return;
      refuse_other_formats(name, f.where);
      if (is_picture(name)) found[{name.substr(0, slash), name.substr(slash + 1)}] = f.name;
    });
    if (found.empty())
      throw IOError(path + ": holds no <class>/<picture>" +
                    (options.under.empty() ? "" : " under '" + options.under + "'"));
    std::map<std::string, std::vector<int64_t>> rows_of;
    std::vector<std::string> of_class;
    if (names) names->clear();
    for (const auto& [key, name] : found) {
      if (names) names->push_back(key.first + "/" + key.second);
      rows_of[name] = {static_cast<int64_t>(of_class.size())};
      of_class.push_back(key.first);
    }
    const auto n = static_cast<int64_t>(of_class.size());
    ImageSet set;
    set.labels = detail::adopt(number(of_class, set.classes), {n});
    check_classes(files, set.classes, options.under);
    set.images = read_pictures(files, rows_of, n, options);
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
      const std::string name = below(f.name, options.under), last = detail::base_of(name);
      if (name.empty() || !is_picture(f.name)) return;
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
    set.labels = detail::adopt(number(of_class, set.classes), {n});
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
