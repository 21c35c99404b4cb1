// Which table: the best one that this CPU can run, or the one that the environment's REGRAD_ISA
// names.
#include <cstdlib>
#include <string>

#include "../error.h"
#include "kernels.h"

namespace regrad::kernels {

namespace baseline {
void fill(Table& t);
}
#if defined(REGRAD_KERNELS_X86)
namespace avx2 {
void fill(Table& t);
}
namespace avx512 {
void fill(Table& t);
}
#endif

namespace {

struct Isa {
  const char* name;
  void (*fill)(Table& t);
  bool here;  // this CPU has it
};

Table choose() {
#if defined(REGRAD_KERNELS_X86)
  __builtin_cpu_init();  // a static constructor may come before the runtime has looked
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("bmi2");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const Isa all[] = {{"avx512", avx512::fill, has_avx512},
                     {"avx2", avx2::fill, has_avx2},
                     {"baseline", baseline::fill, true}};
#else
  const Isa all[] = {{"baseline", baseline::fill, true}};
#endif
  const char* asked = std::getenv("REGRAD_ISA");
  const bool pinned = asked != nullptr && *asked != '\0';
  std::string present;
  for (const Isa& isa : all) {
    if (!isa.here) continue;
    if (!pinned || std::string(asked) == isa.name) {
      Table t{};
      isa.fill(t);
      return t;
    }
    present += (present.empty() ? "" : ", ") + std::string(isa.name);
  }
  throw ConfigError("REGRAD_ISA=" + std::string(asked) +
                    ": not an instruction set that this build and this CPU have; they have " +
                    present + ". Set one of these, or unset REGRAD_ISA to take the best");
}

}  // namespace

const Table& table() {
  static const Table chosen = choose();
  return chosen;
}

}  // namespace regrad::kernels
