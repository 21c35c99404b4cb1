#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>

#include <cmath>

namespace regrad {

using detail::Node;

const char* name(DType t) {
  constexpr const char* names[] = {"f32", "f64", "i64", "u8", "b8"};
  return names[static_cast<int>(t)];
}
int item_size(DType t) {
  constexpr int sizes[] = {4, 8, 8, 1, 1};
  return sizes[static_cast<int>(t)];
}

namespace {

[[noreturn, gnu::noinline]] void no_value(const char* asked) {
  if (detail::mode.called) detail::mode.called->need_arguments();
  throw ShapeError(std::string(asked) + ": an undefined tensor has no shape, dtype or value");
}

const Node* checked(const Tensor& t, const char* asked) {
  if (!t.defined()) no_value(asked);
  return t.node();
}

// Calls f(T*) with the elements of a contiguous tensor.
template <class F>
void with_elements(const Node* n, F&& f) {
  switch (n->dtype) {
    case DType::f32: return f(n->ptr<float>());
    case DType::f64: return f(n->ptr<double>());
    case DType::i64: return f(n->ptr<int64_t>());
    case DType::u8: return f(n->ptr<uint8_t>());
    case DType::b8: return f(n->ptr<bool>());
  }
}

}  // namespace

Tensor Tensor::adopt(Node* n) {
  Tensor t;
  t.c_ = detail::counted(n);
  return t;
}

const Shape& Tensor::shape() const { return checked(*this, "shape")->shape; }
const Shape& Tensor::strides() const { return checked(*this, "strides")->strides; }
int64_t Tensor::size(int64_t d) const { return shape()[wrap_dim(d, dim(), "size")]; }
DType Tensor::dtype() const { return checked(*this, "dtype")->dtype; }

bool Tensor::is_contiguous() const {
  const Node* n = checked(*this, "is_contiguous");
  int64_t step = 1;
  for (int d = n->shape.size() - 1; d >= 0; --d) {
    if (n->shape[d] != 1 && n->strides[d] != step) return n->shape.numel() == 0;
    step *= n->shape[d];
  }
  return true;
}

bool Tensor::requires_grad() const { return checked(*this, "requires_grad")->requires_grad; }
bool Tensor::is_leaf() const { return !checked(*this, "is_leaf")->op; }

Tensor& Tensor::requires_grad_(bool flag) & {
  if (checked(*this, "requires_grad_")->op)
    throw Error(
        "requires_grad_: only leaves take the flag; this tensor was made by a recorded op "
        "(detach() gives a leaf)");
  if (flag && !is_floating(dtype()))
    throw DTypeError(std::string("requires_grad_: only floating tensors have gradients, not ") +
                     name(dtype()));
  node()->requires_grad = flag;
  return *this;
}

Tensor Tensor::detach() const {
  const Node* n = checked(*this, "detach");
  Node* y = detail::new_node();
  y->shape = n->shape;
  y->strides = n->strides;
  y->dtype = n->dtype;
  y->offset = n->offset;
  detail::Storage* s = n->storage.load(std::memory_order_relaxed);
  detail::hold(s);
  y->storage.store(s, std::memory_order_relaxed);
  return adopt(y);
}

template <class T>
const T* Tensor::data() const {
  const Node* n = checked(*this, "data");
  if (n->dtype != dtype_of<T>())
    throw DTypeError(std::string("data: the tensor is ") + name(n->dtype) + ", asked for as " +
                     name(dtype_of<T>()));
  if (!is_contiguous())
    throw ShapeError("data: the tensor is not contiguous (shape " + str(n->shape) + ", strides " +
                     str(n->strides) + "); use contiguous()");
  return n->ptr<T>();
}
template const float* Tensor::data<float>() const;
template const double* Tensor::data<double>() const;
template const int64_t* Tensor::data<int64_t>() const;
template const uint8_t* Tensor::data<uint8_t>() const;
template const bool* Tensor::data<bool>() const;

double Tensor::item() const {
  if (numel() != 1)
    throw ShapeError("item: a tensor of shape " + str(shape()) + " is not one number");
  double v = 0;
  with_elements(node(), [&](const auto* p) { v = static_cast<double>(*p); });
  return v;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  const NoGrad quiet;
  const Tensor x = contiguous();
  std::vector<T> out(static_cast<size_t>(x.numel()));
  with_elements(x.node(), [&](const auto* p) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(p[i]);
  });
  return out;
}
template std::vector<float> Tensor::to_vector<float>() const;
template std::vector<double> Tensor::to_vector<double>() const;
template std::vector<int64_t> Tensor::to_vector<int64_t>() const;
template std::vector<uint8_t> Tensor::to_vector<uint8_t>() const;

Tensor Tensor::contiguous() const { return regrad::contiguous(*this); }
Tensor Tensor::to(DType t) const { return regrad::to(*this, t); }
Tensor Tensor::reshape(const Shape& sizes) const { return regrad::reshape(*this, sizes); }
Tensor Tensor::transpose(int64_t a, int64_t b) const { return regrad::transpose(*this, a, b); }
Tensor Tensor::permute(const Dims& dims) const { return regrad::permute(*this, dims); }
Tensor Tensor::expand(const Shape& sizes) const { return regrad::expand(*this, sizes); }
Tensor Tensor::unsqueeze(int64_t d) const { return regrad::unsqueeze(*this, d); }
Tensor Tensor::squeeze(int64_t d) const { return regrad::squeeze(*this, d); }
Tensor Tensor::operator[](int64_t i) const { return select(*this, 0, i); }

