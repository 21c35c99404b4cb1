// Shapes and strides: up to eight numbers, held inline.
//
//   Shape s{25, 10, 40};   s.numel() == 10000   s[-1] == 40   str(s) == "[25,10,40]"
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include <regrad/engine/error.h>

namespace regrad {

inline constexpr int max_dims = 8;

// A list of at most max_dims numbers: sizes, strides (in elements), or dimensions.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  Shape(const int64_t* first, const int64_t* last) {
    for (; first != last; ++first) push_back(*first);
  }

  int size() const { return n_; }
  bool empty() const { return n_ == 0; }
  const int64_t* begin() const { return d_; }
  const int64_t* end() const { return d_ + n_; }
  int64_t* begin() { return d_; }
  int64_t* end() { return d_ + n_; }
  // Negative i counts from the end. No check: callers pass dimensions that `wrap_dim` has seen.
  int64_t operator[](int i) const { return d_[i < 0 ? i + n_ : i]; }
  int64_t& operator[](int i) { return d_[i < 0 ? i + n_ : i]; }

  // ShapeError beyond max_dims.
  void push_back(int64_t v) {
    if (n_ == max_dims) too_many();
    d_[n_++] = v;
  }
  void insert(int at, int64_t v) {
    push_back(0);
    for (int i = n_ - 1; i > at; --i) d_[i] = d_[i - 1];
    d_[at] = v;
  }
  void erase(int at) {
    for (int i = at; i + 1 < n_; ++i) d_[i] = d_[i + 1];
    --n_;
  }

  // Product of all, 1 for none.
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < n_; ++i) n *= d_[i];
    return n;
  }

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.n_ != b.n_) return false;
    for (int i = 0; i < a.n_; ++i)
      if (a.d_[i] != b.d_[i]) return false;
    return true;
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

 private:
  [[noreturn]] static void too_many();

  int n_ = 0;
  int64_t d_[max_dims];  // only the first n_ are set
};

using Dims = Shape;

std::string str(const Shape& s);  // "[25,10,40]"

// Row-major strides. ShapeError where a size is negative or the number of elements overflows.
Shape contiguous_strides(const Shape& sizes);
// Those of images [.., c, h, w] whose channels are neighbours in memory: the order of dims is ..,
// h, w, c. At least 3 dims.
Shape channels_last_strides(const Shape& sizes);

// The dimension counted from the front; ShapeError naming op where dim is outside [-ndim, ndim).
int wrap_dim(int64_t dim, int ndim, const char* op);

// A bit for each of dims. ShapeError naming op where one is outside, or named twice.
unsigned dim_set(const Dims& dims, int ndim, const char* op);

// Broadcast of two shapes, right-aligned, sizes equal or one of them 1. ShapeError naming op.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace regrad
