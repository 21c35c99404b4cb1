// Files in folders and archives, and packed files: what comes out, and what is refused.
#include <doctest/doctest.h>

#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/unpack.h>

#include "../engine/alloc_hook.h"
#include "../temp_folder.h"
#include "forge.h"
#include "pack.h"

using namespace regrad;
using namespace regrad::detail;
using namespace regrad::test;

namespace {

std::string refused(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { unpack(bytes, "f"); }, words);
}

// "name=bytes;" of each file.
std::string listing(const Files& files) {
  std::string out;
  files.each([&](const FileOf& f) { out += f.name + "=" + f.read() + ";"; });
  return out;
}
std::string bad_archive(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { listing(Files::in_memory(bytes, "f.zip")); }, words);
}

// Bits of a deflate stream, lowest first.
struct Bits {
  std::string bytes;
  int used = 8;
  void put(uint32_t v, int n) {
    for (int i = 0; i < n; ++i, ++used) {
      if (used == 8) bytes += '\0', used = 0;
      bytes.back() = static_cast<char>(bytes.back() | static_cast<char>((v >> i & 1) << used));
    }
  }
  void code(uint32_t v, int n) {  // Huffman codes go highest bit first
    for (int i = n - 1; i >= 0; --i) put(v >> i & 1, 1);
  }
};

// A gz of 1 + 258 n zeros in one block of fixed codes: 13 bits for each 258.
std::string zeros_gz(int n) {
  Bits b;
  b.put(1, 1), b.put(1, 2), b.code(0x30, 8);
  for (int i = 0; i < n; ++i) b.code(0xc5, 8), b.code(0, 5);
  b.code(0, 7);
  return "\x1f\x8b\x08" + std::string(7, '\0') + b.bytes + std::string(8, '\0');
}

}  // namespace

TEST_CASE("packed files: gz and xz by their first bytes, plain as they are") {
  const std::string text = "some text, some text, some text";
  for (const Pack p : {Pack::none, Pack::gz, Pack::xz}) CHECK(unpack(pack(p, text), "f") == text);
  CHECK(unpack("", "f").empty());
  const TempFolder folder;
  write_file(folder / "a.gz", pack(Pack::gz, text));
  CHECK(read_unpacked(folder / "a.gz") == text);
  CHECK(find_file(folder.name(), {"b", "a"}) == folder / "a.gz");
  CHECK(complaint<IOError>(
            [&] {
              find_file(folder.name(), {"b", "c"});
            },
            "holds none of b, c") == "");
  CHECK(complaint<IOError>([&] { read_unpacked(folder.name()); }, "is no regular file") == "");
}

TEST_CASE("packed files: cut anywhere or changed anywhere") {
  const std::string text = "some text, some text, and some other text";
  for (const Pack p : {Pack::gz, Pack::xz}) {
    const std::string whole = pack(p, text);
    for (size_t n = 6; n < whole.size(); ++n) {
      CAPTURE(n);
      CHECK(refused(whole.substr(0, n), "f: ") == "");
    }
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {1, 16, 128}) {
        std::string forged = whole;
        forged[at] = static_cast<char>(forged[at] ^ change);
        try {
          const std::string out = unpack(forged, "f");
          // Bytes of a gz header that carry nothing of the data (time, system), or a magic that is
          // one no more.
          const bool same = out == text || out == forged;
          CHECK(same);
        } catch (const IOError& e) {
          CHECK(std::string(e.what()).substr(0, 2) == "f:");
        }
      }
    }
  }
  std::string forged = pack(Pack::gz, text);
  forged[forged.size() - 5] = static_cast<char>(forged[forged.size() - 5] ^ 1);
  CHECK(refused(forged, "checksum differs") == "");
  CHECK(refused(pack(Pack::gz, text) + pack(Pack::gz, text + "!"), "its end has another number") ==
        "");
  CHECK(refused(pack(Pack::gz, pack(Pack::gz, text)), "f: byte 0: ") == "");
}

