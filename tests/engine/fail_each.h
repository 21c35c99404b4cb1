// Every allocation of a call failed once (alloc_hook.h): OutOfMemory each time, nothing left over,
// and the next call works.
#pragma once

#include <doctest/doctest.h>

#include <regrad/engine/tensor.h>

#include <functional>

#include "alloc_hook.h"

namespace regrad::test {

// How many allocations of f() there are; each was failed, and all after it. after: what must hold
// each time besides.
inline int64_t fail_each(
    const std::function<void()>& f, const std::function<void()>& after = [] {}) {
  f();
  empty_cache();
  const MemoryStats before = memory_stats();
  int64_t k = 1;
  for (bool failed = true; failed; ++k) {
    CAPTURE(k);
    empty_cache();
    bool typed = true;
    {
      const FailAllocation fail(k, true);
      try {
        f();
      } catch (const OutOfMemory&) {
      } catch (...) {
        typed = false;
      }
      failed = FailAllocation::failed() > 0;
    }
    REQUIRE(typed);
    REQUIRE(memory_stats().live_nodes == before.live_nodes);
    REQUIRE(memory_stats().live_bytes == before.live_bytes);
    after();
  }
  f();
  return k;
}

}  // namespace regrad::test