namespace detail {

Tensor empty(const Shape& sizes, DType t) {
  return empty_strided(sizes, contiguous_strides(sizes), t);
}
Tensor empty_strided(const Shape& sizes, const Shape& strides, DType t) {
  Node* n = new_node();
  Tensor out = Tensor::adopt(n);
  n->strides = strides;
  n->shape = sizes;
  n->dtype = t;
  int64_t bytes;
  if (__builtin_mul_overflow(sizes.numel(), int64_t{item_size(t)}, &bytes))
    throw OutOfMemory("out of memory: a tensor of shape " + str(sizes));
  n->storage.store(new_storage(bytes), std::memory_order_relaxed);
  return out;
}

}  // namespace detail

Tensor full(const Shape& sizes, double value, DType t) {
  const detail::Called as("full()");
  Tensor out = detail::empty(sizes, t);
  const int64_t n = out.numel();
  with_elements(out.node(), [&](auto* p) {
    using T = std::remove_reference_t<decltype(*p)>;
    const T v = static_cast<T>(value);
    for (int64_t i = 0; i < n; ++i) p[i] = v;
  });
  return out;
}
Tensor zeros(const Shape& sizes, DType t) {
  const detail::Called as("zeros()");
  return full(sizes, 0, t);
}
Tensor ones(const Shape& sizes, DType t) {
  const detail::Called as("ones()");
  return full(sizes, 1, t);
}
Tensor zeros_like(const Tensor& x) {
  const detail::Called as("zeros_like(x)", x);
  return full(x.shape(), 0, x.dtype());
}
Tensor ones_like(const Tensor& x) {
  const detail::Called as("ones_like(x)", x);
  return full(x.shape(), 1, x.dtype());
}
Tensor scalar(double value, DType t) { return full({}, value, t); }

Tensor arange(double start, double end, double step, DType t) {
  const detail::Called as("arange()");
  if (step == 0 || !std::isfinite((end - start) / step))
    throw ShapeError("arange: step must not be 0 and the ends must be finite");
  if ((end - start) / step < 0)
    throw ShapeError("arange: step " + decimal(step) + " leads away from " + decimal(end));
  const double count = std::ceil((end - start) / step);
  if (count >= 0x1p63) throw ShapeError("arange: more elements than 63 bits count");
  const auto n = static_cast<int64_t>(count);
  Tensor out = detail::empty({n}, t);
  with_elements(out.node(), [&](auto* p) {
    using T = std::remove_reference_t<decltype(*p)>;
    for (int64_t i = 0; i < n; ++i) p[i] = static_cast<T>(start + static_cast<double>(i) * step);
  });
  return out;
}

// From both ends, so that the middle is exact for symmetric ones and the last is `end`.
Tensor linspace(double start, double end, int64_t steps, DType t) {
  const detail::Called as("linspace()");
  if (steps < 0) throw ShapeError("linspace: " + std::to_string(steps) + " steps");
  Tensor out = detail::empty({steps}, t);
  const double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  with_elements(out.node(), [&](auto* p) {
    using T = std::remove_reference_t<decltype(*p)>;
    for (int64_t i = 0; i < steps; ++i)
      p[i] = static_cast<T>(i < steps / 2 || steps == 1
                                ? start + static_cast<double>(i) * step
                                : end - static_cast<double>(steps - 1 - i) * step);
  });
  return out;
}

Tensor eye(int64_t n, DType t) {
  const detail::Called as("eye()");
  Tensor out = zeros({n, n}, t);
  with_elements(out.node(), [&](auto* p) {
    for (int64_t i = 0; i < n; ++i) p[i * (n + 1)] = 1;
  });
  return out;
}

Tensor tensor(const std::vector<double>& values, const Shape& sizes, DType t) {
  const detail::Called as("tensor()");
  Tensor out = detail::empty(sizes, t);
  if (out.numel() != static_cast<int64_t>(values.size()))
    throw ShapeError("tensor: " + std::to_string(values.size()) + " values for shape " +
                     str(sizes));
  with_elements(out.node(), [&](auto* p) {
    using T = std::remove_reference_t<decltype(*p)>;
    for (size_t i = 0; i < values.size(); ++i) p[i] = static_cast<T>(values[i]);
  });
  return out;
}
Tensor tensor(std::initializer_list<double> values, DType t) {
  return tensor(std::vector<double>(values), {static_cast<int64_t>(values.size())}, t);
}

Tensor tensor(const std::vector<double>& values, DType t) {
  return tensor(values, {static_cast<int64_t>(values.size())}, t);
}
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& sizes) {
  const detail::Called as("tensor()");
  using Stored = std::conditional_t<std::is_same_v<T, int>, int64_t, T>;
  Tensor out = detail::empty(sizes, dtype_of<Stored>());
  if (out.numel() != static_cast<int64_t>(values.size()))
    throw ShapeError("tensor: " + std::to_string(values.size()) + " values for shape " +
                     str(sizes));
  std::copy(values.begin(), values.end(), out.node()->ptr<Stored>());
  return out;
}
template <class T>
Tensor tensor(const std::vector<T>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}
template Tensor tensor(const std::vector<float>&, const Shape&);
template Tensor tensor(const std::vector<int64_t>&, const Shape&);
template Tensor tensor(const std::vector<int>&, const Shape&);
template Tensor tensor(const std::vector<uint8_t>&, const Shape&);
template Tensor tensor(const std::vector<float>&);
template Tensor tensor(const std::vector<int64_t>&);
template Tensor tensor(const std::vector<int>&);
template Tensor tensor(const std::vector<uint8_t>&);

Tensor from_data(const void* data, const Shape& sizes, DType t) {
  const detail::Called as("from_data()");
  Tensor out = detail::empty(sizes, t);
  if (out.numel())
    std::memcpy(out.node()->raw(), data, static_cast<size_t>(out.numel() * item_size(t)));
  return out;
}

}  // namespace regrad
