// The binary rows of the table, the comparisons and where.
#include "formulas.h"
#include "strips.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

// i64: the machine's 64-bit product costs several instructions, and most sums have p0 = 1.
void add_i64(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
  const Strip strip =
      params.p0 == 1.0 ? binary_strip<plus<int64_t>, int64_t> : binary_strip<add<int64_t>, int64_t>;
  strip(data, stride, n, params);
}

// y = c ? a : b
template <class T>
void where_strip(void* const* data, const int64_t* stride, int64_t n, const Params&) {
  T* y = static_cast<T*>(data[0]);
  const uint8_t* c = static_cast<const uint8_t*>(data[1]);
  const T* a = static_cast<const T*>(data[2]);
  const T* b = static_cast<const T*>(data[3]);
  const int64_t sy = stride[0], sc = stride[1], sa = stride[2], sb = stride[3];
  if ((sy == 1 && sc == 1 && sa == 1 && sb == 1) || n == 1) {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) {
      const T left = a[i], right = b[i];  // both read: the choice is then a select
      y[i] = c[i] ? left : right;
    }
  } else if (sy == 1 && sc == 1 && sa == 1 && sb == 0) {
    const T right = b[0];
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) {
      const T left = a[i];
      y[i] = c[i] ? left : right;
    }
  } else {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) {
      const T left = a[i * sa], right = b[i * sb];
      y[i * sy] = c[i * sc] ? left : right;
    }
  }
}

template <class T>
void fill_type(Table& t, int dtype) {
#define X(name) t.compare[dtype][int(Compare::name)] = binary_strip<name<T>, uint8_t>;
  REGRAD_COMPARE(X)
#undef X
  t.where[dtype] = where_strip<T>;
}

}  // namespace

void fill_binary(Table& t) {
  fill_type<float>(t, 0);
  fill_type<double>(t, 1);
  fill_type<int64_t>(t, 2);
#define X(name)                                                      \
  t.binary[0][int(Binary::name)] = binary_strip<name<float>, float>; \
  t.binary[1][int(Binary::name)] = binary_strip<name<double>, double>;
#define XI(name) X(name) t.binary[2][int(Binary::name)] = binary_strip<name<int64_t>, int64_t>;
#include "../binary.def"
  t.binary[2][int(Binary::add)] = add_i64;
}

}  // namespace regrad::kernels::REGRAD_ISA
