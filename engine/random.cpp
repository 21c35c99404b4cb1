#include <regrad/engine/internal/called.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <Random123/philox.h>

namespace regrad {
namespace {

// Domains keep the hashing of addresses and the drawing of numbers apart.
enum Domain : uint32_t { draw, by_name, by_index };

r123::Philox4x32::ctr_type philox(uint64_t key, uint64_t counter, uint32_t domain,
                                  uint32_t extra = 0) {
  const r123::Philox4x32::ctr_type c = {
      {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), domain, extra}};
  const r123::Philox4x32::key_type k = {
      {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}};
  return r123::Philox4x32()(c, k);
}

uint64_t word(const r123::Philox4x32::ctr_type& r, int i) {
  return static_cast<uint64_t>(r[static_cast<size_t>(2 * i)]) << 32 |
         r[static_cast<size_t>(2 * i + 1)];
}

__extension__ using Wide = unsigned __int128;

double unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

template <class F>
Tensor filled(const Shape& sizes, DType t, F&& value) {
  Tensor out = detail::empty(sizes, t);
  const int64_t n = out.numel();
  if (t == DType::f64) {
    for (int64_t i = 0; i < n; ++i) out.node()->ptr<double>()[i] = value(static_cast<uint64_t>(i));
  } else if (t == DType::f32) {
    for (int64_t i = 0; i < n; ++i)
      out.node()->ptr<float>()[i] = static_cast<float>(value(static_cast<uint64_t>(i)));
  } else {
    throw DTypeError(std::string("random numbers are f32 or f64, not ") + name(t));
  }
  return out;
}

}  // namespace

Random Random::operator/(std::string_view name) const {
  uint64_t key = key_;
  // Eight letters a round; the length goes in too, so that "a" "b" and "ab" differ.
  for (size_t i = 0; i <= name.size(); i += 8) {
    uint64_t letters = 0;
    for (size_t j = i; j < std::min(i + 8, name.size()); ++j)
      letters |= static_cast<uint64_t>(static_cast<unsigned char>(name[j])) << (8 * (j - i));
    key = word(philox(key, letters, by_name, static_cast<uint32_t>(name.size())), 0);
  }
  return Random(key);
}
Random Random::operator/(int64_t index) const {
  return Random(word(philox(key_, static_cast<uint64_t>(index), by_index), 0));
}

uint32_t Random::bits(uint64_t i) const { return philox(key_, i / 4, draw, 1)[i % 4]; }
double Random::uniform(uint64_t i) const {
  return unit(word(philox(key_, i / 2, draw), static_cast<int>(i % 2)));
}
double Random::normal(uint64_t i) const {
  const auto r = philox(key_, i / 2, draw, 2);
  const double radius = std::sqrt(-2 * std::log(1 - unit(word(r, 0)))),
               angle = 2 * std::numbers::pi * unit(word(r, 1));
  return radius * (i % 2 ? std::sin(angle) : std::cos(angle));
}
int64_t Random::integer(uint64_t i, int64_t n) const {
  if (n < 1)
    throw ConfigError("Random::integer: n is " + std::to_string(n) + ", must be at least 1");
  // The high half of a 128-bit product: a bias of at most n / 2^64.
  return static_cast<int64_t>(
      static_cast<Wide>(word(philox(key_, i / 2, draw, 3), static_cast<int>(i % 2))) *
          static_cast<uint64_t>(n) >>
      64);
}

Tensor uniform(const Random& r, const Shape& sizes, double low, double high, DType t) {
  const detail::Called as("uniform()");
  return filled(sizes, t, [&](uint64_t i) { return low + (high - low) * r.uniform(i); });
}
Tensor normal(const Random& r, const Shape& sizes, double mean, double deviation, DType t) {
  const detail::Called as("normal()");
  return filled(sizes, t, [&](uint64_t i) { return mean + deviation * r.normal(i); });
}
Tensor randint(const Random& r, int64_t low, int64_t high, const Shape& sizes) {
  const detail::Called as("randint()");
  int64_t n;
  if (high <= low || __builtin_sub_overflow(high, low, &n))
    throw ConfigError("randint: [" + std::to_string(low) + ", " + std::to_string(high) +
                      ") holds no number, or more than 63 bits count");
  Tensor out = detail::empty(sizes, DType::i64);
  for (int64_t i = 0; i < out.numel(); ++i)
    out.node()->ptr<int64_t>()[i] = low + r.integer(static_cast<uint64_t>(i), n);
  return out;
}
Tensor randperm(const Random& r, int64_t n) {
  const detail::Called as("randperm()");
  Tensor out = arange(0, static_cast<double>(n));
  auto* p = out.node()->ptr<int64_t>();
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(p[i], p[r.integer(static_cast<uint64_t>(i), i + 1)]);
  return out;
}

}  // namespace regrad
