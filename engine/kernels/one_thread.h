// OpenBLAS on the calling thread alone, for as long as one lives. The number of OpenMP threads is a
// setting of the calling thread; it is put back.
#pragma once

// OpenMP's own, as omp.h has them; clang 14 comes without that header.
extern "C" int omp_get_max_threads() noexcept;
extern "C" void omp_set_num_threads(int) noexcept;

namespace regrad::kernels {

struct OneThread {
  int before = omp_get_max_threads();
  OneThread() {
    if (before != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before != 1) omp_set_num_threads(before);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
};

}  // namespace regrad::kernels
