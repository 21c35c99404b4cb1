#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "skipped.h"

// Sanitizers: an allocation that is too large fails, as malloc does, and does not end the process;
// OutOfMemory is tested.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

// OpenBLAS lends its packing buffers under a spin lock in inline assembly, which the thread
// sanitizer does not see; its Haswell kernels fill them by memcpy, which it does.
extern "C" const char* __tsan_default_suppressions() { return "race:libopenblas\n"; }

// 77 where all that ran is good, but something could not run.
int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int code = context.run();
  return code == 0 && regrad::test::skipped() > 0 ? 77 : code;
}