TEST_CASE("packed files: bombs") {
  const std::string bomb = zeros_gz(300'000);  // 77 MB in 0.5 MB
  CHECK(peak_of([&] { CHECK(refused(bomb, "unpacks to more than the ") == ""); }) <
        4 * (static_cast<int64_t>(bomb.size()) * 64 + (16 << 20)));
  const std::string xz = pack(Pack::xz, std::string(40 << 20, '\0'));
  CHECK(xz.size() < 10000);
  CHECK(refused(xz, "unpacks to more than the ") == "");
  // a caller that trusts the file may lift the limit
  CHECK(unpack(xz, "f", 40 << 20).size() == 40 << 20);
}

TEST_CASE("files: a folder, a zip and tars give the same") {
  const PackedFiles held{{"a/x.txt", "one"}, {"b.txt", ""}, {"c/d/y.txt", "three"}};
  const std::string wanted = "a/x.txt=one;b.txt=;c/d/y.txt=three;";
  const TempFolder folder;
  for (const auto& [name, bytes] : held) {
    std::filesystem::create_directories(
        std::filesystem::path(folder / ("in/" + name)).parent_path());
    write_file(folder / ("in/" + name), bytes);
  }
  CHECK(listing(Files(folder / "in")) == wanted);
  for (const auto& [format, filter] :
       {std::pair("zip", Pack::none), {"tar", Pack::none}, {"tar", Pack::gz}, {"tar", Pack::xz}}) {
    const std::string bytes = pack(format, filter, held);
    CHECK(listing(Files::in_memory(bytes, "f")) == wanted);
    write_file(folder / "archive", bytes);
    const Files files(folder / "archive");
    CHECK(listing(files) == wanted);
    CHECK(listing(files) == wanted);
    std::string names;  // what is not read costs nothing
    files.each([&](const FileOf& f) { names += f.where.substr(folder.name().size()) + ";"; });
    CHECK(names == "/archive(a/x.txt);/archive(b.txt);/archive(c/d/y.txt);");
  }
  CHECK(listing(Files::in_memory(zip({}), "f")).empty());
  CHECK(is_clutter("a/.DS_Store"));
  CHECK(is_clutter("__MACOSX/a.png"));
  CHECK(!is_clutter("./a/b.png"));
}

TEST_CASE("files: links that lead round in a folder") {
  const TempFolder folder;
  write_file(folder / "x", "1");
  std::filesystem::create_symlink(folder / "x", folder / "y");
  std::filesystem::create_symlink(folder / "nowhere", folder / ".#x");  // an editor's lock
  CHECK(listing(Files(folder.name())) == "x=1;y=1;");
  // pictures on a disk that is not mounted are not no pictures
  std::filesystem::create_symlink(folder / "nowhere", folder / "z");
  CHECK(complaint<IOError>([&] { listing(Files(folder.name())); },
                           folder / "z: a link to nowhere") == "");
  std::filesystem::remove(folder / "z");
  std::filesystem::create_directory_symlink(folder.name(), folder / "loop");
  CHECK(complaint<IOError>([&] { listing(Files(folder.name())); },
                           "folders lie more than 16 deep") == "");
}

TEST_CASE("files: broken archives") {
  CHECK(bad_archive(zip({{"../x", "1"}}),
                    "f.zip: entry '../x': a path that leads out of the archive") == "");
  CHECK(bad_archive(zip({{"a/../../x", "1"}}), "a path that leads out") == "");
  CHECK(bad_archive(zip({{"/etc/x", "1"}}), "a path that leads out") == "");
  CHECK(bad_archive(zip({{"x", "1"}, {"x", "2"}}), "f.zip(x): stands there twice") == "");
  CHECK(bad_archive(zip({{"x", "1", 0, -1, 12345}}), "f.zip(x): byte ") == "");  // checksum
  CHECK(bad_archive(zip({{"x", "1", 1}}), "f.zip(x): byte ") == "");             // encrypted
  // longer than the file
  CHECK(bad_archive(zip({{"x", "1", 0, 100000}}), "f.zip(x): byte ") == "");
  CHECK(bad_archive("no archive", "f.zip: byte 0: is no folder, zip or tar") == "");
  CHECK(bad_archive("", "f.zip: byte 0: is no folder, zip or tar") == "");
  CHECK(complaint<IOError>([] { Files("nowhere.zip"); }, "nowhere.zip: cannot open") == "");
  const std::string whole = pack("zip", Pack::none, {{"x", "some text, some text"}, {"y", "more"}});
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(bad_archive(whole.substr(0, n), "f.zip") == "");
  }
  const std::string tar = pack("tar", Pack::none, {{"x", std::string(700, 'x')}});
  CHECK(bad_archive(tar.substr(0, 600), "f.zip(x): byte ") == "");
  std::string forged = tar;
  forged[100] = '9';
  CHECK(bad_archive(forged, "f.zip: byte ") == "");
  forged = tar;
  forged[156] = '2';  // a symbolic link; its checksum is counted anew
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(forged[i]);
  char digits[16];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  forged.replace(148, 6, digits);
  CHECK(bad_archive(forged, "is no file but a link") == "");
  const std::string bomb = pack("zip", Pack::none, {{"x", std::string(20 << 20, '\0')}});
  CHECK(peak_of([&] { CHECK(bad_archive(bomb, "f.zip(x): byte ") == ""); }) < 64 << 20);
}

