// The sweep: reverse-mode differentiation over the recorded rows.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/op.h>
#include <regrad/engine/profile.h>

#include <algorithm>
#include <memory>
#include <string>

namespace regrad {
namespace detail {
namespace {

struct Entry {
  Node* node;
  bool requested = false;  // its gradient is asked for
  bool entered = false;    // an output depends on it
  bool through = false;    // leads to a requested one below it: the sweep goes on there
  bool needed = false;     // requested, or leads to a requested one
  size_t slot = 0;         // in the table
  Tensor g{};              // what has arrived so far
  Tensor alive{};          // holds data that were computed again for this sweep
};

// Nodes of one sweep and their places, by open addressing. Kept by the thread from sweep to sweep,
// for its memory.
class Visited {
 public:
  std::vector<Entry> entries;

  void clear() {
    for (const Entry& e : entries) table_[e.slot] = -1;
    entries.clear();
  }
  int find(const Node* n) const {
    if (table_.empty()) return -1;
    return table_[slot_of(n)];
  }
  int insert(Node* n) {
    if ((entries.size() + 1) * 2 > table_.size()) grow();
    const int at = static_cast<int>(entries.size());
    const size_t slot = slot_of(n);
    entries.push_back(Entry{.node = n, .slot = slot});
    table_[slot] = at;
    return at;
  }

 private:
  // The slot that holds n, or the free one where it would go.
  size_t slot_of(const Node* n) const {
    const size_t mask = table_.size() - 1;
    size_t s = (reinterpret_cast<size_t>(n) >> 6) * size_t{0x9E3779B97F4A7C15} >> 20 & mask;
    while (table_[s] >= 0 && entries[static_cast<size_t>(table_[s])].node != n) s = (s + 1) & mask;
    return s;
  }
  void grow() {
    const size_t size = table_.empty() ? 256 : table_.size() * 2;
    table_.assign(size, -1);
    for (size_t i = 0; i < entries.size(); ++i) {
      entries[i].slot = slot_of(entries[i].node);
      table_[entries[i].slot] = static_cast<int>(i);
    }
  }
  std::vector<int> table_;
};

struct Workspace {
  Visited visited;
  std::vector<int> order;                  // entries, inputs before their users
  std::vector<std::pair<int, int>> stack;  // entry, next input to look at
};
// a vjp may itself call grad: each sweep takes a workspace of its own
thread_local std::unique_ptr<Workspace> spare;

class Sweep {
 public:
  Sweep() : w_(spare ? std::move(spare) : std::make_unique<Workspace>()), before_(mode) {}
  ~Sweep() {
    mode = before_;
    w_->visited.clear();
    w_->order.clear();
    w_->stack.clear();
    spare = std::move(w_);
  }

  void request(const Tensor& x) { entry(place(x.node())).requested = true; }

  // Depth first from an output: post-order puts inputs before their users, whichever threads made
  // them.
  void discover(const Tensor& output) {
    enter(output.node());
    while (!w_->stack.empty()) {
      const auto [at, next] = w_->stack.back();
      Node* n = entry(at).node;
      if (n->op && next < n->n_in) {
        ++w_->stack.back().second;
        Node* in = n->in(next).node();
        if (in->requires_grad) enter(in);
      } else {
        w_->stack.pop_back();
        finish(at);
      }
    }
  }

  void seed(const Tensor& output, Tensor g) {
    give(entry(w_->visited.find(output.node())), std::move(g));
  }

  void run(bool create_graph, bool retain, int order) {
    mode.grad = create_graph;
    mode.order = static_cast<uint8_t>(std::min(order, 255));
    for (size_t k = w_->order.size(); k-- > 0;) {
      const int at = w_->order[k];
      // what is requested ends the sweep: its own graph stays whole
      if (!entry(at).through) continue;
      if (entry(at).g.defined()) differentiate(at);
      entry(at).alive = {};
      if (!retain) free_kept(entry(at).node);
    }
    if (!retain) free_edges();
  }

