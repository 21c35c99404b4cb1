// All parallelism of regrad: work cut into blocks, run by a pool of its own.
//
//   parallel_for(blocks, [&](int64_t b) { partial[b] = sum_of(b); });
//       // then add partial[0], partial[1], ... in that order
//
// The same bits for any thread count: callers take the block sizes from shapes only and add partial
// results in a fixed order. Which thread runs which block is left open. Inside a block, and while
// another caller has the pool, parallel_for runs its blocks inline on the calling thread. A child
// of fork() has workers of its own; do not fork inside a block.
#pragma once

#include <cstdint>
#include <type_traits>

namespace regrad {

// Threads that take part, the caller included. Default: the processors this process may use.
// ConfigError below 1.
int num_threads();
void set_num_threads(int n);

namespace detail {
void run_blocks(int64_t blocks, void (*run)(void*, int64_t), void* context);
}

// Calls f(b) once for each b in [0, blocks). The first exception (by block number) is thrown to the
// caller after all blocks have ended.
// Grad mode and anomaly mode of the caller hold inside.
template <class F>
void parallel_for(int64_t blocks, F&& f) {
  if (blocks == 1) return f(int64_t{0});
  detail::run_blocks(
      blocks,
      [](void* context, int64_t b) { (*static_cast<std::remove_reference_t<F>*>(context))(b); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace regrad
