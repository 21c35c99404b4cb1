// What this machine can do at most: fused multiply-adds from registers, and a triad a = b + s c of
// three arrays of N floats together 12 N bytes.
//
//   bench-roofline        FLOPS: multiply-adds count as two; bytes_per_second: 12 bytes per element
//                         (what a write reads first is not counted)
//
// A kernel's floor is the larger of its operations over FLOPS and its bytes over bytes_per_second
// at its size.
#include <regrad/engine/parallel.h>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

constexpr int sums = 12;  // more than latency times throughput: 4 cycles, 2 a cycle
constexpr int64_t rounds = 20000;

template <int bytes>
struct Vector {
  typedef float Type __attribute__((vector_size(bytes), may_alias, aligned(4)));
};

// One body for each instruction set: a macro, since a template takes no target attribute from its
// caller.
#define REGRAD_FMA(name, isa, bytes)                                                            \
  isa void name(const float* start, float* end) {                                               \
    using V = Vector<bytes>::Type;                                                              \
    constexpr int lanes = bytes / 4;                                                            \
    V sum[sums];                                                                                \
    for (int i = 0; i < sums; ++i) sum[i] = *reinterpret_cast<const V*>(start + i * lanes);     \
    const V x = *reinterpret_cast<const V*>(start), y = *reinterpret_cast<const V*>(start + 1); \
    for (int64_t r = 0; r < rounds; ++r) {                                                      \
      _Pragma("GCC unroll 12") for (int i = 0; i < sums; ++i) sum[i] = sum[i] * x + y;          \
    }                                                                                           \
    for (int i = 0; i < sums; ++i) *reinterpret_cast<V*>(end + i * lanes) = sum[i];             \
  }
#define REGRAD_TRIAD(name, isa)                                                            \
  isa void name(float* __restrict a, const float* __restrict b, const float* __restrict c, \
                int64_t n) {                                                               \
    for (int64_t i = 0; i < n; ++i) a[i] = b[i] + 3.0f * c[i];                             \
  }

#if defined(__x86_64__)
REGRAD_FMA(fma_avx512, __attribute__((target("avx512f,fma"))), 64)
REGRAD_FMA(fma_avx2, __attribute__((target("avx2,fma"))), 32)
REGRAD_TRIAD(triad_avx512, __attribute__((target("avx512f,fma"))))
REGRAD_TRIAD(triad_avx2, __attribute__((target("avx2,fma"))))
#endif
REGRAD_FMA(fma_baseline, , 16)
REGRAD_TRIAD(triad_baseline, )

struct Kernels {
  void (*fma)(const float*, float*);
  void (*triad)(float*, const float*, const float*, int64_t);
  int lanes;
  const char* name;
};
Kernels kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return {fma_avx512, triad_avx512, 16, "avx512"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {fma_avx2, triad_avx2, 8, "avx2"};
#endif
  return {fma_baseline, triad_baseline, 4, "baseline"};
}

void fma(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  regrad::set_num_threads(threads);
  const Kernels k = kernels();
  for (auto _ : state) {
    regrad::parallel_for(threads, [&](int64_t) {
      float start[sums * 16 + 1] = {}, end[sums * 16];
      k.fma(start, end);
      benchmark::DoNotOptimize(end);
    });
  }
  state.counters["FLOPS"] = benchmark::Counter(2.0 * rounds * sums * k.lanes * threads,
                                               benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(k.name);
}

// Each thread has arrays of its own; small ones are gone over often, so that a block is not over at
// once.
void triad(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  const int64_t n = state.range(1) / 12, times = std::max<int64_t>(1, 1000000 / n);
  regrad::set_num_threads(threads);
  const Kernels k = kernels();
  std::vector<std::vector<float>> data(static_cast<size_t>(threads),
                                       std::vector<float>(static_cast<size_t>(3 * n), 1));
  for (auto _ : state) {
    regrad::parallel_for(threads, [&](int64_t t) {
      float* p = data[static_cast<size_t>(t)].data();
      for (int64_t i = 0; i < times; ++i) {
        k.triad(p, p + n, p + 2 * n, n);
        benchmark::ClobberMemory();
      }
    });
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * times * threads * 12 * n);
  state.SetLabel(k.name);
}

}  // namespace

// One thread by its CPU time, two by the clock.
const std::vector<int64_t> sizes{20 << 10, 600 << 10, 3 << 20, 12 << 20, 192 << 20};
BENCHMARK(fma)->ArgName("on")->Arg(1);
BENCHMARK(fma)->ArgName("on")->Arg(2)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(triad)->ArgNames({"on", "bytes"})->ArgsProduct({{1}, sizes});
BENCHMARK(triad)
    ->ArgNames({"on", "bytes"})
    ->ArgsProduct({{2}, sizes})
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_MAIN();