TEST_CASE(
    "files: nothing is lost between two archives, or behind one that was cut between two entries") {
  const std::string first = pack("tar", Pack::none, {{"a", "1"}, {"b", "2"}}),
                    second = pack("tar", Pack::none, {{"c", "3"}});
  CHECK(listing(Files::in_memory(first + second, "f")) == "a=1;b=2;c=3;");
  CHECK(listing(Files::in_memory(pack(Pack::gz, first + second), "f")) == "a=1;b=2;c=3;");
  CHECK(bad_archive(first + first, "stands there twice") == "");
  CHECK(bad_archive(first + std::string(512, 'x'), "f.zip") == "");
  // behind "a"
  CHECK(bad_archive(first.substr(0, 1024),
                    "f.zip: byte 1024: the tar ends without the zeros that mark its end: cut") ==
        "");
  CHECK(bad_archive(first.substr(0, 2048), "byte 2048: the tar ends without the zeros") == "");
  const TempFolder folder;
  write_file(folder / "cut.tar", first.substr(0, 1024));
  CHECK(complaint<IOError>([&] { listing(Files(folder / "cut.tar")); },
                           "cut.tar: byte 1024: the tar ends") == "");
  // Two zips: the second's directory stands at the end, and names its own only.
  const std::string zips = zip({{"a", "1"}}) + zip({{"b", "2"}});
  CHECK(bad_archive(zips, "f.zip: " + std::to_string(zip({{"a", "1"}}).size()) +
                              " bytes stand in front of the zip, such as another one") == "");
  write_file(folder / "two.zip", zips);
  CHECK(complaint<IOError>(
            [&] { listing(Files(folder / "two.zip")); },
            "two.zip: " + std::to_string(zip({{"a", "1"}}).size()) + " bytes stand") == "");
  CHECK(unpack(pack(Pack::xz, "some") + pack(Pack::xz, " text"), "f") == "some text");
  CHECK(refused(pack(Pack::xz, "some") + "trailing", "f: ") == "");
  CHECK(refused(pack(Pack::gz, "some") + "trailing", "f: ") == "");
  CHECK(refused(pack(Pack::gz, "some") + pack(Pack::gz, " text"),
                "`gzip -dc in.gz | gzip > out.gz`") == "");
}

TEST_CASE("files: a tar of the folder itself has the names of the folder") {
  const std::string dotted = pack("tar", Pack::none, {{"./a/x", "1"}, {"./b", "2"}});
  CHECK(listing(Files::in_memory(dotted, "f")) == "a/x=1;b=2;");
  CHECK(bad_archive(pack("tar", Pack::none, {{"./a", "1"}, {"a", "2"}}),
                    "f.zip(a): stands there twice") == "");
}

TEST_CASE("files: folders without a file") {
  const TempFolder folder;
  for (const char* name : {"a/b", "a/c", "d", ".cache"})
    std::filesystem::create_directories(folder / name);
  write_file(folder / "a/b/x.png", "1");
  write_file(folder / "d/notes.txt", "1");
  const std::vector<std::string> there{".cache", "a", "a/b", "a/c", "d"};
  CHECK(Files(folder.name()).folders() == there);
  CHECK(empty_folders(there, {"a/b/x.png"}) == std::vector<std::string>{"a/c", "d"});
  CHECK(empty_folders(there, {"a/b/x.png", "a/c/y.png", "d/notes.txt"}).empty());
  CHECK(Files::in_memory(zip({{"a/", ""}, {"a/b/", ""}, {"a/x", "1"}}), "f").folders() ==
        std::vector<std::string>{"a", "a/b"});
}