  // Undefined where no output depends on x; zeros where one does and the derivative is declared
  // zero.
  Tensor gradient(const Tensor& x) const {
    const Entry& e = w_->visited.entries[static_cast<size_t>(w_->visited.find(x.node()))];
    if (!e.entered) return {};
    return e.g.defined() ? e.g : zeros_like(x);
  }

 private:
  Entry& entry(int at) const { return w_->visited.entries[static_cast<size_t>(at)]; }

  int place(Node* n) const {
    const int at = w_->visited.find(n);
    return at >= 0 ? at : w_->visited.insert(n);
  }

  void enter(Node* n) {
    const int at = place(n);
    if (std::exchange(entry(at).entered, true)) return;
    if (n->freed) {
      throw GraphFreed("grad: the graph was freed by an earlier sweep (at '" +
                       std::string(n->op->name) + "', shape " + str(n->shape) +
                       "); give that one retain_graph or create_graph");
    }
    w_->stack.emplace_back(at, 0);
  }

  void finish(int at) {
    Entry& e = entry(at);
    const Node* n = e.node;
    for (int i = 0; n->op && i < n->n_in && !e.through; ++i) e.through = needs(n->in(i).node());
    e.needed = e.requested || e.through;
    w_->order.push_back(at);
  }
  bool needs(const Node* in) const {
    return in->requires_grad && entry(w_->visited.find(in)).needed;
  }

  static void give(Entry& e, Tensor g) {
    e.g = e.g.defined() ? std::move(e.g) + std::move(g) : std::move(g);
  }

  // Data that the row's gradients read and that nobody kept live until their own row had its turn.
  void wake(Node* n) {
    if (!n->again || entry(w_->visited.find(n)).alive.defined()) return;
    std::vector<Tensor> held;
    revive(n, held);
    for (Tensor& t : held) {
      const int at = w_->visited.find(t.node());
      if (at >= 0) entry(at).alive = std::move(t);
    }
  }
  void wake_kept(Node* n) {
    for (int i = 0; i < n->n_in; ++i)
      if (n->op->keep & (i < 2 ? 1 << i : keep_2)) wake(n->in(i).node());
    if (n->op->keep & keep_y) {
      wake(n);
    } else {
      entry(w_->visited.find(n)).alive = {};  // who else reads it had its turn
    }
  }

  void differentiate(int at) {
    Node* n = entry(at).node;
    wake_kept(n);
    const Tensor g = entry(at).requested ? entry(at).g : std::move(entry(at).g);
    const Borrowed y(n);
    const auto at_once = n->op->fused && !mode.grad ? n->op->fused : n->op->gradients;
    Tensor out[4];
    if (at_once) at_once(Call(n, &g, &*y), out);
    for (int i = 0; i < n->n_in; ++i) {
      Node* in = n->in(i).node();
      if (!needs(in)) continue;
      Tensor gi =
          at_once ? std::move(out[i]) : n->op->vjp[n->op->arity < 0 ? 0 : i](Call(n, &g, &*y, i));
      if (!gi.defined()) continue;
      if (gi.shape() != in->shape || gi.dtype() != in->dtype) {
        throw Error("grad: the vjp of '" + std::string(n->op->name) + "' gave " + str(gi.shape()) +
                    " for input " + std::to_string(i) + " of shape " + str(in->shape));
      }
      give(entry(w_->visited.find(in)), std::move(gi));
    }
  }

  static void free_kept(Node* n) noexcept {
    n->freed = true;
    n->keeps_y = false;
    for (int i = 0; i < n->n_in; ++i) {
      if (edge_units(n, i) & data_unit) drop(counted(n->in(i).node()), data_unit);
    }
    if (n->users.load(std::memory_order_acquire) < data_unit) release_data(n);
  }

