// Ops of nets over spectrograms [N,C,F,T] (batch, channels, frequencies, frames), each one pass
// over memory forward and two back at first order, every higher order by plain ops. f32 or f64;
// ShapeError and DTypeError as in ops.h.
#pragma once

#include <regrad/engine/functional.h>

namespace regrad {

// lambda x + IFN(x), IFN(x) = (x - mean) / sqrt(var + eps), mean and var (divided by C T) of each
// (n, f) over channels and frames (Kim et al. 2021, arXiv 2206.13909: residual normalization).
// lambda 0: IFN alone. eps > 0. ShapeError: not four dims, or no channels or frames.
Tensor res_norm(const Tensor& x, double lambda = 0.1, double eps = 1e-5);

// Batch norm of x seen as [N, C bands, F / bands, T] (Chang et al. 2021, arXiv 2103.13620:
// sub-spectral normalization): statistics of each channel in each of `bands` bands of frequencies
// over images, the band's frequencies and frames. weight, bias [C bands], element c bands + s;
// seen: where given, gets the statistics, [C bands]. bands 1: batch norm. relu: max(., 0) in the
// same pass. ShapeError: bands do not divide F; no elements.
struct SubSpectralOptions {
  double eps = 1e-5;
  bool relu = false;
};
Tensor sub_spectral_norm(const Tensor& x, int64_t bands, const Tensor& weight, const Tensor& bias,
                         const SubSpectralOptions& options = {}, BatchStatistics* seen = nullptr);
// The same by given statistics (inference).
Tensor sub_spectral_norm(const Tensor& x, int64_t bands, const BatchStatistics& given,
                         const Tensor& weight, const Tensor& bias,
                         const SubSpectralOptions& options = {});

// relu(x + row + residual): x [N,C,F,T], row [N,C,1,T] goes to every frequency; residual (may be
// undefined) of x's shape.
Tensor broadcast_residual(const Tensor& x, const Tensor& row, const Tensor& residual = {});

}  // namespace regrad
