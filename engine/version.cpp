#include <regrad/engine/kernels/blas.h>
#include <regrad/engine/kernels/conv.h>
#include <regrad/engine/kernels/int8.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/version.h>

namespace regrad {

const char* version() { return REGRAD_VERSION; }

std::string version_text() {
  return std::string("regrad ") + version() + ", kernels for " + kernels::table().name + "\n" +
         kernels::blas_description() + ", " +
         (kernels::blas_is_openmp() ? "OpenMP build"
                                    : "not the OpenMP build: bits may depend on threads") +
         "\n" + kernels::dnn_description() + ", " + kernels::int8_description() + "\n";
}

}  // namespace regrad
