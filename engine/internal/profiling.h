// What the engine reports to a Profile while one lives. Internal to the engine.
#pragma once

#include <regrad/engine/internal/node.h>

namespace regrad::detail {

// The clock in ns; until it ends, blocks that run on other threads are this op's.
int64_t profile_start(const Op& op);
// The op that the calling thread is in; null outside all.
const Op* profiled_op();
// Blocks of one call of parallel_for that the calling thread, a worker, has run since `start`.
void profile_blocks(const Op* op, int64_t start, int64_t blocks);

}  // namespace regrad::detail
