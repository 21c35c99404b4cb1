// PNG and JPEG decoding, resizing, and folders of pictures.
#include <doctest/doctest.h>

#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/internal/jpeg.h>
#include <regrad/datasets/internal/png.h>
#include <regrad/engine/parallel.h>

#include <cmath>

#include "../engine/alloc_hook.h"
#include "../temp_folder.h"
#include "forge.h"
#include "jpeg_writer.h"
#include "pack.h"

using namespace regrad;
using namespace regrad::detail;
using namespace regrad::test;

namespace {

using Bytes = std::vector<uint8_t>;

std::string bad_png(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { decode_png(bytes, 1, "f.png"); }, "f.png: byte " + words);
}
std::string bad_jpeg(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { decode_jpeg(bytes, 3, "f.jpg"); }, "f.jpg: byte " + words);
}

// A smooth picture, so that JPEG changes it little.
Bytes slope(int height, int width, int channels) {
  Bytes out;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        out.push_back(static_cast<uint8_t>(40 + 3 * y + 2 * x + 30 * c));
  return out;
}
int farthest(const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return 256;
  int most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(int{a[i]} - int{b[i]}));
  return most;
}

}  // namespace

TEST_CASE("png: depths and colours") {
  CHECK(decode_png(png(2, 3, 8, 0, {"\x01\x02\x03", "\x04\x05\x06"}), 1, "f").bytes ==
        Bytes{1, 2, 3, 4, 5, 6});
  CHECK(decode_png(png(1, 3, 1, 0, {"\xa0"}), 1, "f").bytes == Bytes{255, 0, 255});
  CHECK(decode_png(png(1, 2, 4, 0, {"\x3f"}), 1, "f").bytes == Bytes{51, 255});
  CHECK(decode_png(png(1, 2, 8, 0, {"\x07\x08"}), 3, "f").bytes == Bytes{7, 7, 7, 8, 8, 8});
  CHECK(decode_png(png(1, 1, 8, 2, {"\x0a\x14\x1e"}), 3, "f").bytes == Bytes{10, 20, 30});
  // (19595 10 + 38470 20 + 7471 30 + 32768) >> 16
  CHECK(decode_png(png(1, 1, 8, 2, {"\x0a\x14\x1e"}), 1, "f").bytes == Bytes{18});
  CHECK(decode_png(png(1, 1, 8, 6, {std::string("\x0a\x14\x1e\x00", 4)}), 3, "f").bytes ==
        Bytes{10, 20, 30});
  CHECK(decode_png(png(1, 1, 16, 0, {"\x80\x80"}), 1, "f").bytes == Bytes{128});
  const Picture p = decode_png(png(2, 3, 8, 0, {"\x01\x02\x03", "\x04\x05\x06"}), 3, "f");
  CHECK(p.height == 2);
  CHECK(p.width == 3);
  CHECK(p.channels == 3);
}

TEST_CASE("png: broken files are refused by file and byte") {
  const std::string good = png(2, 3, 8, 0, {"\x01\x02\x03", "\x04\x05\x06"});
  for (size_t n = 0; n + 4 < good.size(); ++n) {  // the last chunk's checksum may be missing
    CAPTURE(n);
    CHECK(bad_png(good.substr(0, n), "") == "");
  }
  CHECK(bad_png("\x89PNX\r\n\x1a\n" + good.substr(8), "0: is no PNG") == "");
  for (const size_t at : {18, 25, 45, 55}) {  // width, colour type, deflated data
    std::string forged = good;
    forged[at] = static_cast<char>(forged[at] ^ 9);
    CAPTURE(at);
    CHECK(bad_png(forged, "") == "");
  }
  CHECK(bad_png(png(1, 1, 3, 0, {"\x01"}), "33: PNG: ") == "");  // no such depth
  CHECK(bad_png(png(0, 1, 8, 0, {}), "33: PNG: ") == "");
  CHECK(bad_png(png(0xffffffff, 0xffffffff, 8, 0, {}), "33: PNG: ") == "");
  CHECK(bad_png(png(2, 3, 8, 0, {"\x01\x02\x03"}), "") == "");  // too few rows
  CHECK(peak_of([&] {
          CHECK(bad_png(png(30000, 4000, 8, 0, {"\x01"}),
                        "0: a picture of 30000 x 4000 pixels in ") == "");
        }) < 100000);
  CHECK(bad_png(png(1 << 20, 1 << 20, 1, 0, {"\x01"}), "0: a picture of ") == "");
  // A text that claims a gigabyte is skipped, not made room for.
  std::string text = good;
  text.insert(33, be(0x40000003, 4) + "tEXt" + "a\nb");
  CHECK(bad_png(text, std::to_string(text.size()) + ": PNG: the file ends early") == "");
  text = good;
  text.insert(33, png_chunk("tEXt", std::string("a\0b", 3)) + png_chunk("iCCP", "no profile"));
  CHECK(decode_png(text, 1, "f").bytes == Bytes{1, 2, 3, 4, 5, 6});
}

