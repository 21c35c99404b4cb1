// Tensor: a value of regrad, and the node of its graph.
//
//   Tensor w = tensor({1.0, 2.0, 3.0}).requires_grad_();
//   Tensor loss = sum(w * w);
//   Tensor g = grad(loss, w);
//       // [2, 4, 6], a tensor like any other: with create_graph it can be differentiated again
//
// A Tensor is one pointer to a counted node: op, shape, strides, dtype, inputs, attributes,
// storage. Copying a Tensor copies the pointer.
// There is no in-place op: values never change behind a handle. One tensor may be read from any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include <regrad/engine/shape.h>

namespace regrad {

enum class DType : uint8_t { f32, f64, i64, u8, b8 };  // b8: bool, one byte, 0 or 1

const char* name(DType t);  // "f32", ...
int item_size(DType t);     // bytes
inline bool is_floating(DType t) { return t == DType::f32 || t == DType::f64; }

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::i64;
}
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::b8;
}

class Tensor;

namespace detail {
struct Node;

// One word counts two things, so that both change in one atomic step. Low half: who holds the node
// (handles and edges).
// High half: who needs its data (handles, and edges of rows that keep it). Without data users the
// storage is freed; without users, the node.
inline constexpr uint64_t edge_unit = 1, data_unit = uint64_t{1} << 32,
                          handle_unit = edge_unit | data_unit;

struct Counted {
  std::atomic<uint64_t> users{handle_unit};
};
Counted* counted(Node* n);

inline void hold(Counted* c, uint64_t unit = handle_unit) {
  c->users.fetch_add(unit, std::memory_order_relaxed);
}
void last_gone(Counted* c, uint64_t left) noexcept;  // no data user is left, or nobody at all
inline void drop(Counted* c, uint64_t unit = handle_unit) noexcept {
  // The only user may skip the locked instruction: nobody else can be changing the count.
  const uint64_t left = c->users.load(std::memory_order_acquire) == unit
                            ? 0
                            : c->users.fetch_sub(unit, std::memory_order_acq_rel) - unit;
  if (left < data_unit) last_gone(c, left);
}
}  // namespace detail

class Tensor {
 public:
  Tensor() = default;  // undefined: no value. Gradients of unused inputs are undefined tensors.
  Tensor(const Tensor& o) : c_(o.c_) {
    if (c_) detail::hold(c_);
  }
  Tensor(Tensor&& o) noexcept : c_(std::exchange(o.c_, nullptr)) {}
  Tensor& operator=(const Tensor& o) {
    Tensor copy(o);
    std::swap(c_, copy.c_);
    return *this;
  }
  Tensor& operator=(Tensor&& o) noexcept {
    Tensor moved(std::move(o));
    std::swap(c_, moved.c_);
    return *this;
  }
  ~Tensor() {
    if (c_) detail::drop(c_);
  }

  bool defined() const { return c_ != nullptr; }

  // The getters below throw ShapeError on an undefined tensor.
  const Shape& shape() const;
  const Shape& strides() const;  // in elements
  int64_t size(int64_t dim) const;
  int dim() const { return shape().size(); }
  int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  bool is_contiguous() const;  // row-major, without gaps

  // Differentiation. requires_grad_ marks a leaf (a floating tensor that no recorded op made; else
  // DTypeError / Error) and returns it.
  bool requires_grad() const;
  bool is_leaf() const;
  Tensor& requires_grad_(bool flag = true) &;
  Tensor requires_grad_(bool flag = true) && { return std::move(requires_grad_(flag)); }
  Tensor detach() const;  // the same value (shared storage), without a graph

  // Elements. data<T>: first element of a contiguous tensor of that dtype; DTypeError or ShapeError
  // otherwise. Read only.
  template <class T>
  const T* data() const;
  // The one element as a number; ShapeError where there is not exactly one.
  double item() const;
  // All elements, row-major, converted to T.
  template <class T = double>
  std::vector<T> to_vector() const;

  // Layout and dtype; both are recorded.
  Tensor contiguous() const;
  Tensor to(DType t) const;

  // Views (recorded; no copy where strides allow). Errors as in ops.h.
  Tensor reshape(const Shape& sizes) const;
  Tensor transpose(int64_t a, int64_t b) const;
  Tensor mT() const { return transpose(-2, -1); }
  Tensor permute(const Dims& dims) const;
  Tensor expand(const Shape& sizes) const;
  Tensor unsqueeze(int64_t dim) const;
  Tensor squeeze(int64_t dim) const;
  Tensor operator[](int64_t i) const;  // select along dim 0

