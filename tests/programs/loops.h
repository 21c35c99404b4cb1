// Loops over a line of numbers that several tables use.
#pragma once

#include "program.h"

namespace regrad::programs {

Jet largest(const Line& v);
Jet smallest(const Line& v);
Jet mean_of(const Line& v);
Jet variance(const Line& v, double correction);
Jet root(const Jet& x, double p);  // derivative 0 at 0
Jet norm_of(const Line& v, double p);
Jet log_sum(const Line& v);
Jet log_sum_finite(const Line& v);  // as softmax's: no number where the largest is infinite
Line softmax_of(const Line& v);
// As the public matmul; bias is a term of each sum.
Array matmul_of(const Array& a, const Array& b, const Array* bias = nullptr);

}  // namespace regrad::programs