TEST_CASE("jpeg: gray, colour, CMYK, progressive") {
  const Bytes gray = slope(17, 23, 1), colour = slope(17, 23, 3);
  for (const bool progressive : {false, true}) {
    CHECK(farthest(decode_jpeg(jpeg(17, 23, 1, gray, progressive), 1, "f").bytes, gray) <= 2);
    CHECK(farthest(decode_jpeg(jpeg(17, 23, 3, colour, progressive), 3, "f").bytes, colour) <= 6);
  }
  CHECK(decode_jpeg(jpeg(17, 23, 1, gray), 3, "f").channels == 3);
  CHECK(decode_jpeg(jpeg(17, 23, 3, colour), 1, "f").bytes.size() == 17 * 23);
  // Adobe's CMYK holds 255 - ink: (255, 128, 0, 255) is full red, half green, no blue.
  Bytes cmyk;
  for (int i = 0; i < 64; ++i) cmyk.insert(cmyk.end(), {255, 128, 0, 255});
  Bytes rgb;
  for (int i = 0; i < 64; ++i) rgb.insert(rgb.end(), {255, 128, 0});
  CHECK(farthest(decode_jpeg(jpeg(8, 8, 4, cmyk), 3, "f").bytes, rgb) <= 2);
}

TEST_CASE("jpeg: broken files are refused by file and byte") {
  for (const bool progressive : {false, true}) {
    const std::string good = jpeg(17, 23, 3, slope(17, 23, 3), progressive);
    for (size_t n = 0; n + 2 < good.size(); ++n) {
      CAPTURE(n);
      CHECK(bad_jpeg(good.substr(0, n), "") == "");
    }
    for (size_t at = 0; at < good.size(); ++at) {  // any answer but a crash or another error
      std::string forged = good;
      forged[at] = static_cast<char>(forged[at] ^ 0x55);
      try {
        const size_t held = decode_jpeg(forged, 3, "f").bytes.size();
        CHECK(held <= 1100 * good.size());
      } catch (const IOError&) {
      }
    }
  }
  const std::string good = jpeg(17, 23, 1, slope(17, 23, 1));
  CHECK(bad_jpeg("\xff\xd9" + good.substr(2), "0: is no JPEG") == "");
  std::string huge = good;  // SOF0: length, precision, height, width
  const size_t frame = huge.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  huge.replace(frame + 5, 4, be(60000, 2) + be(60000, 2));
  CHECK(peak_of([&] { CHECK(bad_jpeg(huge, "0: a picture of 60000 x 60000 pixels in ") == ""); }) <
        100000);
  huge.replace(frame + 5, 4, be(0, 2) + be(60, 2));
  CHECK(bad_jpeg(huge, "") == "");
  CHECK(complaint<IOError>([] { decode_picture("GIF89a", 3, "f.gif"); },
                           "f.gif: byte 0: is neither PNG nor JPEG") == "");
}

