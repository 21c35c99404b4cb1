// IDX files (MNIST's format), plain, gz or xz, and the image sets that come in pairs of them:
// MNIST, Fashion-MNIST, KMNIST.
//
//   const ImageSet test = load_mnist("data/mnist", Split::test);
//   const ImageSet fashion = load_mnist(fashion_mnist_folder(), Split::train,
//       fashion_mnist_classes());
//       // Debian's package
//
// The format (Y. LeCun's page of MNIST): two zero bytes, a type, the number of dimensions, each
// size as a big-endian u32, big-endian items.
// Types: u1 is ours; i1, i2 and i4 are read as i64; f4 and f8 as f32 and f64.
// IOError naming file and byte: not the format, sizes that overflow or differ from the file's
// bytes, and whatever keeps a file from being unpacked.
#pragma once

#include <regrad/datasets/images.h>

#include <string_view>

namespace regrad {

// most_bytes: of the unpacked file; -1: 64 times the file's own bytes and 16 MiB more.
Tensor load_idx(const std::string& path, int64_t most_bytes = -1);
// The same from memory (not packed); `where` begins messages.
Tensor parse_idx(std::string_view bytes, const std::string& where = "idx");

// Images u8 [n, h, w] and labels u8 [n] -> an ImageSet of [n, 1, h, w]. classes: their names; none:
// "0", "1", .. up to the largest label.
// IOError besides: other types or shapes, counts that differ, a label that no class has (naming
// record and byte).
ImageSet load_idx_pair(const std::string& images, const std::string& labels,
                       const std::vector<std::string>& classes = {});

// The pair train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-.., of a folder, each of
// them plain, .gz or .xz.
ImageSet load_mnist(const std::string& folder, Split split,
                    const std::vector<std::string>& classes = {});

// Where Debian's dataset-fashion-mnist has put its files; empty where it is not installed.
std::string fashion_mnist_folder();
std::vector<std::string> fashion_mnist_classes();

}  // namespace regrad
