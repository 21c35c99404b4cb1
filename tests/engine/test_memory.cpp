// Memory that others own, and ours in others' hands: no copy, one deleter call, no reuse in place,
// from any thread.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/io/dlpack.h>
#include <regrad/engine/ops.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include <dlpack/dlpack.h>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::complaint;

namespace {

// A host's buffer that counts how often it was given back.
struct Host {
  std::vector<float> v;
  std::atomic<int> given_back{0};
  std::thread::id by{};
  explicit Host(int n) : v(static_cast<size_t>(n)) { std::iota(v.begin(), v.end(), 0.0f); }
  Tensor tensor(const Shape& sizes) {
    return from_blob(v.data(), sizes, DType::f32, [this](void* p) {
      CHECK(p == v.data());
      by = std::this_thread::get_id();
      ++given_back;
    });
  }
};

}  // namespace

TEST_CASE("from_blob: the host's memory as it lies, given back once with the last tensor over it") {
  const MemoryStats before = memory_stats();
  Host host(12);
  {
    const Tensor x = host.tensor({3, 4});
    CHECK(x.data<float>() == host.v.data());
    CHECK(memory_stats().live_bytes == before.live_bytes);
    const Tensor row = x[1];
    const Tensor other = x.detach();
    CHECK(row.data<float>() == host.v.data() + 4);
    CHECK((x * 2.0).to_vector()[11] == 22);
    CHECK(host.given_back == 0);
  }
  CHECK(host.given_back == 1);
  CHECK(memory_stats().live_nodes == before.live_nodes);
}

TEST_CASE("from_blob: strides, Fortran's order, repeats, other dtypes, no elements") {
  double v[] = {1, 2, 3, 4, 5, 6};
  CHECK(from_blob(v, {2, 3}, {1, 2}, DType::f64).to_vector() ==
        std::vector<double>{1, 3, 5, 2, 4, 6});
  CHECK(from_blob(v + 1, {2, 2}, {3, 1}, DType::f64).to_vector() ==
        std::vector<double>{2, 3, 5, 6});
  CHECK(from_blob(v, {2, 3}, {0, 2}, DType::f64).to_vector() ==
        std::vector<double>{1, 3, 5, 1, 3, 5});
  CHECK(from_blob(v, {1, 6}, {INT64_MAX, 1}, DType::f64).to_vector() ==
        from_blob(v, {6}, DType::f64).to_vector());
  CHECK(from_blob(v, {1, 6}, {-48, 1}, DType::f64).is_contiguous());
  CHECK(matmul(from_blob(v, {2, 3}, {1, 2}, DType::f64), ones({3, 1}, DType::f64)).to_vector() ==
        std::vector<double>{9, 12});
  bool flags[] = {true, false};
  CHECK(from_blob(flags, {2}, DType::b8).to_vector() == std::vector<double>{1, 0});
  CHECK(sum(from_blob(nullptr, {0, 3}, DType::f32)).item() == 0);
  CHECK(from_blob(v, {}, DType::f64).item() == 1);
}

TEST_CASE("from_blob: wrong shapes are refused, and the memory stays the caller's") {
  Host host(4);
  int calls = 0;
  const auto deleter = [&](void*) { ++calls; };
  float* p = host.v.data();
  CHECK(complaint<ShapeError>(
            [&] {
              from_blob(p, {2, 2}, {2}, DType::f32, deleter);
            },
            "give as many") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              from_blob(p, {2, 2}, {2, -1}, DType::f32, deleter);
            },
            "none can be negative") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              from_blob(p, {2, -2}, DType::f32, deleter);
            },
            "negative") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              from_blob(p, {int64_t{1} << 40, int64_t{1} << 40}, DType::f32, deleter);
            },
            "63 bits") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              from_blob(p, {3, 2}, {INT64_MAX / 2, 1}, DType::f32, deleter);
            },
            "63 bits") == "");
  CHECK(complaint<ShapeError>([&] { from_blob(p, {2}, {INT64_MAX / 4}, DType::f32, deleter); },
                              "63 bits") == "");
  CHECK(complaint<ShapeError>([&] { from_blob(nullptr, {2}, DType::f32, deleter); },
                              "null pointer") == "");
  CHECK(complaint<DTypeError>(
            [&] { from_blob(reinterpret_cast<char*>(p) + 2, {2}, DType::f32, deleter); },
            "multiple of the size of f32, 4") == "");
  CHECK(calls == 0);
}

TEST_CASE(
    "foreign memory is a leaf like any other, is differentiated through, and is never written to") {
  Host host(6);
  {
    Tensor w = host.tensor({2, 3}).requires_grad_();
    const Tensor g = grad(sum(w * w * w), w, {.create_graph = true});
    CHECK(grad(sum(g), w).to_vector() == std::vector<double>{0, 6, 12, 18, 24, 30});
    const NoGrad quiet;
    const Tensor moved = std::move(w) * 10.0;  // the only handle given away: ours would be reused
    CHECK(moved.data<float>() != host.v.data());
    CHECK(moved.to_vector()[5] == 50);
  }
  CHECK(host.v == Host(6).v);
  CHECK(host.given_back == 1);
}

