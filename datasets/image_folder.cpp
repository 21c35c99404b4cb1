#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/engine/files.h>
#include <regrad/datasets/internal/picture.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad {
namespace {

constexpr size_t block_pictures = 64, block_bytes = 64 << 20;  // decoded together

void check_options(const ImageFolderOptions& o) {
  if (o.height < 1 || o.width < 1 || o.height > 1 << 15 || o.width > 1 << 15)
    throw ConfigError("load_image_folder: pictures of " + std::to_string(o.height) + " x " + std::to_string(o.width) + "; sides are 1 to 32768");
  if (o.channels != 1 && o.channels != 3) throw ConfigError("load_image_folder: " + std::to_string(o.channels) + " channels; there are 1 and 3");
}

bool is_picture(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || detail::is_clutter(name)) return false;
  std::string ending = name.substr(dot);
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

// The path below `under`; empty where it does not lie there.
std::string below(const std::string& name, std::string under) {
  if (under.empty()) return name;
  if (under.back() != '/') under += '/';
  return name.substr(0, under.size()) == under ? name.substr(under.size()) : "";
}

void decode(const std::string& bytes, const ImageFolderOptions& o, const std::string& where, uint8_t* to) {
  const detail::Picture p = detail::decode_picture(bytes, o.channels, where);
  if (o.resize == Resize::bilinear) {
    const std::vector<uint8_t> small = detail::resample(p, o.height, o.width, detail::Filter::triangle);
    std::copy(small.begin(), small.end(), to);
  } else {
    for (const double v : detail::area_average(p, o.height, o.width)) *to++ = static_cast<uint8_t>(std::floor(v + 0.5));
  }
}

struct Waiting {
  int64_t row;
  std::string bytes, where;
};

// Reads the files that rows names, row_of(name) their rows, and decodes some at a time on all threads.
Tensor read_pictures(const detail::Files& files, const std::map<std::string, std::vector<int64_t>>& rows_of, int64_t n, const ImageFolderOptions& o) {
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
std::vector<int64_t> number(const std::vector<std::string>& names, std::vector<std::string>& classes) {
  classes = names;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<int64_t> labels;
  for (const std::string& name : names) labels.push_back(std::lower_bound(classes.begin(), classes.end(), name) - classes.begin());
  return labels;
}

struct Line {
  std::string file, of_class;
};
std::vector<Line> read_list(const std::string& csv) {
  const std::string text = detail::read_unpacked(csv);
  std::vector<Line> out;
  int64_t line = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    std::string_view one = std::string_view(text).substr(start, end - start);
    start = end + 1;
    if (!one.empty() && one.back() == '\r') one.remove_suffix(1);
    if (++line == 1) continue;  // "filename,label"
    const size_t comma = one.find(',');
    if (comma == std::string_view::npos || comma == 0 || comma + 1 == one.size() || one.find(',', comma + 1) != std::string_view::npos)
      throw IOError(csv + ": line " + std::to_string(line) + ": a line is a file's name, a comma and its class");
    out.push_back({std::string(one.substr(0, comma)), std::string(one.substr(comma + 1))});
  }
  if (out.empty()) throw IOError(csv + ": line 2: names no pictures");
  return out;
}

}  // namespace

ImageSet load_image_folder(const std::string& path, const ImageFolderOptions& options) {
  return typed_memory([&] {
    check_options(options);
    const detail::Files files(path, options.most_bytes);
    std::map<std::pair<std::string, std::string>, std::string> found;  // class and path below it -> name
    files.each([&](const detail::FileOf& f) {
      const std::string name = below(f.name, options.under);
      const size_t slash = name.find('/');
      if (slash != std::string::npos && slash > 0 && is_picture(name)) found[{name.substr(0, slash), name.substr(slash + 1)}] = f.name;
    });
    if (found.empty()) throw IOError(path + ": holds no <class>/<picture>" + (options.under.empty() ? "" : " under '" + options.under + "'"));
    std::map<std::string, std::vector<int64_t>> rows_of;
    std::vector<std::string> of_class;
    for (const auto& [key, name] : found) {
      rows_of[name] = {static_cast<int64_t>(of_class.size())};
      of_class.push_back(key.first);
    }
    const auto n = static_cast<int64_t>(of_class.size());
    ImageSet set;
    set.labels = detail::adopt(number(of_class, set.classes), {n});
    set.images = read_pictures(files, rows_of, n, options);
    return set;
  });
}

ImageSet load_image_list(const std::string& path, const std::string& csv, const ImageFolderOptions& options) {
  return typed_memory([&] {
    check_options(options);
    const std::vector<Line> list = read_list(csv);
    const detail::Files files(path, options.most_bytes);
    std::map<std::string, std::string> name_of;  // last part -> name
    files.each([&](const detail::FileOf& f) {
      if (!below(f.name, options.under).empty() && is_picture(f.name)) name_of[f.name.substr(f.name.rfind('/') + 1)] = f.name;
    });
    std::map<std::string, std::vector<int64_t>> rows_of;
    std::vector<std::string> of_class;
    for (const Line& line : list) {
      const auto named = name_of.find(line.file);
      if (named == name_of.end())
        throw IOError(csv + ": line " + std::to_string(of_class.size() + 2) + ": " + path + " holds no '" + line.file.substr(0, 80) + "'");
      rows_of[named->second].push_back(static_cast<int64_t>(of_class.size()));
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
    std::vector<uint8_t> pixels(static_cast<size_t>(options.channels * options.height * options.width));
    decode(read_file(path), options, path, pixels.data());
    return from_data(pixels.data(), {options.channels, options.height, options.width}, DType::u8);
  });
}

}  // namespace regrad
