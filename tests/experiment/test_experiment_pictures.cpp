// Pictures in reports: PNG and base64 against bytes that Python's zlib and base64 made, and their
// way through a checkpoint.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/error.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

TEST_CASE("base64 is RFC 4648's") {
  const std::vector<std::pair<std::string, std::string>> known = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : known) {
    CHECK(to_base64(plain) == coded);
    CHECK(from_base64(coded) == plain);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(from_base64(to_base64(all)) == all);
  CHECK(complaint<IOError>([] { from_base64("Zg="); }, "not a multiple of 4") == "");
  CHECK(complaint<IOError>([] { from_base64("Z*=="); }, "no digit at character 1") == "");
  CHECK(complaint<IOError>([] { from_base64("Zg==Zg=="); }, "no digit at character 2") == "");
}

TEST_CASE("PNG, byte for byte: colour, grey, and rows that need more than one stored block") {
  const std::string rgb = {'\xff', 0, 0, 0, '\xff', 0, 0, 0, '\xff', 10, 20, 30};
  CHECK(to_base64(to_png({2, 2, 3, rgb})) ==
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAGUlEQVR4AQEOAPH/AP8AAAD/"
        "AAAAAP8KFB4aWAM6zZjbSwAAAABJRU5ErkJggg==");
  CHECK(to_base64(to_png({1, 1, 1, "\x80"})) ==
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAADUlEQVR4AQECAP3/"
        "AIAAggCBw24l4AAAAABJRU5ErkJggg==");
  std::string many;
  for (int i = 0; i < 300; ++i)
    for (int j = 0; j < 300; ++j) many += static_cast<char>((i * 7 + j) % 256);
  const std::string big = to_png({300, 300, 1, many});
  REQUIRE(big.size() == 90373);
  // Adler-32 of the rows, CRC-32 of the block
  CHECK(big.substr(big.size() - 20, 8) == "\x29\x86\xb7\xf3\x84\x2e\xc7\x8c");
  CHECK(complaint<ShapeError>(
            [] {
              to_png({2, 2, 1, "abc"});
            },
            "3 bytes for 2 x 2 pixels of 1 channels") == "");
  CHECK(complaint<ShapeError>([] { to_png({1, 1, 2, "ab"}); }, "of 2 channels") == "");
  CHECK(complaint<ShapeError>([] { to_png({0, 0, 1, ""}); }, "0 x 0") == "");
}

TEST_CASE("a gallery shows captions and marks, and a checkpoint keeps it to the byte") {
  const Gallery g{"task <1>",
                  {{1, 1, 1, "\x80", "class \"a\" & b", Picture::wrong},
                   {2, 1, 1, std::string("\0\xff", 2), "", Picture::none}}};
  const std::string html = to_html(g);
  CHECK(html.find("class \"a\"") == std::string::npos);
  CHECK(html.find("class &quot;a&quot; &amp; b</figcaption>") != std::string::npos);
  CHECK(html.find("<div class=\"gallery\">\n<figure class=\"wrong\"><img alt=") == 0);
  CHECK(html.find("src=\"data:image/png;base64,iVBORw0KGgo") != std::string::npos);
  Row row{{"cml", "K=1", 3}, 5, {}, true, {}};
  row.outcome.galleries = {g};
  const Row back = row_from_json(to_json(row), "here");
  REQUIRE(back.outcome.galleries.size() == 1);
  const Gallery& b = back.outcome.galleries[0];
  CHECK(b.title == g.title);
  REQUIRE(b.pictures.size() == 2);
  CHECK(b.pictures[1].pixels == g.pictures[1].pixels);
  CHECK(b.pictures[0].mark == Picture::wrong);
  CHECK(to_html(b) == html);
  row.outcome.listings = {{"texts <2>", {"text", "score"}, {{"a [[fine]] & [[x", "1.5"}}}};
  const Row texts = row_from_json(to_json(row), "here");
  REQUIRE(texts.outcome.listings.size() == 1);
  CHECK(to_html(texts.outcome.listings[0]) ==
        "<h3>texts &lt;2&gt;</h3>\n<div class=\"scroll\"><table class=\"listing\">\n"
        "<tr><th>text</th><th>score</th></tr>\n"
        "<tr><td>a <mark>fine</mark> &amp; [[x</td><td>1.5</td></tr>\n</table></div>\n");
  std::string damaged = to_json(row);
  damaged.replace(damaged.find("\"mark\":2"), 8, "\"mark\":7");
  CHECK(complaint<IOError>([&] { row_from_json(damaged, "here"); }, "here: no such mark") == "");
}

TEST_CASE("a long series of pictures and a long table are open at their beginning, folded after") {
  Gallery g{"many"};
  for (int i = 0; i < 10; ++i) g.pictures.push_back({1, 1, 1, "a", "no " + std::to_string(i)});
  const std::string html = to_html(g);
  CHECK(html.find("no 7</figcaption>") < html.find("<summary>2 more pictures</summary>"));
  CHECK(html.find("no 8</figcaption>") > html.find("<summary>2 more pictures</summary>"));
  g.pictures.resize(8);
  CHECK(to_html(g).find("<details>") == std::string::npos);
  Listing l{"texts", {"text"}};
  for (int i = 0; i < 11; ++i) l.rows.push_back({"t" + std::to_string(i)});
  CHECK(to_html(l).find("<summary>3 more rows</summary>") < to_html(l).find("t8"));
}

TEST_CASE("a table of shares is shaded by them, whole, under its names") {
  Listing l{"confusions", {"class", "car", "dog"}, {{"car", "83%", "17%"}, {"dog", "0%", "100%"}}};
  const std::string html = to_html(l);
  CHECK(html.find("class=\"listing shares\"") != std::string::npos);
  CHECK(html.find("<td style=\"background: rgba(0, 114, 178, 0.498)\">83%</td>") !=
        std::string::npos);
  CHECK(html.find("<td>0%</td>") != std::string::npos);
  CHECK(html.find("<th>dog</th>") != std::string::npos);
  l.rows[0][1] = "83";  // no share
  CHECK(to_html(l).find("rgba") == std::string::npos);
}