  // Deepest first: each is still held by its users, which come later.
  void free_edges() noexcept {
    for (int at : w_->order) {
      Node* n = entry(at).node;
      if (n->op && n->freed) release_edges(n);
    }
  }

  std::unique_ptr<Workspace> w_;
  Mode before_;
};

Tensor seed_for(const Tensor& output, const GradOptions& options, int64_t k) {
  if (k < options.grad_outputs.size() && options.grad_outputs[k].defined()) {
    const Tensor& g = options.grad_outputs[k];
    if (g.shape() != output.shape())
      throw ShapeError("grad: grad_outputs " + str(g.shape()) + " for an output " +
                       str(output.shape()) + "; the shapes must be equal");
    if (g.dtype() != output.dtype())
      throw DTypeError(std::string("grad: grad_outputs ") + name(g.dtype()) + " for an output " +
                       name(output.dtype()));
    return g;
  }
  if (output.numel() != 1)
    throw ShapeError("grad: an output of shape " + str(output.shape()) +
                     " needs grad_outputs; only one element has a default (1)");
  return ones_like(output);
}

void check(const TensorList& outputs, const TensorList& inputs, const GradOptions& options) {
  for (const Tensor& y : outputs) {
    if (!y.defined()) throw ShapeError("grad: an output is an undefined tensor");
    if (!y.requires_grad())
      throw Error(
          "grad: an output does not require gradients (no input of it does, or it was made under "
          "NoGrad)");
  }
  for (const Tensor& x : inputs) {
    if (!x.defined()) throw ShapeError("grad: an input is an undefined tensor");
    if (!x.requires_grad())
      throw Error("grad: an input does not require gradients; mark leaves with requires_grad_()");
  }
  if (options.grad_outputs.size() > outputs.size())
    throw ShapeError("grad: more grad_outputs than outputs");
}

}  // namespace
}  // namespace detail

namespace detail {
namespace {

std::vector<Tensor> swept(const TensorList& outputs, const TensorList& inputs,
                          const GradOptions& options) {
  Sweep sweep;
  for (const Tensor& x : inputs) sweep.request(x);
  int order = 0;
  for (const Tensor& y : outputs) {
    sweep.discover(y);
    order = std::max(order, y.node()->order + 1);
  }
  for (int64_t k = 0; k < outputs.size(); ++k)
    sweep.seed(outputs[k], seed_for(outputs[k], options, k));
  sweep.run(options.create_graph, options.retain_graph.value_or(options.create_graph), order);
  std::vector<Tensor> result;
  result.reserve(static_cast<size_t>(inputs.size()));
  for (const Tensor& x : inputs) {
    result.push_back(sweep.gradient(x));
    if (!result.back().defined() && !options.allow_unused) {
      throw Error("grad: no output depends on the input of shape " + str(x.shape()) +
                  "; pass allow_unused to get an undefined tensor instead");
    }
  }
  return result;
}

}  // namespace
}  // namespace detail

std::vector<Tensor> grad(TensorList outputs, TensorList inputs, const GradOptions& options) {
  detail::check(outputs, inputs, options);
  const ProfileScope scope("backward");
  return typed_memory([&] { return detail::swept(outputs, inputs, options); });
}

Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options) {
  return std::move(grad(TensorList(output), TensorList(input), options)[0]);
}

NoGrad::NoGrad(bool record) : before_(std::exchange(detail::mode.grad, record)) {}
NoGrad::~NoGrad() { detail::mode.grad = before_; }
Recompute::Recompute(bool on)
    : before_(std::exchange(detail::mode.recompute, on || detail::mode.recompute)) {}
Recompute::~Recompute() { detail::mode.recompute = before_; }
bool grad_enabled() { return detail::mode.grad; }
DetectAnomaly::DetectAnomaly() : before_(std::exchange(detail::mode.anomaly, true)) {}
DetectAnomaly::~DetectAnomaly() { detail::mode.anomaly = before_; }

}  // namespace regrad
