// NumPy's .npy files, one tensor each, both ways.
//
//   save_npy("x.npy", x);      Tensor y = load_npy("x.npy");
//
// The format (numpy.lib.format, versions 1 to 3): "\x93NUMPY", two bytes of version, the header's
// length (2 bytes, from version 2 on 4), a Python dictionary {'descr', 'fortran_order', 'shape'},
// then little-endian items. .npz files, zips of these, are read by datasets/npz.h.
//
// dtypes: f4, f8, i8, u1 and b1 are ours; f2 is read as f32; i1, i2, i4, u2 and u4 as i64. Objects,
// records, big-endian and all other items are an IOError that names them. Arrays in Fortran's order
// come out row-major.
// Readers throw IOError naming file and byte at anything that is not the format, at bytes after the
// array's end too; what they allocate stays in proportion to the file.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <regrad/engine/tensor.h>

namespace regrad {

// Replaces the file whole or not at all (files.h: DiskError). Any layout; written in version 1,
// row-major, byte for byte as NumPy writes it. The value only, no graph. ShapeError: an undefined
// tensor.
void save_npy(const std::string& path, const Tensor& x);
Tensor load_npy(const std::string& path);

// The same in memory; `where` begins messages.
std::string to_npy(const Tensor& x);
Tensor parse_npy(std::string_view bytes, const std::string& where = "npy");

// The same from a stream of unknown length. next(p, n) puts up to n bytes to p and returns
// how many, 0 at the end.
// IOError where the tensor would have more than most_bytes.
using NextBytes = std::function<int64_t(void* p, int64_t n)>;
Tensor read_npy(const NextBytes& next, int64_t most_bytes, const std::string& where);

}  // namespace regrad
