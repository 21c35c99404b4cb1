#include <regrad/algorithms/pqk/pqk.h>
#include <regrad/algorithms/pruning/second_path.h>
#include <regrad/algorithms/shared/distill.h>

#include <algorithm>
#include <utility>

namespace regrad::pqk {

using namespace pruning;

namespace {

// The place of the teacher's running statistics in State::memory.
std::ptrdiff_t teachers_place(const Options& o) { return o.quantize ? 1 : 0; }
Tensors teachers_buffers(const State& s, const Options& o) {
  return {s.memory.begin() + teachers_place(o), s.memory.end()};
}
void keep_buffers(State& s, const Options& o, const Tensors& b) {
  std::copy(b.begin(), b.end(), s.memory.begin() + teachers_place(o));
}

Tensors copies(const Tensors& list) {
  const NoGrad quiet;
  Tensors out;
  for (const Tensor& t : list) out.push_back((t * 1).detach());
  return out;
}

void begin(State& s, const Options& o) {
  if (o.quantize) s.memory.push_back(o.few.begin(s.trained.net));
  if (o.teacher != Teacher::within) return;
  s.trained.extra = as_leaves(copies(picked(parameters(s.trained.net), own_places(s))));
  for (const Tensor& b : copies(buffers(s.trained.net))) s.memory.push_back(b);
}

// At the change of phase: norms and classifier become what the student's are.
void adopt_students(State& s, const Options& o) {
  s.trained.extra = as_leaves(copies(picked(parameters(s.trained.net), own_places(s))));
  keep_buffers(s, o, copies(buffers(s.trained.net)));
}

// Small |W| first, and before them all that is pruned: p grows, so what is pruned stays so.
Tensors nested(State& s, const Schedule& t, const Minibatch&, double p) {
  const NoGrad quiet;
  Tensors scores = weights(s), out;
  for (size_t l = 0; l < scores.size(); ++l) {
    const Tensor size = abs(scores[l].detach()).to(DType::f64),
                 kept = maximum(size, full(size.shape(), 1e-30, DType::f64));
    scores[l] = kept * s.masks[l].to(DType::f64);
  }
  const Tensors found = score_masks(scores, p, t.masks);
  for (size_t l = 0; l < found.size(); ++l) out.push_back(found[l].to(s.masks[l].dtype()));
  return out;
}

// The student's forward pass in training.
struct Student {
  Tensors at;  // M W in the place of W
  Tensor logits;
  Student(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
    {
      const NoGrad quiet;
      at = masked(s, t, batch.i);
    }
    at = placed(s, as_leaves(at));
    Context ctx{.training = true};
    if (o.quantize) ctx.evaluate = o.few.training(s.memory[0]);
    logits = regrad::at(s.trained.net, at)(batch.x, ctx);
    s.trained.net = commit(std::move(s.trained.net), ctx);
  }
};

// Where the teacher has norms and a classifier that do not learn yet.
void spare_extra(State& s, Gradients& g) {
  g.decay.assign(g.all.size(), 1.0);
  for (const Tensor& e : s.trained.extra) {
    g.all.push_back(zeros_like(e.detach()));
    g.decay.push_back(0);
  }
}

Gradients alone(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
  const Student student(s, o, t, batch);
  Gradients out;
  out.loss = cross_entropy(student.logits, batch.y);
  if (o.teacher == Teacher::given && batch.i >= second_phase(o, t)) {
    Tensor z;
    {
      const NoGrad quiet;
      z = o.given(batch.x);
    }
    out.loss = out.loss * (1 - o.given_share) +
               distillation(student.logits, z, o.given_temperature) * o.given_share;
  }
  out.all = grad(TensorList(out.loss), TensorList(student.at));
  out.raw = picked(out.all, s.at);
  const NoGrad quiet;
  for (size_t l = 0; l < s.at.size(); ++l) out.all[s.at[l]] = s.masks[l] * out.raw[l];
  spare_extra(s, out);
  return out;
}

Gradients taught_within(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
  if (batch.i == second_phase(o, t)) adopt_students(s, o);
  const Student student(s, o, t, batch);
  const std::vector<size_t> own = own_places(s);
  const Tensors of_teacher = second_parameters(s, own, s.trained.extra);
  Context ctx{.training = true};
  NamedNet whole = with_buffers(at(s.trained.net, of_teacher), teachers_buffers(s, o));
  const Tensor z_s = student.logits, z_t = whole(batch.x, ctx);
  keep_buffers(s, o, buffers(commit(std::move(whole), ctx)));

  Gradients out;
  out.loss = cross_entropy(z_s, batch.y) + distillation(z_s, z_t, o.temperature) +
             cross_entropy(z_t, batch.y);
  if (o.mutual) out.loss = out.loss + distillation(z_t, z_s, o.temperature);
  auto [g_s, g_t] = of_paths(out.loss, student.at, of_teacher);
  out.all = std::move(g_s), out.raw = picked(g_t, s.at);
  const NoGrad quiet;
  for (size_t l = 0; l < s.at.size(); ++l) {
    Tensor& g = out.all[s.at[l]];
    g = s.masks[l] * g + (o.shared ? out.raw[l] : (1 - s.masks[l]) * out.raw[l]);
  }
  for (const size_t i : own) out.all.push_back(g_t[i]);
  return out;
}

}  // namespace

int64_t second_phase(const Options& o, const Schedule& t) {
  return t.at_share(o.second) * t.batches;
}

Method method(const Options& o) {
  if (o.teacher == Teacher::given && !o.given)
    throw ConfigError("pqk: Options::given is the teacher, and there is none");
  Method m;
  m.begin = [o](State& s, const Schedule&) { begin(s, o); };
  m.due = [o](const Schedule& t, int64_t i) {
    return o.prune && each_refresh(t, i) && i < second_phase(o, t);
  };
  m.masks = nested;
  m.frozen = [o](const Schedule& t, int64_t i) {
    return o.prune && (o.teacher != Teacher::within || i < second_phase(o, t));
  };
  m.pass = [o](State& s, const Method&, const Schedule& t, const Minibatch& batch) {
    const bool taught = o.teacher == Teacher::within && batch.i >= second_phase(o, t);
    return taught ? taught_within(s, o, t, batch) : alone(s, o, t, batch);
  };
  return m;
}

FewBitNet deployed(const Learner& learner, const Options& o) {
  FewBitNet out{learner.deployed(), o.quantize, o.few};
  if (o.quantize) out.ranges = learner.state.memory.at(0);
  return out;
}

NamedNet teacher(const State& s, const Options& o) {
  const NoGrad quiet;
  return with_buffers(
      as_leaves(at(s.trained.net, second_parameters(s, own_places(s), s.trained.extra)), false),
      teachers_buffers(s, o));
}

Size size_of(const FewBitNet& net, const Tensor& x) {
  std::vector<Tensor> layers;
  Size out;
  Context ctx;
  ctx.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
    if (s.kind == Step::conv || s.kind == Step::linear) layers.push_back(s.weight);
    if (s.kind == Step::norm && s.bands > 1) out.scales += 8 * s.bands * s.x.size(1);
    return plain();
  };
  const NoGrad quiet;
  net.net(x, ctx);
  const auto bytes = [](int64_t bits) { return (bits + 7) / 8; };
  const auto count = static_cast<int64_t>(layers.size());
  for (int64_t l = 0; l < count; ++l) {
    const Tensor& w = layers[static_cast<size_t>(l)];
    const int64_t n = w.numel(), bits = net.quantize ? net.few.bits_of(l, count) : 32,
                  all = bytes(n * bits), kept = bytes((n - zeros_in({w})) * bits);
    const bool listed = bytes(n) + kept < all;
    out.bitmap += listed ? bytes(n) : 0, out.weights += listed ? kept : all;
    out.scales += 8 * w.size(0);
  }
  return out;
}

}  // namespace regrad::pqk