  // For the engine's own files.
  detail::Node* node() const { return reinterpret_cast<detail::Node*>(c_); }
  static Tensor adopt(detail::Node* n);  // takes over one handle

 private:
  detail::Counted* c_ = nullptr;
};
static_assert(sizeof(Tensor) == sizeof(void*));

// A view over tensors for arguments: {a, b}, one tensor, or a vector. Lives as long as its source.
class TensorList {
 public:
  TensorList(const Tensor& one) : first_(&one), n_(1) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Winit-list-lifetime"  // an argument's array lives as long as the call
#endif
  TensorList(std::initializer_list<Tensor> list)
      : first_(list.begin()), n_(static_cast<int64_t>(list.size())) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
  TensorList(const std::vector<Tensor>& v) : first_(v.data()), n_(static_cast<int64_t>(v.size())) {}
  TensorList(const Tensor* first, int64_t n) : first_(first), n_(n) {}
  TensorList() = default;
  int64_t size() const { return n_; }
  const Tensor& operator[](int64_t i) const { return first_[i]; }
  const Tensor* begin() const { return first_; }
  const Tensor* end() const { return first_ + n_; }

 private:
  const Tensor* first_ = nullptr;
  int64_t n_ = 0;
};

// Factories. New leaves, contiguous, zero offset.
Tensor full(const Shape& sizes, double value, DType t = DType::f32);
Tensor zeros(const Shape& sizes, DType t = DType::f32);
Tensor ones(const Shape& sizes, DType t = DType::f32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
// ShapeError where step is 0 or leads away
Tensor arange(double start, double end, double step = 1, DType t = DType::i64);
// [steps], from start to end, both included. ShapeError: steps below 0
Tensor linspace(double start, double end, int64_t steps, DType t = DType::f32);
Tensor eye(int64_t n, DType t = DType::f32);
// shape []
Tensor scalar(double value, DType t = DType::f32);
// shape [n]
Tensor tensor(std::initializer_list<double> values, DType t = DType::f32);
// ShapeError where counts differ
Tensor tensor(const std::vector<double>& values, const Shape& sizes, DType t = DType::f32);
// shape [n]
Tensor tensor(const std::vector<double>& values, DType t = DType::f32);
// The same of numbers of T = float, int64_t, int (as i64) or uint8_t, whose dtype the tensor has.
template <class T>
Tensor tensor(const std::vector<T>& values);
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& sizes);
// Copies numel(sizes) elements from host memory.
Tensor from_data(const void* data, const Shape& sizes, DType t);
// Host memory as it lies, without a copy: element i of dim d is strides[d] items further (none
// given: row-major). The engine only reads it, and nobody may change it while a tensor sees it.
// deleter(data) is called once, when the last tensor over it is gone, on whichever thread that is;
// it must not throw. Bools are bytes 0 or 1. Where from_blob throws, the memory is still the
// caller's: ShapeError at sizes or strides that are negative, differ in number or overflow, or at a
// null pointer for elements; DTypeError at an address that is no multiple of the item's size.
Tensor from_blob(void* data, const Shape& sizes, const Shape& strides, DType t,
                 std::function<void(void*)> deleter = {});
Tensor from_blob(void* data, const Shape& sizes, DType t, std::function<void(void*)> deleter = {});

// "tensor([[1, 2], [3, 4]], f32, requires_grad)", long dims elided
std::string str(const Tensor& x);
// As PyTorch prints: one line per row, columns aligned, four decimals; beyond 1000 elements the
// first and last three of each dim.
//   tensor([[ 1.0000,  2.5000],
//           [-3.0000,  4.0000]], f32)
std::ostream& operator<<(std::ostream& out, const Tensor& x);

// What the engine's tensors hold, over all threads.
struct MemoryStats {
  int64_t live_bytes;    // in storages of tensors that are alive
  int64_t peak_bytes;    // largest live_bytes so far, to within 64 KiB per thread
  int64_t cached_bytes;  // freed, kept for reuse
  int64_t live_nodes;
};
MemoryStats memory_stats();
void empty_cache();  // gives the calling thread's cached bytes back to the system

}  // namespace regrad
