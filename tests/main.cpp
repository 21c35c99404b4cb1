#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

// Sanitizers: an allocation that is too large fails, as malloc does, and does not end the process;
// OutOfMemory is tested.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

// OpenBLAS lends its packing buffers under a spin lock in inline assembly, which the thread
// sanitizer does not see; its Haswell kernels fill them by memcpy, which it does.
extern "C" const char* __tsan_default_suppressions() { return "race:libopenblas\n"; }
