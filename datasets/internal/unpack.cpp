#include <regrad/datasets/internal/archive.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/engine/io/files.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace regrad::detail {
namespace {

constexpr std::string_view gz_magic = "\x1f\x8b", xz_magic = "\3757zXZ";

bool starts(std::string_view bytes, std::string_view with) {
  return bytes.substr(0, with.size()) == with;
}

// CRC-32 of gzip (RFC 1952, section 8), a byte at a time.
uint32_t crc32(std::string_view bytes) {
  static constexpr auto table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 255] ^ crc >> 8;
  return ~crc;
}

uint32_t little_endian(std::string_view four) {
  uint32_t v = 0;
  for (int i = 3; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(four[static_cast<size_t>(i)]);
  return v;
}

// libarchive reads a gzip trailer without looking at it.
void check_trailer(std::string_view packed, std::string_view bytes, const std::string& where) {
  const std::string at = where + ": byte " + std::to_string(packed.size() - 8) + ": ";
  if (little_endian(packed.substr(packed.size() - 4)) != static_cast<uint32_t>(bytes.size()))
    throw IOError(at + "the gz file holds " + std::to_string(bytes.size()) +
                  " bytes, its end has another number (of several members `gzip -dc in.gz | gzip > "
                  "out.gz` makes one that is read)");
  if (little_endian(packed.substr(packed.size() - 8, 4)) != crc32(bytes))
    throw IOError(at + "the gz file's checksum differs from its bytes'");
}

std::string place(archive* a, const std::string& where) {
  return where + ": byte " + std::to_string(archive_filter_bytes(a, -1));
}

// The one stream below one filter.
std::string drain(archive* a, int64_t most, const std::string& where) {
  std::string bytes;
  char block[1 << 14];
  for (;;) {
    const la_ssize_t got = archive_read_data(a, block, sizeof block);
    if (got < 0) broken(a, place(a, where), "cannot be unpacked");
    if (got == 0) return bytes;
    bytes.append(block, static_cast<size_t>(got));
    if (static_cast<int64_t>(bytes.size()) > most)
      throw IOError(place(a, where) + ": unpacks to more than the " + std::to_string(most) +
                    " bytes it may have");
  }
}

}  // namespace

bool is_packed(std::string_view first_bytes) {
  return starts(first_bytes, gz_magic) || starts(first_bytes, xz_magic);
}

std::string unpack(std::string packed, const std::string& where, int64_t most_bytes) {
  if (!is_packed(packed)) return packed;
  const bool gz = starts(packed, gz_magic);
  if (packed.size() < 18)
    throw IOError(where + ": ends at byte " + std::to_string(packed.size()) +
                  ", too early for a gz or xz file");
  const Archive a(archive_read_new());
  if (!a || archive_read_support_format_raw(a.get()) != ARCHIVE_OK)
    throw OutOfMemory("out of memory: no room to unpack a file");
  const int filter =
      gz ? archive_read_support_filter_gzip(a.get()) : archive_read_support_filter_xz(a.get());
  if (filter != ARCHIVE_OK)
    broken(a.get(), where, "gz and xz files are not read: libarchive was built without them");
  archive_entry* e = nullptr;
  if (archive_read_open_memory(a.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      archive_read_next_header(a.get(), &e) != ARCHIVE_OK)
    broken(a.get(), place(a.get(), where), "is no whole gz or xz file");
  if (archive_filter_count(a.get()) != 2)
    throw IOError(where +
                  ": byte 0: a gz or xz header that is broken, or one file packed in another");
  std::string bytes =
      drain(a.get(), allowance(static_cast<int64_t>(packed.size()), most_bytes), where);
  if (gz) check_trailer(packed, bytes, where);
  return bytes;
}

std::string read_unpacked(const std::string& path, int64_t most_bytes) {
  // a regular file, with the system's own words where there is none
  { const InputFile file(path); }
  return unpack(read_file(path), path, most_bytes);
}

std::string find_file(const std::string& folder, std::initializer_list<std::string_view> names) {
  std::string tried;
  for (const std::string_view name : names) {
    for (const char* ending : {"", ".gz", ".xz"}) {
      const std::string path = folder + "/" + std::string(name) + ending;
      std::error_code ignored;
      if (std::filesystem::is_regular_file(path, ignored)) return path;
    }
    tried += (tried.empty() ? "" : ", ") + std::string(name);
  }
  throw IOError(folder + ": holds none of " + tried + " (nor that with .gz or .xz)");
}

}  // namespace regrad::detail
