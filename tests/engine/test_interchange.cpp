// Files that other libraries wrote, and ours before their eyes: interchange.py holds the other
// half, with NumPy and the safetensors package.
#include <doctest/doctest.h>

#include <regrad/datasets/npz.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <cstdlib>

#include <sys/wait.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// 0; 77 where Python or a package is missing.
int script(const std::string& what, const std::string& folder) {
  const int status =
      std::system(("python3 '" REGRAD_INTERCHANGE "' " + what + " '" + folder + "'").c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return 77;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Element i is (37 i mod 101 - 50) / 8, whole where the dtype is, and without its sign where the
// dtype has none.
Tensor ramp(const Shape& sizes, DType t, bool has_sign = true, bool whole = false) {
  std::vector<double> v(static_cast<size_t>(sizes.numel()));
  for (size_t i = 0; i < v.size(); ++i) {
    v[i] = (37.0 * static_cast<double>(i % 101) -
            101 * std::floor(37.0 * static_cast<double>(i % 101) / 101) - 50) /
           8;
    if (!has_sign) v[i] = std::abs(v[i]);
    if (whole) v[i] = std::trunc(v[i]);
  }
  return tensor(v, sizes, t);
}

std::vector<NamedTensor> ours() {
  return {{"w", ramp({3, 4}, DType::f32)},
          {"v", ramp({2, 0, 2}, DType::f64)},
          {"a/i", ramp({5}, DType::i64, true, true)},
          {"u", ramp({2, 1, 3}, DType::u8, false, true)},
          {"m", ne(ramp({7}, DType::f64, false, true), zeros({7}, DType::f64))},
          {"s", ramp({}, DType::f64)},
          {"\xc3\x9f", ramp({1}, DType::f32)}};
}
std::vector<NamedTensor> converted() {
  return {{"f2", ramp({6}, DType::f32)},
          {"i1", ramp({6}, DType::i64, true, true)},
          {"i2", ramp({6}, DType::i64, true, true)},
          {"u2", ramp({6}, DType::i64, false, true)},
          {"i4", ramp({6}, DType::i64, true, true)},
          {"u4", ramp({6}, DType::i64, false, true)}};
}
std::string file_name(std::string name) {
  for (char& c : name) c = c == '/' ? '_' : c;
  return name;
}

void check_same(const std::string& name, const Tensor& a, const Tensor& b) {
  CAPTURE(name);
  CHECK(a.shape() == b.shape());
  CHECK(a.dtype() == b.dtype());
  CHECK(a.to_vector() == b.to_vector());
}
void check_all(const TensorFile& file, const std::vector<NamedTensor>& wanted) {
  for (const auto& [name, t] : wanted) check_same(name, file[name], t);
}

}  // namespace

TEST_CASE("safetensors, npy and npz are exchanged with the reference libraries, both ways") {
  const TempFolder folder;
  const int made = script("make", folder.name());
  if (made == 77) {
    MESSAGE("skipped: needs python3 with numpy and safetensors (pip install numpy safetensors)");
    return;
  }
  REQUIRE(made == 0);

  const TensorFile reference = load_safetensors(folder / "reference.safetensors");
  CHECK(reference.tensors.size() == ours().size());
  CHECK(reference.metadata == Metadata{{"format", "\xc3\x9f\n"}});
  check_all(reference, ours());
  check_all(load_safetensors(folder / "more.safetensors"), converted());
  for (const auto& list : {ours(), converted()})
    for (const auto& [name, t] : list)
      check_same(name, load_npy(folder / (file_name(name) + ".npy")), t);
  check_same("fortran", load_npy(folder / "fortran.npy"), ramp({2, 3, 4}, DType::f64));
  for (const char* version : {"1", "2", "3"})
    check_same(version, load_npy(folder / (std::string("version") + version + ".npy")),
               ramp({4, 2}, DType::f32));
  for (const char* bad : {"object", "record", "big", "complex"})
    CHECK_THROWS_AS(load_npy(folder / (std::string(bad) + ".npy")), IOError);
  check_all(load_npz(folder / "stored.npz"), ours());
  check_all(load_npz(folder / "deflated.npz"), ours());
  check_same("large", load_npz(folder / "deflated.npz")["large"], ramp({300, 100}, DType::f32));

  save_safetensors(folder / "ours.safetensors", ours(), {{"format", "\xc3\x9f\n"}});
  for (const auto& [name, t] : ours()) save_npy(folder / ("ours_" + file_name(name) + ".npy"), t);
  save_npz(folder / "ours_stored.npz", ours());
  save_npz(folder / "ours_deflated.npz", ours(), Deflate::yes);
  CHECK(script("check", folder.name()) == 0);
}

TEST_CASE("no forged safetensors file is read that the reference refuses") {
  const TempFolder folder;
  const std::string whole = to_safetensors(
      {{"w", ones({2, 3})}, {"step", arange(0, 2)}, {"none", zeros({0})}}, {{"k", "v"}});
  const std::string alphabet = "{}[]:,\"0123456789-.eE \\ntrufalsdypohxUIFBOL_\xff";
  const Random r(1);
  std::string mutants;
  for (uint64_t i = 0; i < 20000; ++i) {
    std::string forged = whole;
    const Random ri = r / static_cast<int64_t>(i);
    for (int64_t k = 0, changes = 1 + ri.integer(0, 3); k < changes; ++k) {
      const auto at = static_cast<size_t>(
          ri.integer(static_cast<uint64_t>(3 * k + 1), static_cast<int64_t>(forged.size()) - 40) +
          8);
      const char c = alphabet[static_cast<size_t>(
          ri.integer(static_cast<uint64_t>(3 * k + 2), static_cast<int64_t>(alphabet.size())))];
      switch (ri.integer(static_cast<uint64_t>(3 * k + 3), 4)) {
        case 0: forged.insert(at, 1, c); break;
        case 1: forged.erase(at, 1); break;
        default: forged[at] = c;
      }
    }
    // the header's length follows, mostly
    if (i % 5)
      forged[0] = static_cast<char>(whole[0] + static_cast<char>(forged.size() - whole.size()));
    bool read = true;
    try {
      parse_safetensors(forged);
    } catch (const IOError&) {
      read = false;
    }
    for (int b = 0; b < 4; ++b) mutants += static_cast<char>(forged.size() >> 8 * b & 255);
    mutants += static_cast<char>(read);
    mutants += forged;
  }
  write_file(folder / "mutants", mutants);
  const int judged = script("judge", folder.name());
  if (judged == 77) {
    MESSAGE("skipped: needs python3 with numpy and safetensors (pip install numpy safetensors)");
  } else {
    CHECK(judged == 0);
  }
}
