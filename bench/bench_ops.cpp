// Every row of the op table: forward, backward and backward of backward, at a size where dispatch
// decides and at one where memory does.
//
//   bench-ops --benchmark_filter=matmul      the rows whose name holds "matmul"
//
//   NAME/forward/N    evaluates the row; nothing is recorded
//   NAME/backward/N   the gradients of all floating inputs, from an upstream gradient; the graph is
//                     kept, not built again
//   NAME/second/N     the gradients of those gradients in inputs and upstream
//
// N: elements of the largest input, about. bytes_per_second: inputs and output of the forward pass,
// once each.
#include <regrad/engine/autograd.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <benchmark/benchmark.h>

#include "op_inputs.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

int64_t bytes(const Tensor& t) { return t.numel() * item_size(t.dtype()); }

// A row recorded at leaves, with an upstream gradient that can be differentiated too.
struct Recorded {
  std::vector<Tensor> leaves;
  Tensor y, upstream;

  explicit Recorded(const Point& p) {
    std::vector<Tensor> in = p.in;
    for (Tensor& t : in) {
      if (!is_floating(t.dtype())) continue;
      t = t.detach().requires_grad_();
      leaves.push_back(t);
    }
    y = p.evaluate(in);
    if (y.requires_grad())
      upstream = uniform(Random(11), y.shape(), -1, 1, y.dtype()).requires_grad_();
  }
  std::vector<Tensor> gradients(bool create_graph) const {
    return grad(TensorList(y), TensorList(leaves),
                {.grad_outputs = upstream,
                 .create_graph = create_graph,
                 .retain_graph = true,
                 .allow_unused = true});
  }
};

// The first-order gradients that have a graph, and what to differentiate them by.
struct Second {
  std::vector<Tensor> outputs, upstreams, inputs;

  explicit Second(const Recorded& r) : inputs(r.leaves) {
    inputs.push_back(r.upstream);
    for (const Tensor& g : r.gradients(true)) {
      if (!g.defined() || !g.requires_grad()) continue;
      outputs.push_back(g);
      upstreams.push_back(uniform(Random(13), g.shape(), -1, 1, g.dtype()));
    }
  }
  std::vector<Tensor> gradients() const {
    return grad(
        TensorList(outputs), TensorList(inputs),
        {.grad_outputs = TensorList(upstreams), .retain_graph = true, .allow_unused = true});
  }
};

void forward(benchmark::State& state, const Op* op) {
  const Point p = point_of(*op, state.range(0));
  int64_t moved = bytes(p.evaluate(p.in));
  for (const Tensor& t : p.in) moved += bytes(t);
  for (auto _ : state) p.evaluate(p.in);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * moved);
  state.SetLabel(p.label);
}

void backward(benchmark::State& state, const Op* op) {
  const Point p = point_of(*op, state.range(0));
  const Recorded r(p);
  for (auto _ : state) r.gradients(false);
  state.SetLabel(p.label);
}

void second(benchmark::State& state, const Op* op) {
  const Point p = point_of(*op, state.range(0));
  const Second s{Recorded(p)};
  for (auto _ : state) s.gradients();
  state.SetLabel(p.label);
}

// Whether the row has gradients of an order at all: comparisons and rounding have none.
int orders(const Op& op) {
  const Recorded r(point_of(op, 64));
  if (!r.upstream.defined()) return 0;
  return Second(r).outputs.empty() ? 1 : 2;
}

void add(const char* name, const char* what, void (*body)(benchmark::State&, const Op*),
         const Op* op) {
  benchmark::RegisterBenchmark((std::string(name) + "/" + what).c_str(), body, op)
      ->Arg(64)
      ->Arg(1 << 16);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  char quick[] = "--benchmark_min_time=0.05";  // the command line's flags come later and count
  args.insert(args.begin() + 1, quick);
  int n = static_cast<int>(args.size());
  benchmark::Initialize(&n, args.data());
  if (benchmark::ReportUnrecognizedArguments(n, args.data())) return 2;
  set_num_threads(1);
  for (const Op* op : all_ops) {
    const int order = orders(*op);
    add(op->name, "forward", forward, op);
    if (order > 0) add(op->name, "backward", backward, op);
    if (order > 1) add(op->name, "second", second, op);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
