#include <regrad/datasets/idx.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/unpack.h>

#include <algorithm>
#include <bit>
#include <filesystem>

namespace regrad {
namespace {

struct Header {
  int type = 0;
  int64_t item = 0;  // bytes
  Shape sizes;
  size_t bytes = 4;  // of the header itself
};

[[noreturn]] void fail(const std::string& where, size_t at, const std::string& what) {
  throw IOError(where + ": byte " + std::to_string(at) + ": " + what);
}

uint64_t big_endian(std::string_view bytes) {
  uint64_t v = 0;
  for (const char c : bytes) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}

int64_t bytes_of_type(int type) {
  switch (type) {
    case 0x08:
    case 0x09: return 1;
    case 0x0b: return 2;
    case 0x0c:
    case 0x0d: return 4;
    case 0x0e: return 8;
    default: return 0;
  }
}

Header read_header(std::string_view bytes, const std::string& where) {
  Header h;
  if (bytes.size() < h.bytes) fail(where, bytes.size(), "ends within the header");
  if (bytes[0] || bytes[1]) fail(where, 0, "is no IDX file (it starts with two zero bytes)");
  h.type = static_cast<unsigned char>(bytes[2]);
  h.item = bytes_of_type(h.type);
  if (!h.item)
    fail(where, 2, "type " + std::to_string(h.type) + "; there are 8, 9, 11, 12, 13 and 14");
  const int dims = static_cast<unsigned char>(bytes[3]);
  if (dims < 1 || dims > max_dims)
    fail(where, 3, std::to_string(dims) + " dimensions; read are 1 to " + std::to_string(max_dims));
  int64_t total = h.item;
  for (int d = 0; d < dims; ++d, h.bytes += 4) {
    if (bytes.size() < h.bytes + 4) fail(where, bytes.size(), "ends within the header");
    const auto n = static_cast<int64_t>(big_endian(bytes.substr(h.bytes, 4)));
    h.sizes.push_back(n);
    if (n && __builtin_mul_overflow(total, n, &total))
      fail(where, h.bytes, "sizes " + str(h.sizes) + " overflow");
  }
  const int64_t wanted = h.sizes.numel() ? total : 0,
                held = static_cast<int64_t>(bytes.size() - h.bytes);
  if (held < wanted)
    fail(where, bytes.size(),
         "ends where " + std::to_string(wanted - held) + " more bytes of " + str(h.sizes) +
             " were to come");
  if (held > wanted)
    fail(where, h.bytes + static_cast<size_t>(wanted),
         "the file goes on after the items of " + str(h.sizes));
  return h;
}

// Items of sizeof(U) bytes each, made into T by f.
template <class T, class U, class F>
Tensor items(std::string_view bytes, const Shape& sizes, F&& f) {
  std::vector<T> out;
  out.reserve(bytes.size() / sizeof(U));
  for (size_t i = 0; i + sizeof(U) <= bytes.size(); i += sizeof(U))
    out.push_back(f(static_cast<U>(big_endian(bytes.substr(i, sizeof(U))))));
  return detail::adopt(std::move(out), sizes);
}

int64_t check_labels(const Tensor& labels, int64_t classes, const std::string& where) {
  int64_t most = -1;
  for (int64_t i = 0; i < labels.numel(); ++i) {
    const int64_t label = labels.data<uint8_t>()[i];
    most = std::max(most, label);
    if (classes && label >= classes)
      throw IOError(where + ": record " + std::to_string(i) + ", byte " + std::to_string(8 + i) +
                    ": label " + std::to_string(label) + "; there are " + std::to_string(classes) +
                    " classes");
  }
  return most + 1;
}

}  // namespace

Tensor parse_idx(std::string_view bytes, const std::string& where) {
  return typed_memory([&] {
    const Header h = read_header(bytes, where);
    const std::string_view data = bytes.substr(h.bytes);
    switch (h.type) {
      case 0x08: return detail::adopt(std::vector<uint8_t>(data.begin(), data.end()), h.sizes);
      case 0x09:
        return items<int64_t, uint8_t>(data, h.sizes,
                                       [](uint8_t v) { return int64_t{static_cast<int8_t>(v)}; });
      case 0x0b:
        return items<int64_t, uint16_t>(
            data, h.sizes, [](uint16_t v) { return int64_t{static_cast<int16_t>(v)}; });
      case 0x0c:
        return items<int64_t, uint32_t>(
            data, h.sizes, [](uint32_t v) { return int64_t{static_cast<int32_t>(v)}; });
      case 0x0d:
        return items<float, uint32_t>(data, h.sizes,
                                      [](uint32_t v) { return std::bit_cast<float>(v); });
      default:
        return items<double, uint64_t>(data, h.sizes,
                                       [](uint64_t v) { return std::bit_cast<double>(v); });
    }
  });
}

Tensor load_idx(const std::string& path, int64_t most_bytes) {
  return typed_memory([&] { return parse_idx(detail::read_unpacked(path, most_bytes), path); });
}

ImageSet load_idx_pair(const std::string& images, const std::string& labels,
                       const std::vector<std::string>& classes) {
  return typed_memory([&] {
    const Tensor x = load_idx(images), y = load_idx(labels);
    if (x.dtype() != DType::u8 || x.dim() != 3)
      fail(images, 2,
           "images are u8 [n, h, w], not " + std::string(name(x.dtype())) + " " + str(x.shape()));
    if (y.dtype() != DType::u8 || y.dim() != 1)
      fail(labels, 2,
           "labels are u8 [n], not " + std::string(name(y.dtype())) + " " + str(y.shape()));
    if (x.size(0) != y.size(0))
      fail(labels, 4,
           std::to_string(y.size(0)) + " labels for the " + std::to_string(x.size(0)) +
               " images of " + images);
    ImageSet set{x.reshape({x.size(0), 1, x.size(1), x.size(2)}), y.to(DType::i64), classes};
    const int64_t seen = check_labels(y, static_cast<int64_t>(classes.size()), labels);
    for (int64_t c = 0; classes.empty() && c < seen; ++c) set.classes.push_back(std::to_string(c));
    return set;
  });
}

ImageSet load_mnist(const std::string& folder, Split split,
                    const std::vector<std::string>& classes) {
  return typed_memory([&] {
    const std::string first = split == Split::train ? "train" : "t10k";
    const std::string images =
        detail::find_file(folder, {first + "-images-idx3-ubyte", first + "-images.idx3-ubyte"});
    const std::string labels =
        detail::find_file(folder, {first + "-labels-idx1-ubyte", first + "-labels.idx1-ubyte"});
    return load_idx_pair(images, labels, classes);
  });
}

std::string fashion_mnist_folder() {
  for (const char* folder :
       {"/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist"}) {
    std::error_code ignored;
    if (std::filesystem::is_directory(folder, ignored)) return folder;
  }
  return "";
}

std::vector<std::string> fashion_mnist_classes() {
  return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
}

}  // namespace regrad
