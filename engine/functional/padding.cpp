// Borders: numbers, or elements of the tensor again.
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

constexpr const char* words[] = {"constant", "reflect", "replicate", "circular"};

void need_pairs(const Tensor& x, const std::vector<int64_t>& pads) {
  if (pads.size() % 2 || static_cast<int>(pads.size() / 2) > x.dim())
    throw ShapeError("pad: " + std::to_string(pads.size()) + " numbers for " + str(x.shape()) +
                     "; two a dim, from the last dim on");
}

// Of n elements with that many before and after; less than none of them may not be left.
int64_t padded_size(const Tensor& x, int d, int64_t before, int64_t after) {
  const int64_t n = x.shape()[d];
  int64_t longer;
  if (__builtin_add_overflow(before, after, &longer) || __builtin_add_overflow(n, longer, &longer))
    throw ShapeError("pad: " + std::to_string(before) + " and " + std::to_string(after) +
                     " around " + std::to_string(n) + " overflow 63 bits");
  if (longer < 0)
    throw ShapeError("pad: dim " + std::to_string(d) + " of " + str(x.shape()) + " cannot lose " +
                     std::to_string(-before - after));
  return longer;
}

Tensor constant(const Tensor& x, int d, int64_t before, int64_t after, double value) {
  Tensor y = x;
  const int64_t n = y.shape()[d];
  if (before < 0 || after < 0)
    y = slice(y, d, std::max<int64_t>(0, -before), std::min(n, n + after));
  const int64_t front = std::max<int64_t>(0, before), back = std::max<int64_t>(0, after);
  if (front == 0 && back == 0) return y;
  if (value == 0) return unslice(y, d, y.shape()[d] + front + back, front);
  const auto filling = [&](int64_t count) {
    Shape sizes = y.shape();
    sizes[d] = count;
    return full(sizes, value, y.dtype());
  };
  return cat({filling(front), y, filling(back)}, d);
}

// Place i of n elements that go on before 0 and from n on.
int64_t continued(int64_t i, int64_t n, PadMode mode) {
  if (mode == PadMode::replicate) return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == PadMode::circular) return (i + n) % n;
  return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}
Tensor mirrored(const Tensor& x, int d, int64_t before, int64_t after, PadMode mode) {
  if (mode == PadMode::circular && (before < 0 || after < 0)) {  // the ring is of what is left
    padded_size(x, d, before, after);
    const Tensor left =
        slice(x, d, std::max<int64_t>(0, -before), x.size(d) + std::min<int64_t>(0, after));
    return mirrored(left, d, std::max<int64_t>(0, before), std::max<int64_t>(0, after), mode);
  }
  const int64_t n = x.shape()[d], longer = padded_size(x, d, before, after);
  // reflect leaves out the edge itself, circular goes around once, replicate as often as it likes
  const int64_t most = mode == PadMode::reflect ? n - 1 : mode == PadMode::circular ? n : INT64_MAX;
  if (before > most || after > most || (n == 0 && longer > 0))
    throw ShapeError("pad: " + std::string(words[static_cast<size_t>(mode)]) + " of " +
                     std::to_string(before) + " and " + std::to_string(after) + " around dim " +
                     std::to_string(d) + " of " + str(x.shape()) +
                     (n && mode != PadMode::replicate
                          ? "; at most " + std::to_string(most) + " on a side"
                          : ""));
  if (before == 0 && after == 0) return x;
  Tensor at = arange(static_cast<double>(-before), static_cast<double>(longer - before));
  std::vector<int64_t> place = at.to_vector<int64_t>();
  for (int64_t& i : place) i = continued(i, n, mode);
  return index_select(x, d, tensor(place));
}

}  // namespace

Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, double value) {
  const detail::Called as("pad(x)", x);
  need_pairs(x, pads);
  Tensor y = x;
  for (size_t i = 0; i < pads.size() / 2; ++i) {
    const int d = x.dim() - 1 - static_cast<int>(i);
    padded_size(y, d, pads[2 * i], pads[2 * i + 1]);
    y = constant(y, d, pads[2 * i], pads[2 * i + 1], value);
  }
  return y;
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, PadMode mode) {
  if (mode == PadMode::constant) return pad(x, pads, 0.0);
  const detail::Called as("pad(x)", x);
  need_pairs(x, pads);
  Tensor y = x;
  for (size_t i = 0; i < pads.size() / 2; ++i)
    y = mirrored(y, x.dim() - 1 - static_cast<int>(i), pads[2 * i], pads[2 * i + 1], mode);
  return y;
}

}  // namespace regrad
