// Tensors over memory that is not the engine's.
#include <regrad/engine/internal/node.h>

#include <memory>

namespace regrad {
namespace {

struct Foreign {
  void* data;
  std::function<void(void*)> deleter;
};

void release(void* context) {
  const std::unique_ptr<Foreign> f(static_cast<Foreign*>(context));
  if (f->deleter) f->deleter(f->data);
}

[[noreturn]] void too_far(const Shape& sizes, const Shape& strides) {
  throw ShapeError("from_blob: sizes " + str(sizes) + " with strides " + str(strides) +
                   " reach beyond 63 bits");
}

// The strides as the engine takes them: a dim of one element or none is never walked, whatever
// others write there.
Shape checked_strides(const void* data, const Shape& sizes, const Shape& strides, DType t) {
  if (sizes.size() != strides.size())
    throw ShapeError("from_blob: " + str(sizes) + " are sizes, " + str(strides) +
                     " strides; give as many");
  // ShapeError at negative sizes and at more elements than 63 bits count
  Shape out = contiguous_strides(sizes);
  if (sizes.numel() == 0) return out;
  int64_t last = 0;  // offset of the last element
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 1) continue;
    int64_t reach;
    if (strides[d] < 0)
      throw ShapeError("from_blob: strides " + str(strides) + ": none can be negative");
    if (__builtin_mul_overflow(sizes[d], strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      too_far(sizes, strides);
    out[d] = strides[d];
  }
  if (__builtin_mul_overflow(last, int64_t{item_size(t)}, &last)) too_far(sizes, strides);
  if (!data) throw ShapeError("from_blob: a null pointer for shape " + str(sizes));
  if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(item_size(t)))
    throw DTypeError(std::string("from_blob: the address is no multiple of the size of ") +
                     name(t) + ", " + std::to_string(item_size(t)));
  return out;
}

}  // namespace

Tensor from_blob(void* data, const Shape& sizes, const Shape& strides, DType t,
                 std::function<void(void*)> deleter) {
  using namespace detail;
  const Shape steps = checked_strides(data, sizes, strides, t);
  Node* n = new_node();
  Tensor out = Tensor::adopt(n);
  typed_memory([&] {
    auto context = std::make_unique<Foreign>(Foreign{data, std::move(deleter)});
    auto s = std::make_unique<Storage>();
    s->data = data;
    s->deleter = release;
    s->context = context.release();
    n->storage.store(s.release(), std::memory_order_relaxed);
  });
  n->shape = sizes;
  n->strides = steps;
  n->dtype = t;
  return out;
}

Tensor from_blob(void* data, const Shape& sizes, DType t, std::function<void(void*)> deleter) {
  return from_blob(data, sizes, contiguous_strides(sizes), t, std::move(deleter));
}

}  // namespace regrad
