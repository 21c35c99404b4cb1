// Evaluating a row: shape rule, memory, kernel, record.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/profiling.h>
#include <regrad/engine/ops/op.h>

#include <cmath>

namespace regrad {
namespace detail {

thread_local constinit Mode mode;

namespace {

int64_t bytes_of(const Shape& shape, DType t) {
  int64_t bytes;
  if (__builtin_mul_overflow(shape.numel(), int64_t{item_size(t)}, &bytes))
    throw OutOfMemory("out of memory: a tensor of shape " + str(shape));
  return bytes;
}

// A dense layout has no gaps and no repeats: some order of its dims is row-major.
bool is_dense(const Shape& shape, const Shape& strides) {
  int64_t expected = 1;
  unsigned left = 0;
  for (int i = 0; i < shape.size(); ++i)
    if (shape[i] != 1) left |= 1u << i;
  while (left) {
    int found = -1;
    for (int i = shape.size() - 1; i >= 0 && found < 0; --i)
      if ((left >> i & 1) && strides[i] == expected) found = i;
    if (found < 0) return false;
    left &= ~(1u << found);
    expected *= shape[found];
  }
  return true;
}

// Whether input i's buffer may become the output: the caller gave its only handle away, nobody else
// holds node or storage, and no row needs the value.
bool reusable(const Node* y, int i, bool recording) {
  const Node* x = y->in(i).node();
  if (x->users.load(std::memory_order_acquire) != handle_unit || x->keeps_y || x->dtype != y->dtype)
    return false;
  if (recording && (edge_units(y, i) & data_unit)) return false;
  const Storage* s = x->storage.load(std::memory_order_relaxed);
  return s && s->size_class >= 0 && s->users.load(std::memory_order_acquire) == 1 &&
         x->shape == y->shape && is_dense(x->shape, x->strides);
}

void place_elementwise(Node* y, unsigned given, bool recording) {
  const int n = y->n_in;
  const Node* like = nullptr;
  for (int i = 0; i < n; ++i) {
    const Node* x = y->in(i).node();
    if (given >> i & 1 && reusable(y, i, recording)) {
      Storage* s = x->storage.load(std::memory_order_relaxed);
      hold(s);
      y->storage.store(s, std::memory_order_relaxed);
      y->strides = x->strides;
      y->offset = x->offset;
      return;
    }
    if (!like && x->shape == y->shape && is_dense(x->shape, x->strides)) like = x;
  }
  y->strides = like ? like->strides : contiguous_strides(y->shape);
  y->storage.store(new_storage(bytes_of(y->shape, y->dtype)), std::memory_order_relaxed);
}

void place(Node* y, unsigned given, bool recording) {
  switch (y->op->layout) {
    case Layout::view: {
      Storage* s = y->in(0).node()->storage.load(std::memory_order_relaxed);
      hold(s);
      y->storage.store(s, std::memory_order_relaxed);
      break;
    }
    case Layout::fresh:
      y->strides = contiguous_strides(y->shape);
      y->storage.store(new_storage(bytes_of(y->shape, y->dtype)), std::memory_order_relaxed);
      break;
    case Layout::channels_last:
      y->strides = channels_last_strides(y->shape);
      y->storage.store(new_storage(bytes_of(y->shape, y->dtype)), std::memory_order_relaxed);
      break;
    case Layout::elementwise: place_elementwise(y, given, recording); break;
  }
}

// Frees a node that never came to life.
struct Unborn {
  Node* n;
  ~Unborn() {
    if (!n) return;
    forget_inputs(n);
    n->op = nullptr;
    drop(counted(n));
  }
};

// revived: handles of what was computed again for this call.
void borrow_inputs(Node* y, const Tensor* const* in, int n, const Op& op,
                   std::vector<Tensor>& revived) {
  if (n > 3)
    y->many_ = static_cast<Tensor*>(::operator new(static_cast<size_t>(n) * sizeof(Tensor)));
  Tensor* slots = n > 3 ? y->many_ : y->in_;
  y->n_in = n;
  for (int i = 0; i < n; ++i) new (slots + i) Tensor(Tensor::adopt(in[i]->node()));  // not counted
  for (int i = 0; i < n; ++i) {
    if (!in[i]->defined()) undefined_tensor(op.name, i);
    if (gone(in[i]->node())) revive(in[i]->node(), revived);
    if (!in[i]->node()->storage.load(std::memory_order_relaxed)) {
      throw Error(std::string(op.name) + ": the data of argument " + std::to_string(i) +
                  " was freed (a row that reads it does not keep it)");
    }
  }
}

bool wants_gradient(const Node* y) {
  if (!mode.grad || !is_floating(y->dtype)) return false;
  for (int i = 0; i < y->n_in; ++i)
    if (y->in(i).node()->requires_grad) return true;
  return false;
}

void record(Node* y) {
  y->requires_grad = true;
  y->keeps_y = y->op->keep & keep_y && !y->again;
  y->order = mode.order;
  for (int i = 0; i < y->n_in; ++i) {
    Node* x = y->in(i).node();
    hold(counted(x), edge_units(y, i));
    if (x->order > y->order) y->order = x->order;
  }
}

std::string parents(const Node* y) {
  std::string out;
  for (int i = 0; i < y->n_in; ++i) {
    const Node* x = y->in(i).node();
    out += (i ? ", " : "") + str(x->shape) + " from " + (x->op ? x->op->name : "a leaf");
  }
  return out;
}

// Outputs of kernels are dense: their elements lie one after the other, in some order.
template <class T>
int64_t first_bad(const Node* y) {
  const T* p = y->ptr<T>();
  const int64_t n = y->shape.numel();
  for (int64_t i = 0; i < n; ++i)
    if (!std::isfinite(p[i])) return i;
  return -1;
}

void check_finite(const Node* y) {
  if (!is_floating(y->dtype) || y->op->layout == Layout::view) return;
  const int64_t at = y->dtype == DType::f32 ? first_bad<float>(y) : first_bad<double>(y);
  if (at < 0) return;
  const double bad = y->dtype == DType::f32 ? y->ptr<float>()[at] : y->ptr<double>()[at];
  throw NumericError("detect_anomaly: '" + std::string(y->op->name) + "' gave " + decimal(bad) +
                     " at order " + std::to_string(mode.order) +
                     (mode.order ? " (while differentiating)" : " (forward)") + ", element " +
                     std::to_string(at) + " of " + str(y->shape) + "; its inputs: " + parents(y));
}

}  // namespace
}  // namespace detail

void Call::need_kept(const Tensor& t) const {
  if (!t.node()->storage.load(std::memory_order_relaxed))
    throw Error(std::string(n_->op->name) +
                ": data that its gradient reads was freed (the row does not keep it)");
}

Tensor declared_zero(const Call&) { return {}; }

namespace detail {
namespace {

Tensor evaluate(const Op& op, const Tensor* const* in, int n, const void* attrs, int attr_bytes,
                unsigned given) {
  const bool profiled = profiling.load(std::memory_order_relaxed);
  const int64_t start = profiled ? profile_start(op) : 0;
  std::vector<Tensor> revived;
  Node* y = new_node();
  Unborn guard{y};
  y->op = &op;
  borrow_inputs(y, in, n, op, revived);
  if (attr_bytes) std::memcpy(y->attrs, attrs, static_cast<size_t>(attr_bytes));
  const Call call(y);
  op.infer(call);
  const bool recording = wants_gradient(y);
  y->again = recording && mode.recompute;
  y->bf16 = mode.bf16;
  place(y, y->again ? 0 : given, recording);  // layouts that come again take no given buffer
  if (op.forward) op.forward(call);
  if (mode.anomaly) check_finite(y);
  if (profiled) profile_op(op, y, start);
  if (recording) {
    record(y);
  } else {
    y->op = nullptr;
    forget_inputs(y);
  }
  guard.n = nullptr;
  return Tensor::adopt(y);
}

// Gives buffers to n, unless another thread was first.
void adopt(Node* n, Node* made) {
  for (auto part : {&Node::aux, &Node::storage}) {  // who sees storage finds aux
    Storage *own = (made->*part).load(std::memory_order_relaxed), *none = nullptr;
    if (own && (n->*part).compare_exchange_strong(none, own, std::memory_order_acq_rel))
      (made->*part).store(nullptr, std::memory_order_relaxed);
  }
}

// As when n was recorded; its values were looked at then.
struct Recording {
  Mode before = mode;
  explicit Recording(const Node* n) {
    mode.grad = true, mode.recompute = mode.anomaly = false, mode.bf16 = n->bf16;
  }
  ~Recording() { mode = before; }
};

// The row of n once more. Its inputs' data are there.
void evaluate_again(Node* n) {
  const Recording as(n);
  const bool profiled = profiling.load(std::memory_order_relaxed);
  const int64_t start = profiled ? profile_start(*n->op) : 0;
  std::vector<const Tensor*> in;
  std::vector<Tensor> none;
  for (int i = 0; i < n->n_in; ++i) in.push_back(&n->in(i));
  Node* y = new_node();
  const Unborn guard{y};  // it never comes to life: only its buffers do
  y->op = n->op;
  borrow_inputs(y, in.data(), n->n_in, *n->op, none);
  std::memcpy(y->attrs, n->attrs, attr_room);
  const Call call(y);
  n->op->infer(call);
  place(y, 0, false);
  if (n->op->forward) n->op->forward(call);
  if (profiled) profile_op(*n->op, y, start);
  adopt(n, y);
}

}  // namespace

void revive(Node* n, std::vector<Tensor>& held) {
  std::vector<Node*> stack{n};
  held.push_back(*Borrowed(n));
  while (!stack.empty()) {
    Node* top = stack.back();
    const size_t deep = stack.size();
    for (int i = 0; i < top->n_in && gone(top); ++i) {
      Node* in = top->in(i).node();
      if (!in->again) continue;
      held.push_back(*Borrowed(in));  // before its data, so that nobody drops them
      if (gone(in)) stack.push_back(in);
    }
    if (stack.size() > deep) continue;
    if (gone(top)) evaluate_again(top);
    stack.pop_back();
  }
}

}  // namespace detail

Tensor apply(const Op& op, const Tensor* const* in, int n, const void* attrs, int attr_bytes,
             unsigned given) {
  return typed_memory([&] { return detail::evaluate(op, in, n, attrs, attr_bytes, given); });
}

}  // namespace regrad
