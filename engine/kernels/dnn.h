// oneDNN's engine and each thread's stream.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace regrad::kernels {

inline const dnnl::engine& engine() {
  // never destroyed: plans may outlive static objects
  static const auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *e;
}
inline dnnl::stream& stream() {
  static thread_local dnnl::stream s(engine());
  return s;
}

}  // namespace regrad::kernels
