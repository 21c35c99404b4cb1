// Numbers are written and read with a point where the program has set a locale with a comma.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/profile.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::TempFolder;

namespace {

// For as long as one lives, a locale with a comma: an installed one, or German made by localedef in
// a folder of the test's own.
class Comma {
 public:
  Comma() : before_(std::setlocale(LC_ALL, nullptr)) {
    for (const char* name :
         {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "pl_PL.UTF-8"})
      if (std::setlocale(LC_ALL, name) && has_comma()) return;
    const std::string make =
        "localedef -i de_DE -f UTF-8 " + folder_.name() + "/de_DE.UTF-8 2>/dev/null";
    if (std::system(make.c_str()) == 0) {
      setenv("LOCPATH", folder_.name().c_str(), 1);
      std::setlocale(LC_ALL, "de_DE.UTF-8");
    }
  }
  ~Comma() {
    std::setlocale(LC_ALL, before_.c_str());
    unsetenv("LOCPATH");
  }
  static bool has_comma() {
    char text[8];
    std::snprintf(text, sizeof text, "%.1f", 0.5);
    return text[1] == ',';
  }

 private:
  TempFolder folder_;
  std::string before_;
};

}  // namespace

TEST_CASE("numbers and text, whatever the locale") {
  const Comma locale;
  if (!Comma::has_comma()) {
    MESSAGE("skipped: no locale with a comma is installed, and localedef makes none");
    return;
  }
  CHECK(str(tensor({0.5, -1.25e-7})) == "tensor([0.5, -1.25e-07], f32)");
  CHECK(str(tensor({1, 2}, DType::i64)) == "tensor([1, 2], i64)");
  CHECK(decimal(0.1) == "0.1");
  CHECK(decimal(0.1, 17) == "0.10000000000000001");
  CHECK(fixed(1234567.125, 2) == "1234567.12");
  CHECK(number_of("0.1") == 0.1);
  CHECK_FALSE(number_of("0,1"));

  std::string words;
  try {
    huber_loss(ones({2}), ones({2}), -0.5);
  } catch (const ConfigError& e) {
    words = e.what();
  }
  CHECK(words.find("-0.5") != std::string::npos);
  words.clear();
  try {
    const Tensor a = eye(2, DType::f64).requires_grad_();
    grad(sum(eigh(0.5 * a).vectors * tensor({1, 2, 3, 5}, {2, 2}, DType::f64)), a);
  } catch (const NumericError& e) {
    words = e.what();
  }
  CHECK(words.find("0.5") != std::string::npos);

  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  save_safetensors(path, {{"x", tensor({0.5})}}, {{"rms", decimal(0.1)}});
  const TensorFile file = load_safetensors(path);
  CHECK(file.metadata.at("rms") == "0.1");
  CHECK(number_of(file.metadata.at("rms")) == 0.1);
  CHECK(file["x"].item() == 0.5);

  const Profile profile;
  exp(ones({1000}));
  CHECK(profile.table().find(',') == std::string::npos);
  const std::string trace = profile.trace();
  const size_t at = trace.find("\"ts\": ");
  REQUIRE(at != std::string::npos);
  CHECK(trace.substr(at, trace.find(", \"dur\"", at) - at).find('.') != std::string::npos);
}

TEST_CASE("numbers as text and back") {
  for (double v : {0.0, 0.1, -1.0 / 3, 1e308, 5e-324, 1e22}) CHECK(number_of(decimal(v)) == v);
  CHECK(decimal(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(fixed(-0.005, 2) == "-0.01");
  CHECK(decimal(123456, 4) == "1.235e+05");
  for (const char* bad : {"", " 1", "1 ", "+1", "1x", "0x1p3", "1e999"})
    CHECK_FALSE(number_of(bad));
  char text[64];
  for (double v : {0.1, 2.5, 1e-7, 123456789.0}) {
    std::snprintf(text, sizeof text, "%.17g", v);
    CHECK(decimal(v, 17) == text);
    std::snprintf(text, sizeof text, "%.3f", v);
    CHECK(fixed(v, 3) == text);
  }
}
