// Plain, gz and xz files as one string of bytes. The first bytes decide what a file is, not its
// name. Internal to the readers.
//
//   const std::string bytes = read_unpacked("train-images-idx3-ubyte.gz");
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace regrad::detail {

// most_bytes: of what comes out; -1: 64 times the file's own bytes and 16 MiB more. Checksums are
// checked; a gz file has one member.
// IOError naming file and byte: a file that cannot be read, cut or broken gz and xz, checksums that
// differ, more than most_bytes.
std::string read_unpacked(const std::string& path, int64_t most_bytes = -1);
// The same from memory; `where` begins messages.
std::string unpack(std::string bytes, const std::string& where, int64_t most_bytes = -1);

bool is_packed(std::string_view first_bytes);  // gz or xz

// The name of the file in `folder` that is called one of `names`, or that with .gz or .xz behind
// it. IOError naming them all where there is none.
std::string find_file(const std::string& folder, std::initializer_list<std::string_view> names);

}  // namespace regrad::detail
