// NumPy's .npz files: zips of .npy files (engine/npy.h), both ways.
//
//   const TensorFile data = load_npz("mnist.npz");      data["x_train"]
//   save_npz("out.npz", {{"x", x}, {"y", y}}, Deflate::yes);
#pragma once

#include <regrad/engine/io/serialize.h>

namespace regrad {

// The arrays in the order of the zip's directory; names are the paths in it ("folder/x") without
// ".npy". Stored and deflated entries are read. most_bytes: of all arrays together as tensors; -1:
// 64 times the file's own bytes and 16 MiB more, which data meets and a zip bomb does not.
// IOError naming file, entry and byte: not a zip, broken or encrypted entries, checksums that
// differ, an entry that is no .npy or whose name stands there twice, arrays larger than most_bytes
// allows, and all that engine/npy.h refuses.
TensorFile load_npz(const std::string& path, int64_t most_bytes = -1);
// The same from memory; `where` begins messages.
TensorFile parse_npz(std::string_view bytes, const std::string& where = "npz",
                     int64_t most_bytes = -1);

enum class Deflate : bool { no, yes };
// Replaces the file whole or not at all (engine/files.h: DiskError). The same tensors give the same
// bytes.
// IOError: a name twice, empty, or not UTF-8; ShapeError: an undefined tensor.
void save_npz(const std::string& path, const std::vector<NamedTensor>& tensors,
              Deflate deflate = Deflate::no);

}  // namespace regrad