TEST_CASE("resize: Pillow's bilinear, bit for bit") {
  Picture p{5, 7, 1, {}};
  for (int i = 0; i < 35; ++i) p.bytes.push_back(static_cast<uint8_t>(i * 37 % 256));
  // Pillow 11.3: Image.fromarray(a).resize((4, 3), Image.BILINEAR), and (9, 8)
  CHECK(resample(p, 3, 4, Filter::triangle) ==
        Bytes{20, 78, 146, 204, 25, 83, 151, 209, 30, 88, 156, 214});
  const Bytes larger{0,   25,  53,  82,  111, 140, 169, 197, 222, 1,   26,  54,  83,  112, 141,
                     170, 198, 223, 3,   28,  56,  85,  114, 143, 172, 200, 225, 5,   30,  58,
                     87,  116, 145, 174, 202, 227, 7,   32,  60,  89,  118, 147, 176, 204, 229,
                     9,   34,  62,  91,  120, 149, 178, 206, 231, 11,  36,  64,  93,  122, 151,
                     180, 208, 233, 12,  37,  65,  94,  123, 152, 181, 209, 234};
  CHECK(resample(p, 8, 9, Filter::triangle) == larger);
  CHECK(resample(p, 5, 7, Filter::triangle) == p.bytes);
  const Picture colours{1, 2, 3, {1, 2, 3, 4, 5, 6}};
  CHECK(resample(colours, 1, 2, Filter::triangle) == Bytes{1, 4, 2, 5, 3, 6});  // planes
}

TEST_CASE("resize: area averages are exact") {
  const Picture p{3, 3, 1, {0, 10, 20, 30, 40, 50, 60, 70, 80}};
  CHECK(area_average(p, 1, 1) == std::vector<double>{40});
  // Of two columns in three pixels each holds one and a half: (0 + 10/2) / 1.5, ...
  const std::vector<double> four = area_average(p, 2, 2);
  CHECK(four[0] == doctest::Approx((0 + 5 + 15 + 10) / 2.25));
  CHECK(four[3] == doctest::Approx((10 + 25 + 35 + 80) / 2.25));
  CHECK(area_average(p, 6, 3)[3] == 0);  // larger: parts of a pixel hold its value
  Picture q{105, 105, 1, Bytes(105 * 105, 255)};
  for (const double v : area_average(q, 28, 28)) REQUIRE(v == 255);
  q.bytes[0] = 0;
  CHECK(area_average(q, 28, 28)[0] == 255 - 255 / (3.75 * 3.75));
}

