// Where every byte of the engine's tensors comes from: free lists by size class, one set per
// thread, over aligned blocks of the system.
// A block goes back to the thread that took it from the system, so that tensors may be made on one
// thread and die on another for ever.
// Internal to the engine.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <regrad/engine/error.h>

namespace regrad::detail {

struct Pool;

// A counted buffer. Blocks from the free lists carry this header in front of their data.
struct alignas(64) Storage {
  std::atomic<int32_t> users{1};
  int32_t size_class = -1;  // -1: foreign memory
  int64_t bytes = 0;        // usable bytes
  void* data = nullptr;
  Pool* owner = nullptr;
  void (*deleter)(void*) = nullptr;  // foreign memory only: called with context
  void* context = nullptr;
};

Storage* new_storage(int64_t bytes);  // OutOfMemory
void free_storage(Storage* s) noexcept;

inline void hold(Storage* s) { s->users.fetch_add(1, std::memory_order_relaxed); }
inline void drop(Storage* s) noexcept {
  if (s->users.load(std::memory_order_acquire) == 1 ||
      s->users.fetch_sub(1, std::memory_order_acq_rel) == 1)
    free_storage(s);
}

// A block of memory for the length of a call.
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : s_(new_storage(bytes)) {}
  ~Scratch() { drop(s_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(s_->data);
  }

 private:
  Storage* s_;
};

// Memory for a node; `owner` comes back with it.
struct NodeMemory {
  void* memory;
  Pool* owner;
};
NodeMemory new_node_memory();  // OutOfMemory
void free_node_memory(NodeMemory m) noexcept;

}  // namespace regrad::detail
