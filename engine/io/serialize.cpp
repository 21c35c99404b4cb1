#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/safetensors_header.h>

#include <algorithm>
#include <cstring>

namespace regrad {

using detail::in_quotes;
using detail::SafeHeader;
using detail::TensorEntry;

namespace {

// The alignment order of the format's dtypes, small first; its writers put large ones in front.
int rank(DType t) {
  constexpr int ranks[] = {2, 3, 4, 1, 0};  // f32, f64, i64, u8, b8
  return ranks[static_cast<int>(t)];
}

// What is written: contiguous, in the order of the file.
std::vector<NamedTensor> prepared(const std::vector<NamedTensor>& tensors) {
  const NoGrad quiet;
  std::vector<NamedTensor> out;
  for (const auto& [name, t] : tensors) {
    if (!t.defined())
      throw ShapeError("save_safetensors: tensor " + in_quotes(name) + " is undefined");
    if (name == "__metadata__")
      throw IOError("save_safetensors: no tensor can be named '__metadata__'");
    out.emplace_back(name, t.contiguous());
  }
  std::sort(out.begin(), out.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const int ra = rank(a.second.dtype()), rb = rank(b.second.dtype());
    return ra != rb ? ra > rb : a.first < b.first;
  });
  std::vector<std::string_view> names;
  for (const auto& [name, t] : out) names.push_back(name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw IOError("save_safetensors: two tensors are named " + in_quotes(std::string(*twice)));
  return out;
}

std::string_view bytes_of(const Tensor& t) {
  return {static_cast<const char*>(t.node()->raw()),
          static_cast<size_t>(t.numel() * item_size(t.dtype()))};
}

const TensorEntry* find(const SafeHeader& h, const std::string& name) {
  const auto at = std::find_if(h.entries.begin(), h.entries.end(),
                               [&](const TensorEntry& e) { return e.name == name; });
  return at == h.entries.end() ? nullptr : &*at;
}

[[noreturn]] void no_such(const std::string& where, const std::string& name) {
  throw IOError(where + ": has no tensor " + in_quotes(name));
}

// read(at, p, n): bytes of the data.
template <class Read>
Tensor read_entry(const TensorEntry& e, const std::string& where, Read&& read) {
  int64_t at = e.begin;
  return detail::read_items(
      e.shape, e.wire,
      [&](void* p, int64_t n) {
        read(at, p, n);
        at += n;
      },
      where + ": tensor " + in_quotes(e.name));
}

}  // namespace

bool TensorFile::contains(const std::string& name) const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const NamedTensor& t) { return t.first == name; });
}
const Tensor& TensorFile::operator[](const std::string& name) const {
  for (const auto& [key, t] : tensors)
    if (key == name) return t;
  no_such(where, name);
}

void save_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                      const Metadata& metadata) {
  typed_memory([&] {
    const std::vector<NamedTensor> list = prepared(tensors);
    const std::string header = detail::write_header(list, metadata);
    std::vector<std::string_view> pieces{header};
    for (const auto& [name, t] : list) pieces.push_back(bytes_of(t));
    write_file(path, pieces);
  });
}

std::string to_safetensors(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  return typed_memory([&] {
    const std::vector<NamedTensor> list = prepared(tensors);
    std::string out = detail::write_header(list, metadata);
    for (const auto& [name, t] : list) out += bytes_of(t);
    return out;
  });
}

TensorFile parse_safetensors(std::string_view bytes, const std::string& where) {
  return typed_memory([&] {
    const auto total = static_cast<int64_t>(bytes.size());
    const int64_t n = detail::header_length(bytes.data(), total, where),
                  start = detail::length_bytes + n;
    SafeHeader h = detail::parse_header(bytes.substr(detail::length_bytes, static_cast<size_t>(n)),
                                        total - start, where);
    TensorFile out{{}, std::move(h.metadata), where};
    for (TensorEntry& e : h.entries) {
      Tensor t = read_entry(e, where, [&](int64_t at, void* p, int64_t count) {
        if (count) std::memcpy(p, bytes.data() + start + at, static_cast<size_t>(count));
      });
      out.tensors.emplace_back(std::move(e.name), std::move(t));
    }
    return out;
  });
}

struct SafeTensors::Parts {
  InputFile file;
  int64_t start = 0;  // of the data
  SafeHeader header{};

  explicit Parts(const std::string& path) : file(path) {
    char first[detail::length_bytes] = {};
    file.read(0, first, std::min(detail::length_bytes, file.size()));
    std::string json(static_cast<size_t>(detail::header_length(first, file.size(), path)), '\0');
    file.read(detail::length_bytes, json.data(), static_cast<int64_t>(json.size()));
    start = detail::length_bytes + static_cast<int64_t>(json.size());
    header = detail::parse_header(json, file.size() - start, path);
  }
  Tensor read(const TensorEntry& e) const {
    return read_entry(e, file.path(),
                      [&](int64_t at, void* p, int64_t n) { file.read(start + at, p, n); });
  }
};

SafeTensors::SafeTensors(const std::string& path)
    : parts_(typed_memory([&] { return std::make_unique<Parts>(path); })) {}
SafeTensors::~SafeTensors() = default;
SafeTensors::SafeTensors(SafeTensors&&) noexcept = default;
SafeTensors& SafeTensors::operator=(SafeTensors&&) noexcept = default;

std::vector<std::string> SafeTensors::names() const {
  std::vector<std::string> out;
  for (const TensorEntry& e : parts_->header.entries) out.push_back(e.name);
  return out;
}
const Metadata& SafeTensors::metadata() const { return parts_->header.metadata; }
bool SafeTensors::contains(const std::string& name) const { return find(parts_->header, name); }
Tensor SafeTensors::read(const std::string& name) const {
  return typed_memory([&] {
    const TensorEntry* e = find(parts_->header, name);
    if (!e) no_such(parts_->file.path(), name);
    return parts_->read(*e);
  });
}

TensorFile load_safetensors(const std::string& path) {
  return typed_memory([&] {
    const SafeTensors file(path);
    TensorFile out{{}, file.metadata(), path};
    for (const TensorEntry& e : file.parts_->header.entries)
      out.tensors.emplace_back(e.name, file.parts_->read(e));
    return out;
  });
}

}  // namespace regrad
