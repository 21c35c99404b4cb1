// The node behind a Tensor. Internal to the engine.
#pragma once

#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include <regrad/engine/internal/memory.h>
#include <regrad/engine/tensor.h>

namespace regrad {

struct Op;

namespace detail {

inline constexpr int attr_room = 72;  // a Shape fits

struct Node : Counted {
  // the row that made it, where it is recorded; null for leaves and for values without a graph
  const Op* op = nullptr;
  std::atomic<Storage*> storage{nullptr};
  std::atomic<Storage*> aux{nullptr};  // one more buffer for the row's first-order kernel
  int64_t offset = 0;                  // of the first element, in elements
  Pool* owner = nullptr;               // of this node's memory
  DType dtype = DType::f32;
  bool requires_grad = false;
  bool freed = false;    // a sweep freed what it kept
  bool keeps_y = false;  // its own row needs its value: data lives as long as the node
  // its edges keep all inputs, and none keeps its data, which die with the last handle: a sweep
  // computes them again (Recompute)
  bool again = false;
  // 0: of a forward pass; k: made while differentiating nodes of order k - 1, or from such nodes
  uint8_t order = 0;
  bool bf16 = false;  // the mode's when it was made, for `again`
  int32_t n_in = 0;
  Shape shape, strides;
  // Inputs: edges, counted by hand (an edge is no handle). Up to three inline, else an array of
  // their own.
  union {
    Tensor in_[3];
    Tensor* many_;
  };
  alignas(8) std::byte attrs[attr_room];

  Node() {}
  ~Node() {}

  const Tensor* in() const { return n_in <= 3 ? in_ : many_; }
  const Tensor& in(int i) const { return in()[i]; }
  template <class T>
  T* ptr() const {
    return static_cast<T*>(storage.load(std::memory_order_relaxed)->data) + offset;
  }
  void* raw() const {
    return static_cast<char*>(storage.load(std::memory_order_relaxed)->data) +
           offset * item_size(dtype);
  }
};

inline Node* node_of(Counted* c) { return static_cast<Node*>(c); }

// What a recorded node's edge to input i counts for: whether that input's data are kept.
uint64_t edge_units(const Node* n, int i);

Node* new_node();                      // one handle, no storage
void forget_inputs(Node* n) noexcept;  // before edges are counted: drops the borrowed pointers
void release_edges(Node* n) noexcept;  // drops counted edges and what they keep
void release_data(Node* n) noexcept;   // storage and aux

// Of an `again` node: whether its data are gone though they can be had again. Whoever asks holds a
// handle, so that another thread, which may be dropping them, has done so or does not.
bool gone(const Node* n);
// Computes the data of a node again, and of those `again` nodes above it that this takes, where
// they are gone. `held` gets a handle of each: the data live as long. Bits are those of before.
void revive(Node* n, std::vector<Tensor>& held);

// A node seen as a Tensor without counting a handle.
class Borrowed {
 public:
  explicit Borrowed(Node* n) { new (&t_) Tensor(Tensor::adopt(n)); }
  ~Borrowed() {}
  Borrowed(const Borrowed&) = delete;
  const Tensor& operator*() const { return t_; }

 private:
  union {
    Tensor t_;
  };
};

// A fresh contiguous tensor of uninitialized elements.
Tensor empty(const Shape& sizes, DType t);
// strides: dense, in any order
Tensor empty_strided(const Shape& sizes, const Shape& strides, DType t);

class Called;

// What a thread is doing; tasks of the pool inherit their caller's.
struct Mode {
  bool grad = true;                // record
  bool recompute = false;          // what is recorded is computed again backward
  bool anomaly = false;            // look at every value
  uint8_t order = 0;               // order of the nodes made now: 1 + that of the graph being swept
  bool bf16 = false;               // convolutions of f32 multiply in bf16
  const Called* called = nullptr;  // the public function that this thread is in (called.h)
};
extern thread_local constinit Mode mode;

// profile.cpp: whether a Profile lives, its clock in ns, and the report of one op.
extern std::atomic<bool> profiling;
int64_t profile_clock();
void profile_op(const Op& op, const Node* y, int64_t start);

}  // namespace detail
}  // namespace regrad
