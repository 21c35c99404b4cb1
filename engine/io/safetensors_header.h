// The header of a safetensors file, checked. Internal to serialize.cpp.
#pragma once

#include <regrad/engine/io/serialize.h>
#include <regrad/engine/io/wire.h>

namespace regrad::detail {

struct TensorEntry {
  std::string name;
  Wire wire = Wire::f32;
  Shape shape;
  int64_t begin = 0, end = 0;  // bytes of the data
  int64_t at = 0;              // the file's byte where the entry ended, for messages
};
struct SafeHeader {
  std::vector<TensorEntry> entries;  // in the order of their data
  Metadata metadata;
};

inline constexpr int64_t length_bytes = 8, most_header_bytes = 100'000'000;

// N, from the first bytes of a file of `file_bytes`; IOError where it cannot be right.
int64_t header_length(const void* first, int64_t file_bytes, const std::string& where);

// json: the N bytes. data_bytes: what the file has after them, which the entries must cover
// exactly.
SafeHeader parse_header(std::string_view json, int64_t data_bytes, const std::string& where);

// The first 8 + N bytes of a file of these tensors, given in the order of their data; padded so
// that the data are aligned to 8 bytes.
std::string write_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata);

// 'name', cut where it is long.
std::string in_quotes(const std::string& name);

}  // namespace regrad::detail
