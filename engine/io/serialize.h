// Tensors in safetensors files, both ways, bit for bit, as strict as the format's own library and
// interchangeable with it.
//
//   save_safetensors("net.safetensors", {{"head.weight", w}, {"head.bias", b}}, {{"step", "100"}});
//   const TensorFile file = load_safetensors("net.safetensors");
//   file["head.weight"], file.metadata.at("step")
//   const SafeTensors big("net.safetensors");
//   Tensor w = big.read("head.weight");
//       // that one only
//
// The format (github.com/huggingface/safetensors): 8 bytes N, little-endian; N bytes of JSON,
// {"name": {"dtype", "shape", "data_offsets": [begin, end)}}, where "__metadata__" maps strings to
// strings; then row-major little-endian items, without gaps. Nets are saved by layers/serialize.h.
//
// dtypes: F32, F64, I64, U8 and BOOL are ours; F16 and BF16 are read as f32; I8, I16, U16, I32 and
// U32 as i64. Any other is an IOError that names it. Readers throw IOError naming file and byte at
// anything that is not exactly the format: a header above 100 MB or one that does not start with
// '{', keys twice or unknown, sizes that overflow or differ from the offsets, holes, overlaps,
// bytes after the end, a BOOL that is neither 0 nor 1, more than max_dims dimensions. What they
// allocate stays in proportion to the file.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad {

using NamedTensor = std::pair<std::string, Tensor>;
using Metadata = std::map<std::string, std::string>;

// What a file of tensors holds.
struct TensorFile {
  std::vector<NamedTensor> tensors;  // leaves, contiguous, in the order of their data
  Metadata metadata;
  std::string where;  // the file's name, for messages

  bool contains(const std::string& name) const;
  // IOError naming file and tensor where there is none.
  const Tensor& operator[](const std::string& name) const;
};

// Replaces the file whole or not at all (files.h: DiskError). The same tensors and metadata give
// the same bytes, in whatever order they come: large dtypes first, then by name, as the reference
// writes them. Tensors of any layout; their values only, no graph. IOError: a name twice, or not
// UTF-8, or "__metadata__"; ShapeError: an undefined tensor.
void save_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                      const Metadata& metadata = {});
TensorFile load_safetensors(const std::string& path);

// The same in memory; `where` begins messages.
std::string to_safetensors(const std::vector<NamedTensor>& tensors, const Metadata& metadata = {});
TensorFile parse_safetensors(std::string_view bytes, const std::string& where = "safetensors");

// A safetensors file whose header was checked, for reading tensors one by one. May be read from any
// thread.
class SafeTensors {
 public:
  explicit SafeTensors(const std::string& path);
  ~SafeTensors();
  SafeTensors(SafeTensors&&) noexcept;
  SafeTensors& operator=(SafeTensors&&) noexcept;

  std::vector<std::string> names() const;  // in the order of their data
  const Metadata& metadata() const;
  bool contains(const std::string& name) const;
  Tensor read(const std::string& name) const;  // IOError naming file and tensor where there is none

 private:
  friend TensorFile load_safetensors(const std::string& path);
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace regrad
