#include <regrad/engine/internal/fork.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/internal/node.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace regrad::detail {
namespace {

// Size classes: 64-byte steps to 512, then four a doubling. A block is at most 25% larger than
// asked for.
constexpr int class_count = 200;

int size_class(int64_t bytes) {
  if (bytes <= 512) return static_cast<int>((std::max<int64_t>(bytes, 1) - 1) / 64);
  const int top = std::bit_width(static_cast<uint64_t>(bytes - 1)) - 1;  // 2^top <= bytes - 1
  return 8 + (top - 9) * 4 + static_cast<int>(((bytes - 1) >> (top - 2)) & 3);
}

int64_t class_bytes(int c) {
  if (c < 8) return (c + 1) * 64;
  const int top = (c - 8) / 4 + 9;
  return (int64_t{1} << top) + (((c - 8) % 4 + 1) * (int64_t{1} << (top - 2)));
}

// Blocks that are allocated with an eye on what lies free elsewhere, and that lie in huge pages
// where the system has them.
constexpr int64_t large = int64_t{1} << 20;

// Fewer page faults, fewer misses of the address cache. A hint, for whole huge pages of ours alone.
void ask_for_huge_pages([[maybe_unused]] void* from, [[maybe_unused]] int64_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr uintptr_t huge = uintptr_t{1} << 21;
  const auto at = reinterpret_cast<uintptr_t>(from);
  const uintptr_t first = (at + huge - 1) / huge * huge,
                  last = (at + static_cast<uintptr_t>(bytes)) / huge * huge;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

constexpr int64_t node_bytes = (sizeof(Node) + 63) / 64 * 64;
constexpr int64_t header = sizeof(Storage);

struct FreeBlock {
  FreeBlock* next;
};

// Written by one thread at a time, read by memory_stats() from any.
struct Counter {
  std::atomic<int64_t> value{0};
  void add(int64_t d) {
    value.store(value.load(std::memory_order_relaxed) + d, std::memory_order_relaxed);
  }
  int64_t get() const { return value.load(std::memory_order_relaxed); }
};

// A thread adds its changes to the totals when they pass `slack` bytes, so that the hot path
// touches no shared line.
constexpr int64_t slack = 64 << 10;
std::atomic<int64_t> total_live{0}, total_peak{0}, total_reserved{0};

void raise_peak(int64_t live) {
  int64_t peak = total_peak.load(std::memory_order_relaxed);
  while (live > peak && !total_peak.compare_exchange_weak(peak, live, std::memory_order_relaxed)) {
  }
}

}  // namespace

// One thread's free lists. Never destroyed: when its thread ends, the next new thread takes it
// over.
struct Pool {
  Storage* blocks[class_count] = {};
  FreeBlock* nodes = nullptr;
  std::atomic<Storage*> blocks_back{nullptr};  // freed by other threads
  std::atomic<FreeBlock*> nodes_back{nullptr};
  Counter live, live_nodes, reported;  // reported: the part of live that total_live has seen
  bool idle = false;

