// Random numbers: streams addressed by name and index, drawn from the counter-based generator
// Philox4x32-10 (Salmon et al. 2011).
//
//   const Random root(seed);
//   Tensor w = uniform(root / "init" / "weight", {40, 1}, -1, 1);
//   Tensor x = normal(root / "data" / step, {10});
//
// A stream is a value: the same address gives the same numbers, whatever else was drawn before, on
// any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include <regrad/engine/tensor.h>

namespace regrad {

class Random {
 public:
  explicit Random(uint64_t seed) : key_(seed) {}
  Random operator/(std::string_view name) const;
  Random operator/(int64_t index) const;
  uint64_t key() const { return key_; }

  // The i-th number of the stream. bits: 32 random bits; uniform: in [0, 1), a multiple of 2^-53;
  // normal: mean 0, deviation 1 (Box-Muller).
  uint32_t bits(uint64_t i) const;
  double uniform(uint64_t i) const;
  double normal(uint64_t i) const;
  // In [0, n). ConfigError where n < 1.
  int64_t integer(uint64_t i, int64_t n) const;

 private:
  uint64_t key_;
};

// Tensors of a stream's first numbers. f32 values are rounded from f64.
Tensor uniform(const Random& r, const Shape& sizes, double low = 0, double high = 1,
               DType t = DType::f32);
Tensor normal(const Random& r, const Shape& sizes, double mean = 0, double deviation = 1,
              DType t = DType::f32);
// i64 in [low, high)
Tensor randint(const Random& r, int64_t low, int64_t high, const Shape& sizes);
// i64 [n], each order as likely
Tensor randperm(const Random& r, int64_t n);

}  // namespace regrad
