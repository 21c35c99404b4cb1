// Out of memory, at every allocation there is: a typed error, nothing left over, and an engine that
// goes on as if nothing had been.
#include <doctest/doctest.h>

#include <regrad/engine/io/dlpack.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/optim.h>

#include <functional>
#include <thread>

#include <dlpack/dlpack.h>

#include "../algorithms/cml_nets.h"
#include "../temp_folder.h"
#include "alloc_hook.h"

using namespace regrad;
using namespace regrad::test;

namespace {

enum class Outcome { done, out_of_memory, bad_alloc };

// f with the k-th allocation failing (and all later ones: the memory is really gone), from empty
// free lists.
Outcome run(const std::function<void()>& f, int64_t k, bool ever_after) {
  empty_cache();
  const FailAllocation fail(k, ever_after);
  try {
    f();
    return Outcome::done;
  } catch (const OutOfMemory&) {
    return Outcome::out_of_memory;
  } catch (const std::bad_alloc&) {
    return Outcome::bad_alloc;
  }
}

struct Tally {
  int64_t allocations = 0, out_of_memory = 0, bad_alloc = 0, recovered = 0;
};

// Every k in turn, until f gets through without a failure. After each: nodes and bytes as before,
// and `usable`.
Tally fail_each(const std::function<void()>& f, const std::function<bool()>& usable,
                bool ever_after) {
  f();  // what is made once and kept (threads' workspaces, tables) is there
  Tally tally;
  const MemoryStats before = memory_stats();
  for (int64_t k = 1;; ++k) {
    const Outcome outcome = run(f, k, ever_after);
    const bool failed = FailAllocation::failed() > 0;
    const MemoryStats after = memory_stats();
    CAPTURE(k);
    if (after.live_nodes != before.live_nodes) CHECK(after.live_nodes == before.live_nodes);
    if (after.live_bytes != before.live_bytes) CHECK(after.live_bytes == before.live_bytes);
    if (!failed) {
      CHECK(outcome == Outcome::done);
      return tally;
    }
    ++tally.allocations;
    tally.out_of_memory += outcome == Outcome::out_of_memory;
    tally.bad_alloc += outcome == Outcome::bad_alloc;
    // a free list was emptied and the second try went well
    tally.recovered += outcome == Outcome::done;
    if (!usable()) {
      CHECK_MESSAGE(false, "the engine is not as it was");
      return tally;
    }
  }
}

struct OneThread {
  int before = num_threads();
  OneThread() { set_num_threads(1); }
  ~OneThread() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("a second-order step of engine calls alone: OutOfMemory at every allocation") {
  const OneThread one;
  const Tensor w = normal(Random(1), {4, 6}).requires_grad_(), x = normal(Random(2), {5, 4});
  Tensor result;
  const auto step = [&] {
    const Tensor y = tanh(matmul(x, w));
    const Tensor inner = grad(sum(y * y), w, {.create_graph = true});
    const Tensor fast = w - 0.1 * inner;
    const Tensor z = softmax(cat({matmul(x, fast), y, y, y}, 1), 1);
    result = grad(sum(stack({z, z, z, z}, 0) * z), w);
  };
  step();
  const std::vector<double> wanted = result.to_vector();
  result = Tensor();
  const auto attempt = [&] {
    step();
    result = Tensor();
  };
  const auto usable = [&] {
    step();
    const bool same = result.to_vector() == wanted;
    result = Tensor();
    return same;
  };
  const Tally gone = fail_each(attempt, usable, true);
  CHECK(gone.allocations > 50);
  CHECK(gone.out_of_memory == gone.allocations);
  const Tally once = fail_each(attempt, usable, false);
  CHECK(once.bad_alloc == 0);
  CHECK(once.recovered > 0);
  CHECK(once.out_of_memory > 0);
  MESSAGE(gone.allocations << " allocations, each failed for good; alone, " << once.recovered
                           << " of " << once.allocations << " were made up for");
}

TEST_CASE(
    "a second-order meta-step of CML, net and optimizer: no leak at any allocation, and the same "
    "step afterwards") {
  const OneThread one;
  const Net net = sinusoid_net(50, 4, Activation::relu, DType::f32);
  const cml::Rule<> rule{.inner = {.steps = 2}, .gamma = 0.2};
  const Adam adam{.lr = 1e-3};
  const TaskBatch batch = Sinusoids{}.sample(Random(51), 3, 4, 4);
  const auto step = [&] {
    Adam::State state;
    const Net g = grad(objective(net, rule, batch).total, net);
    return flat(update(adam, net, state, g));
  };
  const std::vector<double> wanted = step();
  const auto usable = [&] { return step() == wanted; };
  for (const bool ever_after : {true, false}) {
    const Tally tally = fail_each([&] { step(); }, usable, ever_after);
    CHECK(tally.allocations > 300);
    // Copies of nets, which hold lists of layers, are the standard library's, and fail as such.
    CHECK(tally.out_of_memory + tally.bad_alloc + tally.recovered == tally.allocations);
    CHECK((tally.recovered == 0) == ever_after);
    if (ever_after) CHECK(tally.out_of_memory > tally.bad_alloc);
    CHECK(fail_each([&] { typed_memory(step); }, usable, ever_after).bad_alloc == 0);
    MESSAGE(tally.allocations << " allocations: " << tally.out_of_memory << " OutOfMemory, "
                              << tally.bad_alloc << " std::bad_alloc, " << tally.recovered
                              << " made up for");
  }
}

TEST_CASE("files: OutOfMemory at every allocation, no half-written file, the old one whole") {
  const TempFolder folder;
  const std::string path = folder / "a.safetensors", npy_path = folder / "x.npy";
  const std::vector<NamedTensor> tensors{
      {"x", normal(Random(1), {30, 4}).mT()},
      {"a long name that needs memory of its own", arange(0, 5)}};
  const Metadata metadata{{"a long key that needs memory of its own", "and a long text that does"}};
  save_safetensors(path, tensors, metadata);
  const std::string bytes = read_file(path), npy = to_npy(tensors[0].second);
  const auto usable = [&] {
    return read_file(path) == bytes && !std::filesystem::exists(path + ".tmp");
  };
  const std::function<void()> calls[] = {[&] { save_safetensors(path, tensors, metadata); },
                                         [&] { load_safetensors(path); },
                                         [&] { SafeTensors(path).read("x"); },
                                         [&] { to_safetensors(tensors, metadata); },
                                         [&] { parse_safetensors(bytes); },
                                         [&] { to_npy(tensors[0].second); },
                                         [&] { parse_npy(npy); },
                                         [&] { save_npy(npy_path, tensors[0].second); },
                                         [&] { load_npy(npy_path); }};
  save_npy(npy_path, tensors[0].second);
  for (const auto& call : calls) {
    for (const bool ever_after : {true, false}) {
      const Tally tally = fail_each(call, usable, ever_after);
      CHECK(tally.allocations > 2);
      CHECK(tally.bad_alloc == 0);
    }
  }
}

TEST_CASE("memory of others: OutOfMemory before the deleter is ours") {
  float v[] = {1, 2};
  int calls = 0, made = 0;
  const auto blob = [&] {
    std::function<void(void*)> deleter = [&](void*) { ++calls; };
    const Tensor x = from_blob(v, {2}, DType::f32, std::move(deleter));
    ++made;
  };
  CHECK(fail_each(
            blob, [&] { return calls == made; }, true)
            .bad_alloc == 0);
  CHECK(calls == made);
  const Tensor x = ones({2});
  const auto exchange = [&] {
    DLManagedTensor* m = to_dlpack(x);
    try {
      const Tensor y = from_dlpack(m);
    } catch (const OutOfMemory&) {
      m->deleter(m);  // still ours
      throw;
    }
  };
  const Tally tally = fail_each(
      exchange, [] { return true; }, true);
  CHECK(tally.allocations >= 4);
  CHECK(tally.bad_alloc == 0);
}

TEST_CASE("a thread that finds no memory even for its books can still let tensors go") {
  const MemoryStats before = memory_stats();
  Tensor x = ones({1000});
  std::thread([x = std::move(x)]() mutable {
    const FailAllocation fail(1, true);
    x = Tensor();
    CHECK_THROWS_AS(ones({1}), OutOfMemory);
  }).join();
  CHECK(memory_stats().live_bytes == before.live_bytes);
  CHECK(memory_stats().live_nodes == before.live_nodes);
}

TEST_CASE("threads that cannot be started: fewer do the same work") {
  const int before = num_threads();
  const Tensor a = normal(Random(1), {300, 300}), b = normal(Random(2), {300, 300});
  set_num_threads(1);
  const std::vector<double> wanted = matmul(a, b).to_vector();
  for (int64_t k = 1; k < 40; ++k) {
    set_num_threads(1);
    set_num_threads(4);
    Tensor c;
    {
      empty_cache();
      const FailAllocation fail(k, false);
      try {
        c = matmul(a, b);
      } catch (const OutOfMemory&) {
      }
    }
    if (!c.defined()) c = matmul(a, b);
    REQUIRE(c.to_vector() == wanted);
  }
  set_num_threads(before);
}

TEST_CASE("more than the machine has: OutOfMemory, with the figures") {
  CHECK(complaint<OutOfMemory>([] { zeros({int64_t{1} << 47}, DType::u8); }, "out of memory: ") ==
        "");
  CHECK(complaint<OutOfMemory>([] { zeros({int64_t{1} << 47}, DType::u8); },
                               " bytes asked for, ") == "");
}
