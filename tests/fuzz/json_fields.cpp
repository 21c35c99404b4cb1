// A JSON object; the field "id" is asked for in every way.
#include <regrad/engine/io/json_fields.h>

#include <cmath>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const JsonFields f(std::string(bytes), "fuzz");
    const auto asked = [](auto&& ask) {
      try {
        ask();
        return true;
      } catch (const ConfigError& e) {
        fuzz::must(std::string_view(e.what()).substr(0, 4) == "fuzz",
                   "a ConfigError that does not name its file");
        return false;
      }
    };
    const bool whole = asked([&] { f.integer("id"); }),
               number = asked([&] { fuzz::must(!std::isnan(f.number("id")), "no number"); }),
               text = asked([&] { f.text("id"); });
    fuzz::must(!whole || number, "a whole number that is none");
    fuzz::must(!(number && text), "a number that is text");
    fuzz::must(!(number || text) || f.contains("id"), "a field that is not there");
    asked([&] { fuzz::must(f.contains("id") || f.integer("id", 7) == 7, "the other value"); });
    for (const auto& [name, value] : f.integers())
      fuzz::must(f.integer(name) == value, "two values of one field");
  });
}
