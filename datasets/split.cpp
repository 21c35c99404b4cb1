#include <regrad/datasets/split.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad {
namespace {

// FNV-1a, then the final mix of MurmurHash3, so that a name's last letters reach the high bits too.
uint64_t hash_of(const std::string& text) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 33);
}

}  // namespace

std::vector<bool> test_by_name(const std::vector<std::string>& names,
                               const std::vector<int64_t>& labels, const std::string& where,
                               double share, uint64_t seed) {
  if (!(share > 0 && share < 1) || names.size() != labels.size())
    throw ConfigError("test_by_name: a share in (0, 1), and a label for each name");
  std::map<int64_t, std::vector<std::pair<uint64_t, size_t>>> by_class;
  for (size_t i = 0; i < names.size(); ++i)
    by_class[labels[i]].emplace_back(hash_of(std::to_string(seed) + "/" + names[i]), i);
  const double below = std::ldexp(share, 64);
  std::vector<bool> out(names.size(), false);
  for (auto& [label, of] : by_class) {
    if (of.size() < 2)
      throw IOError(where + ": " + names[of[0].second] +
                    " is the only example of its class; training and test need one each");
    std::sort(of.begin(), of.end());
    const auto most = static_cast<int64_t>(of.size()) - 1,
               count = std::clamp<int64_t>(
                   std::count_if(
                       of.begin(), of.end(),
                       [&](const auto&f) { return static_cast<double>(f.first) < below; }),
                   1, most);
    for (int64_t k = 0; k < count; ++k) out[of[static_cast<size_t>(k)].second] = true;
  }
  return out;
}

}  // namespace regrad
