// CIFAR-10 and CIFAR-100 in their binary versions (Krizhevsky 2009), plain, gz or xz, or in the
// archives as published.
//
//   const ImageSet train = load_cifar10("data/cifar-10-binary.tar.gz", Split::train);
//       // u8 [50000, 3, 32, 32]
//   const ImageSet part = load_cifar10_files({"data/cifar10_train6000.bin.xz"});
//
// A record is its label (CIFAR-100: the coarse one, then the fine one), then 1,024 bytes each of
// red, green and blue, row by row.
// IOError naming file, record and byte: a label out of range, a file that ends within a record or
// has none; files that are not there; archives that are broken or cut, unpack to more than 64 times
// their bytes and 16 MiB, or have a path with "..".
#pragma once

#include <regrad/datasets/images.h>

#include <string_view>

namespace regrad {

enum class Cifar100Labels { fine, coarse };  // 100 classes, or the 20 above them

// From a folder or an archive (zip, tar, tar.gz, tar.xz), the files that are called
// data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10), train.bin and test.bin
// (CIFAR-100), anywhere in it; in a folder also with .gz or .xz.
ImageSet load_cifar10(const std::string& path, Split split);
ImageSet load_cifar100(const std::string& path, Split split,
                       Cifar100Labels labels = Cifar100Labels::fine);

// From files of records, one after the other.
ImageSet load_cifar10_files(const std::vector<std::string>& paths);
ImageSet load_cifar100_files(const std::vector<std::string>& paths,
                             Cifar100Labels labels = Cifar100Labels::fine);

// From memory (not packed); `where` begins messages.
ImageSet parse_cifar10(std::string_view bytes, const std::string& where = "cifar10");
ImageSet parse_cifar100(std::string_view bytes, Cifar100Labels labels = Cifar100Labels::fine,
                        const std::string& where = "cifar100");

}  // namespace regrad
