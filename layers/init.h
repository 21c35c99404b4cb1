// Initial values, from named random streams.
#pragma once

#include <regrad/engine/random.h>

namespace regrad::init {

// U(-b, b), b = sqrt(1 / fan_in): what PyTorch's Linear and Conv2d start with (kaiming_uniform with
// a = sqrt 5). sizes [out, in, ...].
Tensor torch_default(const Random& r, const Shape& sizes, int64_t fan_in, DType t = DType::f32);
// U(-b, b), b = gain sqrt(3 / fan_in) (He et al. 2015, eq. 10 for the uniform distribution). gain
// sqrt 2 for ReLU.
Tensor kaiming_uniform(const Random& r, const Shape& sizes, double gain = 1.4142135623730951,
                       DType t = DType::f32);
// N(0, gain^2 / fan): fan_in = in k, fan_out = out k for sizes [out, in, ...] of k = product of the
// rest (PyTorch's mode="fan_in" and "fan_out").
enum class Fan { in, out };
Tensor kaiming_normal(const Random& r, const Shape& sizes, double gain = 1.4142135623730951,
                      DType t = DType::f32, Fan fan = Fan::in);
// U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)
Tensor xavier_uniform(const Random& r, const Shape& sizes, double gain = 1, DType t = DType::f32);
// N(0, deviation^2), drawn again outside two deviations.
Tensor trunc_normal(const Random& r, const Shape& sizes, double deviation = 0.02,
                    DType t = DType::f32);

}  // namespace regrad::init
