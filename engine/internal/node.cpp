#include <regrad/engine/internal/node.h>
#include <regrad/engine/ops/op.h>

#include <mutex>

namespace regrad::detail {

Counted* counted(Node* n) { return n; }

Node* new_node() {
  const NodeMemory m = new_node_memory();
  Node* n = new (m.memory) Node;
  n->owner = m.owner;
  return n;
}

void release_data(Node* n) noexcept {
  if (n->storage.load(std::memory_order_relaxed)) {
    if (Storage* s = n->storage.exchange(nullptr, std::memory_order_acq_rel)) drop(s);
  }
  if (n->aux.load(std::memory_order_relaxed)) {
    if (Storage* s = n->aux.exchange(nullptr, std::memory_order_acq_rel)) drop(s);
  }
}

void forget_inputs(Node* n) noexcept {
  if (n->n_in > 3) ::operator delete(static_cast<void*>(n->many_));
  n->n_in = 0;
}

uint64_t edge_units(const Node* n, int i) {
  if (n->in(i).node()->again) return edge_unit;
  const bool kept = n->again || n->op->keep & (i < 2 ? 1 << i : keep_2);
  return kept ? edge_unit | data_unit : edge_unit;
}

void release_edges(Node* n) noexcept {
  for (int i = 0; i < n->n_in; ++i) {
    // A sweep that freed the graph has given the data units back already.
    drop(counted(n->in(i).node()), n->freed ? edge_unit : edge_units(n, i));
  }
  forget_inputs(n);
}

namespace {

// Data of `again` nodes may come back while another thread drops them: both take turns.
std::mutex& guard_of(const Node* n) {
  static std::mutex guards[64];
  return guards[reinterpret_cast<size_t>(n) / sizeof(Node) % 64];
}
void release_unread(Node* n) noexcept {
  const std::lock_guard turn(guard_of(n));
  if (n->users.load(std::memory_order_acquire) < data_unit) release_data(n);
}

// Nodes whose count fell to zero while another one was being destroyed: a stack, so that graphs of
// any depth need no recursion.
thread_local Node* doomed = nullptr;
thread_local bool destroying = false;

void destroy(Node* n) noexcept {
  const NodeMemory memory{n, n->owner};
  release_data(n);
  release_edges(n);
  n->~Node();
  free_node_memory(memory);
}

}  // namespace

bool gone(const Node* n) {
  if (!n->again || n->freed) return false;
  const std::lock_guard turn(guard_of(n));
  return !n->storage.load(std::memory_order_acquire);
}

void last_gone(Counted* c, uint64_t left) noexcept {
  Node* n = node_of(c);
  if (left) {
    if (n->again) {
      release_unread(n);
    } else if (!n->keeps_y) {
      release_data(n);
    }
    return;
  }
  if (destroying) {
    // first: a foreign buffer's deleter may drop tensors itself
    release_data(n);
    // nobody reads it any more: the link of the stack
    n->offset = reinterpret_cast<int64_t>(doomed);
    doomed = n;
    return;
  }
  destroying = true;
  destroy(n);
  while (Node* next = doomed) {
    doomed = reinterpret_cast<Node*>(next->offset);
    destroy(next);
  }
  destroying = false;
}

}  // namespace regrad::detail