TEST_CASE("image folder: classes by folder, the same bits for any number of threads") {
  const TempFolder folder;
  PackedFiles held{{"train/cat/b.png", png(2, 2, 8, 0, {"\x0a\x14", "\x1e\x28"})},
                   {"train/ant/x.JPG", jpeg(16, 16, 3, slope(16, 16, 3))},
                   {"train/ant/deep/a.jpeg", jpeg(9, 20, 1, slope(9, 20, 1))},
                   {"train/ant/notes.txt", "no picture"},
                   {"train/ant/._x.JPG", "clutter"},
                   {"train/loose.png", "in no class"},
                   {"test/dog/y.png", png(1, 1, 8, 2, {"\x0a\x14\x1e"})}};
  for (int i = 0; i < 150; ++i)
    held.emplace_back("train/many/" + std::to_string(100 + i) + ".png",
                      png(1, 1, 8, 0, {std::string(1, static_cast<char>(i))}));
  for (const auto& [name, bytes] : held) {
    std::filesystem::create_directories(
        std::filesystem::path(folder / ("in/" + name)).parent_path());
    write_file(folder / ("in/" + name), bytes);
  }
  write_file(folder / "in.zip", pack("zip", Pack::none, held));
  write_file(folder / "in.tar.xz", pack("tar", Pack::xz, held));
  const ImageFolderOptions options{.height = 4, .width = 3, .under = "train"};
  const ImageSet set = load_image_folder(folder / "in", options);
  CHECK(set.classes == std::vector<std::string>{"ant", "cat", "many"});
  std::vector<std::string> names{"what was there before"};
  load_image_folder(folder / "in.zip", options, &names);
  REQUIRE(names.size() == 153);
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 4) ==
        std::vector<std::string>{"ant/deep/a.jpeg", "ant/x.JPG", "cat/b.png", "many/100.png"});
  CHECK(set.images.shape() == Shape{153, 3, 4, 3});
  CHECK(set.images.dtype() == DType::u8);
  const auto labels = set.labels.to_vector<int64_t>();
  CHECK(std::vector<int64_t>(labels.begin(), labels.begin() + 4) ==
        std::vector<int64_t>{0, 0, 1, 2});
  CHECK(set.images[152].to_vector() == std::vector<double>(36, 149));
  const int before = num_threads();
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (const char* as : {"in", "in.zip", "in.tar.xz"})
      CHECK(load_image_folder(folder / as, options).images.to_vector() == set.images.to_vector());
  }
  set_num_threads(before);
  const ImageSet gray = load_image_folder(
      folder / "in",
      {.height = 1, .width = 1, .channels = 1, .resize = Resize::area, .under = "train/"});
  CHECK(gray.images.shape() == Shape{153, 1, 1, 1});
  CHECK(gray.images[2].to_vector() == std::vector<double>{25});
  CHECK(complaint<IOError>([&] { load_image_folder(folder / "in"); },
                           "in/train/loose.png: byte 0: is neither PNG nor JPEG") == "");

  write_file(folder / "list.csv", "filename,label\nb.png,cats\n110.png,numbers\nx.JPG,cats\n");
  const ImageSet listed =
      load_image_list(folder / "in.zip", folder / "list.csv", {.height = 1, .width = 1});
  CHECK(listed.classes == std::vector<std::string>{"cats", "numbers"});
  CHECK(listed.labels.to_vector() == std::vector<double>{0, 1, 0});
  CHECK(listed.images[1].to_vector() == std::vector<double>{10, 10, 10});
}

TEST_CASE("image folder: what is refused") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "a");
  const auto refused = [&](const std::string& words) {
    return complaint<IOError>([&] { load_image_folder(folder.name()); }, words);
  };
  CHECK(refused("holds no <class>/<picture>") == "");
  write_file(folder / "a/x.png", "no png");
  CHECK(refused(folder / "a/x.png: byte 0: is neither PNG nor JPEG") == "");
  const std::string good = png(2, 2, 8, 0, {"\x0a\x14", "\x1e\x28"});
  for (const char* other : {"y.webp", "y.GIF", "deep.tiff"}) {  // lost without a word otherwise
    write_file(folder / ("a/" + std::string(other)), "x");
    CHECK(refused("a/" + std::string(other) +
                  ": pictures are read as PNG or JPEG; convert this one") == "");
    std::filesystem::remove(folder / ("a/" + std::string(other)));
  }
  write_file(folder / "a/x.png", good.substr(0, 50));
  CHECK(refused(folder / "a/x.png: byte ") == "");
  write_file(folder / "a/x.png", good);
  write_file(folder / "l.csv", "filename,label\nx.png,a\ny.png,b\n");
  const auto bad_list = [&](const std::string& words) {
    return complaint<IOError>([&] { load_image_list(folder / "a", folder / "l.csv"); }, words);
  };
  CHECK(bad_list("l.csv: line 3: " + folder.name() + "/a holds no 'y.png'") == "");
  write_file(folder / "l.csv", "filename,label\nx.png\n");
  CHECK(bad_list("l.csv: line 2: a line is a file's name, a comma and its class") == "");
  write_file(folder / "l.csv", "filename,label\n");
  CHECK(bad_list("l.csv: line 2: names no pictures") == "");
  write_file(folder / "bad.zip", zip({{"a/../../x.png", good}}));
  CHECK(complaint<IOError>([&] { load_image_folder(folder / "bad.zip"); },
                           "leads out of the archive") == "");
  CHECK(complaint<ConfigError>([&] { load_image_folder(folder.name(), {.height = 0}); },
                               "sides are 1 to 32768") == "");
  CHECK(complaint<ConfigError>([&] { load_image_folder(folder.name(), {.channels = 2}); },
                               "there are 1 and 3") == "");
}

