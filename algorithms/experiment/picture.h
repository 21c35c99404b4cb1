// Small images in a report: galleries of pixels with captions, as PNG inside the page.
//
//   Gallery g{"Test task 1", {{28, 28, 1, pixels, "support, class 3"}}};
//   outcome.galleries.push_back(g);
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace regrad::experiment {

struct Picture {
  int width = 0, height = 0, channels = 1;  // 1: grey; 3: red, green, blue
  std::string pixels = {};                  // height x width x channels bytes, row by row
  std::string caption = {};
  enum Mark { none, right, wrong } mark = none;  // of a prediction: the colour of its frame
};

struct Gallery {
  std::string title;
  std::vector<Picture> pictures = {};
};

// A PNG file (ISO/IEC 15948): 8 bits per channel, no filter, deflate blocks that are stored as they
// are. ShapeError where the pixels are not height x width x channels bytes, or channels is neither
// 1 nor 3.
std::string to_png(const Picture& picture);

// RFC 4648, with padding. from_base64: IOError where the text is none.
std::string to_base64(std::string_view bytes);
std::string from_base64(std::string_view text);

// <figure> elements, one per picture, the first few of them open and the others folded.
constexpr size_t kPicturesShown = 8;
std::string to_html(const Gallery& gallery);

}  // namespace regrad::experiment
