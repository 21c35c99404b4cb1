#include <regrad/engine/internal/node.h>
#include <regrad/engine/io/wire.h>

#include <algorithm>
#include <bit>

namespace regrad::detail {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian, and items are copied as they lie");

namespace {

float from_bf16(uint16_t h) { return std::bit_cast<float>(uint32_t{h} << 16); }

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float from_f16(uint16_t h) {
  const uint32_t sign = uint32_t{h & 0x8000u} << 16, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -small : small;
}

// Items of another dtype pass through a block, so that the file's form never stands in memory
// whole.
template <class From, class To, class F>
void convert(To* y, int64_t n, const ReadBytes& read, F&& f) {
  constexpr int64_t block = 4096;
  From items[block];
  for (int64_t i = 0; i < n; i += block) {
    const int64_t m = std::min(block, n - i);
    read(items, m * static_cast<int64_t>(sizeof(From)));
    for (int64_t j = 0; j < m; ++j) y[i + j] = static_cast<To>(f(items[j]));
  }
}

void check_bools(const Node* y, int64_t n, const std::string& where) {
  const auto* p = static_cast<const uint8_t*>(y->raw());
  const auto* bad = std::find_if(p, p + n, [](uint8_t v) { return v > 1; });
  if (bad != p + n)
    throw IOError(where + ": element " + std::to_string(bad - p) + " is " + std::to_string(*bad) +
                  "; a bool is 0 or 1");
}

}  // namespace

int wire_size(Wire w) {
  constexpr int sizes[] = {4, 8, 8, 1, 1, 2, 2, 1, 2, 2, 4, 4};
  return sizes[static_cast<int>(w)];
}

DType read_as(Wire w) {
  if (w <= Wire::b8) return static_cast<DType>(w);
  return w <= Wire::bf16 ? DType::f32 : DType::i64;
}

Wire wire_of(DType t) { return static_cast<Wire>(t); }
static_assert(static_cast<int>(Wire::b8) == static_cast<int>(DType::b8) &&
              static_cast<int>(Wire::i64) == static_cast<int>(DType::i64));

int64_t wire_bytes(const Shape& sizes, Wire w) {
  int64_t bytes = wire_size(w);
  for (const int64_t n : sizes)
    if (n < 0 || (n > 0 && __builtin_mul_overflow(bytes, n, &bytes))) return -1;
  return sizes.numel() == 0 ? 0 : bytes;
}

Tensor read_items(const Shape& sizes, Wire w, const ReadBytes& read, const std::string& where) {
  Tensor y = empty(sizes, read_as(w));
  const Node* n = y.node();
  const int64_t count = sizes.numel();
  const auto same = [](auto v) { return v; };
  switch (w) {
    case Wire::f16: convert<uint16_t>(n->ptr<float>(), count, read, from_f16); break;
    case Wire::bf16: convert<uint16_t>(n->ptr<float>(), count, read, from_bf16); break;
    case Wire::i8: convert<int8_t>(n->ptr<int64_t>(), count, read, same); break;
    case Wire::i16: convert<int16_t>(n->ptr<int64_t>(), count, read, same); break;
    case Wire::u16: convert<uint16_t>(n->ptr<int64_t>(), count, read, same); break;
    case Wire::i32: convert<int32_t>(n->ptr<int64_t>(), count, read, same); break;
    case Wire::u32: convert<uint32_t>(n->ptr<int64_t>(), count, read, same); break;
    default: read(n->raw(), count * wire_size(w));
  }
  if (w == Wire::b8) check_bools(n, count, where);
  return y;
}

}  // namespace regrad::detail
