#include <regrad/engine/internal/decimal.h>

#include <charconv>
#include <system_error>

namespace regrad {
namespace {

// 1e308 with 300 places and more does not fit: whoever asks for that gets fewer.
constexpr int most_places = 100;

template <class... How>
std::string text_of(double v, How... how) {
  char text[512];
  return {text, std::to_chars(text, text + sizeof text, v, how...).ptr};
}
int some(int digits) { return digits < 0 ? 0 : digits > most_places ? most_places : digits; }

}  // namespace

std::string decimal(double v) { return text_of(v); }
std::string decimal(double v, int digits) {
  return text_of(v, std::chars_format::general, some(digits));
}
std::string fixed(double v, int places) {
  return text_of(v, std::chars_format::fixed, some(places));
}
std::string scientific(double v, int places) {
  return text_of(v, std::chars_format::scientific, some(places));
}

std::optional<double> number_of(std::string_view text) {
  double v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return v;
}

}  // namespace regrad
