// The dtypes of files, and the tensors read from them. Internal to the readers.
#pragma once

#include <functional>
#include <string>

#include <regrad/engine/tensor.h>

namespace regrad::detail {

// What an item of a file is. Ours come first.
enum class Wire : uint8_t { f32, f64, i64, u8, b8, f16, bf16, i8, i16, u16, i32, u32 };

int wire_size(Wire w);  // bytes an item
DType read_as(Wire w);  // f16, bf16 -> f32, and the other integers -> i64: each without loss
Wire wire_of(DType t);  // the one of the same items

// The next n bytes of a file, to p; or IOError.
using ReadBytes = std::function<void(void* p, int64_t n)>;

// Product of sizes times the item's bytes; -1 where a size is negative or 63 bits do not hold it
// (sizes of 0 do not save the others).
int64_t wire_bytes(const Shape& sizes, Wire w);

// A tensor of row-major little-endian items. The caller has compared wire_bytes with what the file
// has. `where` begins messages.
// IOError at a bool that is neither 0 nor 1.
Tensor read_items(const Shape& sizes, Wire w, const ReadBytes& read, const std::string& where);

}  // namespace regrad::detail
