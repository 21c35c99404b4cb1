#include <regrad/algorithms/sdssl/knn.h>
#include <regrad/algorithms/sdssl/losses.h>
#include <regrad/algorithms/sdssl/sdssl.h>
#include <regrad/engine/error.h>
#include <regrad/layers/average.h>
#include <regrad/layers/schedule.h>

#include <cmath>

namespace regrad::sdssl {
namespace {

// The base's loss of anchors [A N,d], stacks of N, against the targets of the other view [N,d].
Tensor term(const Options& o, const Tensor& q, const Tensor& k) {
  return o.base == Base::byol ? byol(q, k) : info_nce(q, k, o.tau);
}
// Both orders of the views. q: by view, of each layer [N,d]; k: by view.
Tensor both(const Options& o, const std::array<std::vector<Tensor>, 2>& q,
            const std::array<Tensor, 2>& k) {
  return term(o, cat(q[0], 0), k[1]) + term(o, cat(q[1], 0), k[0]);
}

// The heads of the layers that have some: all, or the last.
std::vector<Tensor> projected(const Student& s, const Tensor& view, Context& ctx) {
  if (s.projectors.size() == 1) return {s.projectors[0](s.net(view, ctx))};
  const std::vector<Tensor> f = s.net.features(view, ctx);
  std::vector<Tensor> out;
  for (size_t l = 0; l < f.size(); ++l) out.push_back(s.projectors[l](f[l]));
  return out;
}
std::vector<Tensor> predicted(const Student& s, const std::vector<Tensor>& z, bool detached) {
  std::vector<Tensor> out;
  for (size_t l = 0; l < z.size(); ++l)
    out.push_back(s.predictors[l](detached ? z[l].detach() : z[l]));
  return out;
}

std::vector<Tensor> lower(const std::vector<Tensor>& by_layer) {
  return {by_layer.begin(), by_layer.end() - 1};
}

// The total, from what was filled in.
Losses summed(Losses l, double alpha, const Options& o, int64_t layers) {
  l.total = l.out;
  if (l.mid.defined())
    l.total =
        l.total + l.mid * (alpha * (o.lower == Lower::sum ? static_cast<double>(layers - 1) : 1.0));
  if (l.pred.defined()) l.total = l.total + l.pred * static_cast<double>(layers);
  return l;
}

Losses simclr(const std::array<std::vector<Tensor>, 2>& z, double alpha, const Options& o) {
  Losses l;
  const Tensor last = cat({z[0].back(), z[1].back()}, 0);
  l.out = nt_xent(last, o.tau);
  l.keys = l2_normalize(last.detach());
  const auto layers = static_cast<int64_t>(z[0].size());
  if (layers > 1) {
    std::vector<Tensor> anchors;
    for (int64_t i = 0; i + 1 < layers; ++i)
      for (const auto& view : z) anchors.push_back(view[static_cast<size_t>(i)]);
    l.mid = nt_xent(cat(anchors, 0), last.detach(), o.tau);
  }
  return summed(std::move(l), alpha, o, layers);
}

}  // namespace

double alpha(const Options& o, int64_t step, int64_t steps) {
  return o.alpha_end *
         (1 - std::cos(M_PI * static_cast<double>(step) / static_cast<double>(steps))) / 2;
}

Student::Student(const Random& r, const Options& o, const VitOptions& v) : net(r / "net", v) {
  const int64_t heads = o.lower == Lower::none ? 1 : v.layers;
  for (int64_t l = 0; l < heads; ++l) {
    const int64_t from_last = heads - 1 - l;
    projectors.emplace_back(r / "projectors" / from_last,
                            HeadOptions{.in = v.width,
                                        .hidden = from_last ? o.lower_hidden : o.hidden,
                                        .out = o.out,
                                        .last_norm = o.base != Base::byol,
                                        .dtype = v.dtype});
    if (o.has_target())
      predictors.emplace_back(r / "predictors" / from_last,
                              HeadOptions{.in = o.out,
                                          .hidden = o.predictor_hidden,
                                          .out = o.out,
                                          .layers = 2,
                                          .last_norm = o.base != Base::byol,
                                          .dtype = v.dtype});
  }
}

Teacher teacher_of(const Student& student) {
  return as_leaves(Teacher{student.net, student.projectors.back()}, false);
}

Losses losses(const Student& student, const Teacher& teacher, const Tensor& view1,
              const Tensor& view2, double alpha, const Options& o) {
  Context ctx{.training = true};
  const std::array<Tensor, 2> views = {view1, view2};
  std::array<std::vector<Tensor>, 2> z = {};
  for (size_t v = 0; v < 2; ++v) z[v] = projected(student, views[v], ctx);
  if (o.base == Base::simclr) return simclr(z, alpha, o);
  std::array<Tensor, 2> k = {};
  {
    const NoGrad quiet;
    for (size_t v = 0; v < 2; ++v) k[v] = teacher.projector(teacher.net(views[v], ctx));
  }
  Losses l;
  std::array<std::vector<Tensor>, 2> q = {}, low = {}, last = {}, detached = {};
  const auto layers = static_cast<int64_t>(z[0].size());
  for (size_t v = 0; v < 2; ++v) {
    q[v] = predicted(student, z[v], false);
    last[v] = {q[v].back()}, low[v] = lower(q[v]);
  }
  l.out = both(o, last, k);
  l.keys = l2_normalize(cat({k[0], k[1]}, 0));
  if (layers > 1) {
    l.mid = both(o, low, k);
    if (o.predictors) {
      for (size_t v = 0; v < 2; ++v) detached[v] = predicted(student, z[v], true);
      l.pred = both(o, detached, k);
    }
  }
  return summed(std::move(l), alpha, o, layers);
}

Learner::Learner(const Random& r, const Options& o, const VitOptions& v, int64_t steps_of,
                 const Training& t)
    : student(r, o, v), options(o), training(t), steps(steps_of) {
  if (o.has_target()) teacher = teacher_of(student);
  const std::vector<Tensor> p = parameters(student);
  if (t.lars) {
    lars = Lars{}.initial(p);
  } else {
    adam = Adam{}.initial(p);
  }
}

double Learner::learn(const Tensor& view1, const Tensor& view2, int64_t i) {
  const Losses l = losses(student, teacher, view1, view2, alpha(options, i, steps), options);
  const double value = l.total.item();
  if (!std::isfinite(value)) throw NumericError("sdssl: the training loss is no number");
  const Student g = grad(l.total, student);
  keys = l.keys;
  const double lr = cosine_with_warmup(training.lr, steps, training.warmup)(i);
  if (training.lars) {
    const Lars how{.lr = lr,
                   .weight_decay = training.weight_decay,
                   .exclude = flags(student, [&](const std::string& n, const Tensor& t) {
                     return !matrices(n, t);
                   })};
    student = update(how, std::move(student), lars, g);
  } else {
    const Adam how{.lr = lr,
                   .weight_decay = training.weight_decay,
                   .decoupled_weight_decay = true,
                   .factors = {.weight_decay = factors(student, matrices)}};
    student = update(how, std::move(student), adam, g);
  }
  if (options.has_target())
    teacher = moving_average(std::move(teacher), Teacher{student.net, student.projectors.back()},
                             cosine_momentum(options.momentum, i, steps));
  return value;
}

}  // namespace regrad::sdssl