TEST_CASE("image folder: a class without pictures would shift the numbers of those behind it") {
  const TempFolder folder;
  const std::string good = png(1, 1, 8, 0, {"\x0a"});
  for (const char* name : {"ant", "bee/deep", "cat", ".thumbnails"})
    std::filesystem::create_directories(folder / name);
  write_file(folder / "ant/x.png", good), write_file(folder / "cat/x.png", good);
  write_file(folder / "bee/deep/notes.txt", "none");
  const auto load = [&] { return load_image_folder(folder.name(), {.height = 1, .width = 1}); };
  CHECK(complaint<IOError>(load, folder / "bee: a class without a picture (.png, .jpg, .jpeg); "
                                          "take the folder away, or fill it") == "");
  write_file(folder / "bee/deep/x.PNG", good);
  CHECK(load().classes == std::vector<std::string>{"ant", "bee", "cat"});
  write_file(
      folder / "e.zip",
      zip({{"train/", ""}, {"train/ant/x.png", good}, {"train/bee/", ""}, {"test/owl/", ""}}));
  const ImageFolderOptions train{.height = 1, .width = 1, .under = "train"};
  CHECK(complaint<IOError>([&] { load_image_folder(folder / "e.zip", train); },
                           "e.zip/train/bee: a class without a picture") == "");
}

TEST_CASE(
    "image list: with and without a header line, as a spreadsheet writes it, and names that are "
    "not one") {
  const TempFolder folder;
  write_file(folder / "i.zip", zip({{"a/x.png", png(1, 1, 8, 0, {"\x0a"})},
                                    {"a/y.png", png(1, 1, 8, 0, {"\x14"})},
                                    {"b/z, 1.png", png(1, 1, 8, 0, {"\x1e"})}}));
  const auto load = [&](const std::string& csv) {
    write_file(folder / "l.csv", csv);
    return load_image_list(folder / "i.zip", folder / "l.csv",
                           {.height = 1, .width = 1, .channels = 1});
  };
  for (const std::string header : {"", "filename,label\n", "picture,kind\n",
                                   "\xef\xbb\xbf"
                                   "filename,label\n",
                                   "\xef\xbb\xbf"}) {
    CAPTURE(header);
    const ImageSet set = load(header + "y.png,owl\r\n\"z, 1.png\",\"ant\"\r\n\r\na/x.png,owl\r\n");
    CHECK(set.classes == std::vector<std::string>{"ant", "owl"});
    CHECK(set.labels.to_vector() == std::vector<double>{1, 0, 1});
    CHECK(set.images.to_vector() == std::vector<double>{20, 30, 10});
  }
  CHECK(load("filename;label\ny.png;owl\n").images.to_vector() == std::vector<double>{20});
  CHECK(load(",label,filename\n0,owl,y.png\n").images.to_vector() == std::vector<double>{20});
  const auto bad = [&](const std::string& csv, const std::string& words) {
    return complaint<IOError>([&] { load(csv); }, words);
  };
  CHECK(bad("a,b,c\nx.png,owl,1\n", "line 1: there is no column 'filename' or no column 'label'") ==
        "");
  CHECK(bad("x.png,owl\ny.png,owl,1\n", "line 2: a line is a file's name") == "");
  CHECK(bad("\"x.png\"x,owl\n", "line 1: a field's closing quote is followed by 'x,owl'") == "");
  write_file(folder / "i.zip",
             zip({{"a/x.png", png(1, 1, 8, 0, {"\x0a"})}, {"b/x.png", png(1, 1, 8, 0, {"\x14"})}}));
  CHECK(bad("x.png,owl\n",
            "line 1: " + folder.name() +
                "/i.zip holds 2 files (such as a/x.png and b/x.png) called 'x.png'") == "");
  CHECK(load("b/x.png,owl\n").images.to_vector() == std::vector<double>{20});
}