  void count(int64_t bytes) {
    live.add(bytes);
    const int64_t unseen = live.get() - reported.get();
    if (unseen > slack || unseen < -slack) {
      reported.add(unseen);
      raise_peak(total_live.fetch_add(unseen, std::memory_order_relaxed) + unseen);
    }
  }
  static Storage*& next(Storage* s) { return reinterpret_cast<Storage*&>(s->context); }
  void put(Storage* s) {
    next(s) = blocks[s->size_class];
    blocks[s->size_class] = s;
  }
  void collect() {
    for (Storage* s = blocks_back.exchange(nullptr, std::memory_order_acquire); s;)
      put(std::exchange(s, next(s)));
    for (FreeBlock* b = nodes_back.exchange(nullptr, std::memory_order_acquire); b;) {
      FreeBlock* after = b->next;
      b->next = std::exchange(nodes, b);
      b = after;
    }
  }
  void trim() noexcept {
    collect();
    int64_t freed = 0;
    for (int c = 0; c < class_count; ++c) {
      while (Storage* s = blocks[c]) {
        blocks[c] = next(s);
        freed += class_bytes(c);
        std::free(s);
      }
    }
    while (FreeBlock* b = nodes) {
      nodes = b->next;
      std::free(b);
    }
    total_reserved.fetch_sub(freed, std::memory_order_relaxed);
  }
};

namespace {

struct Registry {
  std::mutex mutex;
  // counts, under the mutex, for threads that free but find no memory for a pool of their own
  Pool orphan;
  std::vector<Pool*> pools{&orphan};
};
Registry& registry() {
  static auto* r = new Registry;  // never destroyed: threads may end after static destructors
  return *r;
}
[[maybe_unused]] const Registry& made_before_main = registry();  // so that no fork cuts its making

thread_local Pool* current = nullptr;

// Gives the pool to the next thread when this one ends.
struct Lease {
  Pool* pool = nullptr;
  ~Lease() {
    if (!pool) return;
    pool->trim();
    const NoFork uncut;
    std::lock_guard lock(registry().mutex);
    pool->idle = true;
    current = nullptr;
  }
};
thread_local Lease lease;

[[gnu::noinline]] Pool* lease_pool() {
  Registry& r = registry();
  const NoFork uncut;
  std::lock_guard lock(r.mutex);
  Pool* p = nullptr;
  for (Pool* q : r.pools)
    if (q->idle) p = q;
  if (!p) {
    r.pools.reserve(r.pools.size() + 1);
    r.pools.push_back(p = new Pool);
  }
  p->idle = false;
  lease.pool = p;
  return current = p;
}

Pool* pool() { return current ? current : typed_memory(lease_pool); }

// Null where there is no memory for one: freeing must not fail.
Pool* pool_or_none() noexcept {
  try {
    return pool();
  } catch (const OutOfMemory&) {
    return nullptr;
  }
}

const OutOfMemory no_words("out of memory");  // made while there is memory: copying it takes none

void* system_allocate(Pool* p, int64_t bytes) {
  if (void* m = std::aligned_alloc(64, static_cast<size_t>(bytes))) return m;
  p->trim();
  if (void* m = std::aligned_alloc(64, static_cast<size_t>(bytes))) return m;
  throw_out_of_memory(bytes);
}

template <class Block>
void push_back(std::atomic<Block*>& list, Block* b, Block*& next) {
  next = list.load(std::memory_order_relaxed);
  while (
      !list.compare_exchange_weak(next, b, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

}  // namespace

void throw_out_of_memory(int64_t bytes) {
  std::string words;
  try {
    words = "out of memory: " + (bytes ? std::to_string(bytes) + " bytes asked for, " : "") +
            std::to_string(memory_stats().live_bytes) + " held by tensors";
  } catch (const std::bad_alloc&) {
    throw no_words;
  }
  throw OutOfMemory(words);
}

Storage* new_storage(int64_t bytes) {
  if (bytes > (int64_t{1} << 52))
    throw OutOfMemory("out of memory: a tensor of " + std::to_string(bytes) + " bytes");
  const int c = size_class(bytes);
  const int64_t room = class_bytes(c);
  Pool* p = pool();
  if (!p->blocks[c]) p->collect();
  void* memory = p->blocks[c];
  if (memory) {
    p->blocks[c] = Pool::next(p->blocks[c]);
  } else {
    // What lies free in other classes makes the whole at most an eighth larger than the peak of
    // what was alive. (Without that eighth a training step gives back, and allocates again, the
    // sizes that only its forward or only its backward pass has.)
    const int64_t peak = total_peak.load(std::memory_order_relaxed);
    if (room >= large && total_reserved.load(std::memory_order_relaxed) + room > peak + peak / 8)
      p->trim();
    memory = system_allocate(p, header + room);
    if (room >= large) ask_for_huge_pages(memory, header + room);
    total_reserved.fetch_add(room, std::memory_order_relaxed);
  }
  p->count(room);
  auto* s = new (memory) Storage;
  s->size_class = c;
  s->bytes = room;
  s->data = static_cast<char*>(memory) + header;
  s->owner = p;
  return s;
}

void free_storage(Storage* s) noexcept {
  if (s->size_class < 0) {
    if (s->deleter) s->deleter(s->context);
    delete s;
    return;
  }
  Pool* p = pool_or_none();
  if (p) {
    p->count(-s->bytes);
  } else {
    const NoFork uncut;
    std::lock_guard lock(registry().mutex);
    registry().orphan.count(-s->bytes);
  }
  if (s->owner == p) {
    p->put(s);
  } else {
    push_back(s->owner->blocks_back, s, Pool::next(s));
  }
}

NodeMemory new_node_memory() {
  Pool* p = pool();
  if (!p->nodes) p->collect();
  void* memory = p->nodes;
  if (memory) {
    p->nodes = p->nodes->next;
  } else {
    memory = system_allocate(p, node_bytes);
  }
  p->live_nodes.add(1);
  return {memory, p};
}

void free_node_memory(NodeMemory m) noexcept {
  Pool* p = pool_or_none();
  if (p) {
    p->live_nodes.add(-1);
  } else {
    const NoFork uncut;
    std::lock_guard lock(registry().mutex);
    registry().orphan.live_nodes.add(-1);
  }
  auto* b = static_cast<FreeBlock*>(m.memory);
  if (m.owner == p) {
    b->next = std::exchange(p->nodes, b);
  } else {
    push_back(m.owner->nodes_back, b, b->next);
  }
}

}  // namespace regrad::detail

namespace regrad {

MemoryStats memory_stats() {
  auto& r = detail::registry();
  const detail::NoFork uncut;
  std::lock_guard lock(r.mutex);
  MemoryStats m{0, 0, 0, 0};
  for (const detail::Pool* p : r.pools) {
    m.live_bytes += p->live.get();
    m.live_nodes += p->live_nodes.get();
  }
  detail::raise_peak(m.live_bytes);
  m.peak_bytes = detail::total_peak.load();
  m.cached_bytes = detail::total_reserved.load() - m.live_bytes;
  return m;
}

void empty_cache() { detail::pool()->trim(); }

}  // namespace regrad
