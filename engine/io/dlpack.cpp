#include <regrad/engine/internal/node.h>
#include <regrad/engine/io/dlpack.h>

#include <algorithm>

#include <dlpack/dlpack.h>

namespace regrad {
namespace {

constexpr uint8_t dl_bool = 6;  // kDLBool, which Debian's header (0.6) does not name yet

struct {
  DType ours;
  uint8_t code, bits;
} constexpr dtypes[] = {{DType::f32, kDLFloat, 32},
                        {DType::f64, kDLFloat, 64},
                        {DType::i64, kDLInt, 64},
                        {DType::u8, kDLUInt, 8},
                        {DType::b8, dl_bool, 8}};

// What to_dlpack hands out. It holds the tensor, so that its storage has one more user until the
// deleter is called.
struct Export {
  DLManagedTensor managed{};
  Tensor held;
  int64_t shape[max_dims] = {}, strides[max_dims] = {};
};

DType dtype_of(const DLDataType& t) {
  for (const auto& d : dtypes)
    if (t.code == d.code && t.bits == d.bits && t.lanes == 1) return d.ours;
  throw DTypeError("from_dlpack: dtype with code " + std::to_string(t.code) + ", " +
                   std::to_string(t.bits) + " bits and " + std::to_string(t.lanes) +
                   " lanes; taken are f32, f64, i64, u8 and bool");
}

}  // namespace

DLManagedTensor* to_dlpack(const Tensor& x) {
  const Shape &sizes = x.shape(), &strides = x.strides();
  if (x.requires_grad())
    throw Error(
        "to_dlpack: the tensor requires gradients, which DLPack cannot carry; hand out its "
        "detach()");
  auto* e = typed_memory([] { return new Export; });
  e->held = x;
  std::copy(sizes.begin(), sizes.end(), e->shape);
  std::copy(strides.begin(), strides.end(), e->strides);
  DLTensor& t = e->managed.dl_tensor;
  t.data = x.node()->raw();
  t.device = {kDLCPU, 0};
  t.ndim = x.dim();
  const auto* d = std::find_if(std::begin(dtypes), std::end(dtypes),
                               [&](const auto& entry) { return entry.ours == x.dtype(); });
  t.dtype = {d->code, d->bits, 1};
  t.shape = e->shape;
  t.strides = e->strides;
  e->managed.manager_ctx = e;
  e->managed.deleter = [](DLManagedTensor* m) { delete static_cast<Export*>(m->manager_ctx); };
  return &e->managed;
}

Tensor from_dlpack(DLManagedTensor* m) {
  if (!m) throw Error("from_dlpack: a null pointer");
  const DLTensor& t = m->dl_tensor;
  if (t.device.device_type != kDLCPU)
    throw Error("from_dlpack: memory of device type " + std::to_string(t.device.device_type) +
                "; only the CPU's (1) is taken");
  const DType dtype = dtype_of(t.dtype);
  if (t.ndim < 0 || t.ndim > max_dims)
    throw ShapeError("from_dlpack: " + std::to_string(t.ndim) + " dimensions; at most " +
                     std::to_string(max_dims));
  if (t.ndim && !t.shape) throw ShapeError("from_dlpack: no shape");
  const Shape sizes(t.shape, t.shape + t.ndim);
  const Shape strides =
      t.strides ? Shape(t.strides, t.strides + t.ndim) : contiguous_strides(sizes);
  char* first = t.data ? static_cast<char*>(t.data) + t.byte_offset : nullptr;
  return from_blob(first, sizes, strides, dtype, [m](void*) {
    if (m->deleter) m->deleter(m);
  });
}

}  // namespace regrad
