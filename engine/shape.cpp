#include <regrad/engine/shape.h>

namespace regrad {

void Shape::too_many() {
  throw ShapeError("a tensor has at most " + std::to_string(max_dims) + " dimensions");
}

std::string str(const Shape& s) {
  std::string out = "[";
  for (int i = 0; i < s.size(); ++i) out += (i ? "," : "") + std::to_string(s[i]);
  return out + "]";
}

Shape contiguous_strides(const Shape& sizes) {
  Shape strides = sizes;
  int64_t step = 1;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    if (sizes[i] < 0) throw ShapeError("shape " + str(sizes) + ": sizes cannot be negative");
    strides[i] = step;
    if (sizes[i] > 0 && __builtin_mul_overflow(step, sizes[i], &step))
      throw ShapeError("shape " + str(sizes) + ": too many elements for 63 bits");
  }
  return strides;
}

Shape channels_last_strides(const Shape& sizes) {
  Shape moved = sizes;
  moved[-3] = sizes[-2], moved[-2] = sizes[-1], moved[-1] = sizes[-3];
  const Shape there = contiguous_strides(moved);
  Shape out = there;
  out[-3] = there[-1], out[-2] = there[-3], out[-1] = there[-2];
  return out;
}

int wrap_dim(int64_t dim, int ndim, const char* op) {
  if (dim < -ndim || dim >= ndim) {
    throw ShapeError(std::string(op) + ": dim " + std::to_string(dim) + " is outside a tensor of " +
                     std::to_string(ndim) + " dimensions");
  }
  return static_cast<int>(dim < 0 ? dim + ndim : dim);
}

unsigned dim_set(const Dims& dims, int ndim, const char* op) {
  unsigned set = 0;
  for (int64_t d : dims) {
    const unsigned bit = 1u << wrap_dim(d, ndim, op);
    if (set & bit)
      throw ShapeError(std::string(op) + ": dim " + std::to_string(d) + " is named twice");
    set |= bit;
  }
  return set;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const int lead = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t l = longer[lead + i], s = shorter[i];
    if (l != s && l != 1 && s != 1) {
      throw ShapeError(std::string(op) + ": shapes " + str(a) + " and " + str(b) +
                       " do not broadcast (sizes must be equal or 1, from the right)");
    }
    out[lead + i] = l == 1 ? s : l;
  }
  return out;
}

}  // namespace regrad