TEST_CASE("the deleter runs on the thread that lets go last, and may itself let tensors go") {
  Host host(3);
  Tensor x = host.tensor({3});
  std::thread other([x = std::move(x)]() mutable { x = Tensor(); });
  const std::thread::id id = other.get_id();
  other.join();
  CHECK(host.given_back == 1);
  CHECK(host.by == id);

  // A chain: each tensor's memory is the one before's, handed on. A graph over all of them goes at
  // once, its nodes from within deleters.
  const MemoryStats before = memory_stats();
  Host first(3);
  {
    Tensor t = first.tensor({3}), total = zeros({3}).requires_grad_();
    for (int i = 0; i < 100; ++i) {
      // the inner one is held by the outer memory only
      t = from_dlpack(to_dlpack(from_dlpack(to_dlpack(t))));
      total = total * t;  // keeps both
    }
    CHECK(t.data<float>() == first.v.data());
    t = Tensor();
    CHECK(first.given_back == 0);
  }
  CHECK(first.given_back == 1);
  CHECK(memory_stats().live_nodes == before.live_nodes);
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE("many threads over one host buffer") {
  Host host(1000);
  {
    const Tensor x = host.tensor({10, 100});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([x, i] {
        for (int k = 0; k < 200; ++k) {
          const Tensor row = x[(i + k) % 10];
          const Tensor back = from_dlpack(to_dlpack(row));
          if (sum(back).item() != sum(row).item()) std::terminate();
        }
      });
    }
    for (std::thread& t : threads) t.join();
    CHECK(host.given_back == 0);
  }
  CHECK(host.given_back == 1);
}

TEST_CASE(
    "to_dlpack: memory, shape and strides; alive until the deleter's call; not reused meanwhile") {
  const MemoryStats before = memory_stats();
  const NoGrad quiet;
  Tensor x = arange(0, 6, 1, DType::f32).reshape({2, 3});
  const float* memory = x.data<float>();
  DLManagedTensor* m = to_dlpack(x.mT()[1]);
  CHECK(m->dl_tensor.data == memory + 1);
  CHECK(m->dl_tensor.ndim == 1);
  CHECK(m->dl_tensor.shape[0] == 2);
  CHECK(m->dl_tensor.strides[0] == 3);
  CHECK(m->dl_tensor.device.device_type == kDLCPU);
  CHECK(m->dl_tensor.dtype.code == kDLFloat);
  CHECK(m->dl_tensor.dtype.bits == 32);
  CHECK(m->dl_tensor.byte_offset == 0);
  Tensor y = std::move(x) + 1.0;  // would take x's memory, were it not handed out
  CHECK(y.data<float>() != memory);
  CHECK(static_cast<float*>(m->dl_tensor.data)[3] == 4);
  std::thread([m] { m->deleter(m); }).join();
  // Now y's own memory is free for reuse as ever.
  const float* own = y.data<float>();
  const Tensor z = std::move(y) + 1.0;
  CHECK(z.data<float>() == own);
  CHECK(memory_stats().live_bytes - before.live_bytes == 64);

  Tensor p = ones({2});
  DLManagedTensor* whole = to_dlpack(p);
  const Tensor q = std::move(p) * 2.0;
  CHECK(static_cast<float*>(whole->dl_tensor.data)[0] == 1);
  whole->deleter(whole);
  CHECK(complaint<Error>([] { to_dlpack(ones({1}).requires_grad_()); }, "detach()") == "");
  CHECK_THROWS_AS(to_dlpack(Tensor()), ShapeError);
}

TEST_CASE(
    "from_dlpack: every dtype there and back; what is not ours is refused and stays the caller's") {
  for (const DType t : {DType::f32, DType::f64, DType::i64, DType::u8, DType::b8}) {
    const Tensor x = arange(0, 2).to(t);
    const Tensor y = from_dlpack(to_dlpack(x));
    CHECK(y.dtype() == t);
    CHECK(y.to_vector() == std::vector<double>{0, 1});
  }
  float v[] = {1, 2, 3, 4};
  int64_t shape[] = {1, 3};
  static int calls;
  calls = 0;
  DLManagedTensor m{};
  m.deleter = [](DLManagedTensor*) { ++calls; };
  m.dl_tensor.data = v;
  m.dl_tensor.device = {kDLCPU, 0};
  m.dl_tensor.ndim = 2;
  m.dl_tensor.dtype = {kDLFloat, 32, 1};
  m.dl_tensor.shape = shape;
  m.dl_tensor.byte_offset = 4;
  CHECK(from_dlpack(&m).to_vector() == std::vector<double>{2, 3, 4});  // no strides: row-major
  CHECK(calls == 1);
  const auto with = [&](auto&& change) {
    DLManagedTensor other = m;
    change(other.dl_tensor);
    from_dlpack(&other);
  };
  CHECK(complaint<Error>([&] { with([](DLTensor& t) { t.device.device_type = kDLCUDA; }); },
                         "device type 2") == "");
  CHECK(complaint<DTypeError>([&] { with([](DLTensor& t) { t.dtype.bits = 16; }); }, "16 bits") ==
        "");
  CHECK(complaint<DTypeError>([&] { with([](DLTensor& t) { t.dtype.lanes = 4; }); }, "4 lanes") ==
        "");
  CHECK(complaint<DTypeError>([&] { with([](DLTensor& t) { t.byte_offset = 2; }); }, "multiple") ==
        "");
  CHECK(complaint<ShapeError>([&] { with([](DLTensor& t) { t.ndim = 9; }); }, "9 dimensions") ==
        "");
  CHECK(complaint<ShapeError>([&] { with([](DLTensor& t) { t.ndim = -1; }); }, "-1 dimensions") ==
        "");
  CHECK(complaint<ShapeError>([&] { with([](DLTensor& t) { t.shape = nullptr; }); }, "no shape") ==
        "");
  CHECK(complaint<ShapeError>([&] { with([](DLTensor& t) { t.data = nullptr; }); },
                              "null pointer") == "");
  CHECK_THROWS_AS(from_dlpack(nullptr), Error);
  CHECK(calls == 1);
  m.deleter = nullptr;  // allowed: the memory is nobody's business
  CHECK(from_dlpack(&m).to_vector() == std::vector<double>{2, 3, 4});
}
