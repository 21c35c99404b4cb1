// The same bits for any number of threads: whole training steps of convolutional nets, and image
// ops at odd sizes.
#include <doctest/doctest.h>

#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/meta_gradient.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/resnet.h>

#include <set>

using namespace regrad;

namespace {

// FNV-1a over the bytes.
void add(uint64_t& h, const Tensor& x) {
  const Tensor dense = x.detach().contiguous();
  const auto* bytes = reinterpret_cast<const unsigned char*>(dense.data<float>());
  for (int64_t i = 0; i < dense.numel() * 4; ++i) h = (h ^ bytes[i]) * 0x100000001b3;
}
template <class Net>
uint64_t hash_of(const Net& net) {
  uint64_t h = 0xcbf29ce484222325;
  each(net, [&](const std::string&, const Tensor& t, bool) { add(h, t); });
  return h;
}

template <class F>
std::set<uint64_t> on_all_threads(F&& f) {
  const int before = num_threads();
  std::set<uint64_t> hashes;
  for (const int threads : {1, 2, 3, 4, 8}) {
    set_num_threads(threads);
    hashes.insert(f());
  }
  set_num_threads(before);
  return hashes;
}

Tensor drawn(const Random& r, const Shape& s) { return normal(r, s); }

}  // namespace

TEST_CASE("20 steps of ResNet-20: one hash") {
  const auto train = [] {
    const Random r(4);
    Resnet net(r / "net", {}, 10);
    const Tensor x = drawn(r / "x", {21, 3, 16, 16}), y = randint(r / "y", 0, 10, {21});
    const Sgd sgd{.lr = 0.05, .momentum = 0.9};
    Sgd::State state;
    for (int i = 0; i < 20; ++i) {
      Context ctx{.training = true};
      const Tensor loss = cross_entropy(net(x, ctx), y);
      const Resnet g = grad(loss, net);
      net = commit(update(sgd, std::move(net), state, g), ctx);
    }
    return hash_of(net);
  };
  CHECK(on_all_threads(train).size() == 1);
}

TEST_CASE("20 second-order steps of MAML on Conv4, by tasks and all at once: one hash each") {
  const Random r(5);
  const TaskBatch batch{drawn(r / "sx", {3, 5, 1, 28, 28}), randint(r / "sy", 0, 5, {3, 5}),
                        drawn(r / "qx", {3, 11, 1, 28, 28}), randint(r / "qy", 0, 5, {3, 11})};
  for (const int64_t chunk : {1, 3}) {
    const auto train = [&] {
      Conv4 net(r / "net", {.channels = 16}, 5);
      const Adam adam{.lr = 1e-3};
      Adam::State state;
      for (int i = 0; i < 20; ++i) {
        const auto [g, loss] =
            gradient_by_chunks(net, batch, chunk, [](const Conv4& w, const TaskBatch& part) {
              return objective(w, maml::Rule{.alpha = 0.1}, cross_entropy_by_task, part);
            });
        net = update(adam, std::move(net), state, g);
      }
      return hash_of(net);
    };
    CHECK(on_all_threads(train).size() == 1);
  }
}

TEST_CASE("image ops at odd sizes, few images, overlapping windows: one hash each") {
  const Random r(6);
  for (const int64_t n : {1, 5, 7, 19}) {
    const auto evaluate = [&] {
      const Tensor x = drawn(r / "x", {n, 5, 37, 41}).requires_grad_(),
                   w = drawn(r / "w", {7, 5, 3, 3}).requires_grad_();
      const Tensor k = drawn(r / "k", {7}).requires_grad_(),
                   d = drawn(r / "d", {7, 1, 3, 5}).requires_grad_();
      const Tensor y = batch_norm(conv2d(x, w, k, {.stride = {1, 2}, .padding = 1}), k, k,
                                  {.relu = true, .max_pool = Window{3, 2, 1}});
      const Tensor z = batch_norm(conv2d(y, d, {}, {.padding = {1, 2}, .groups = 7}), k, k,
                                  {.relu = true, .residual = y});
      const Tensor p = avg_pool2d(max_pool2d(z, 3, {.stride = 1, .padding = 1}), 3, {.stride = 2});
      const Tensor u =
          interpolate(conv_transpose2d(p, drawn(r / "t", {7, 3, 2, 2}), {}, {.stride = 2}), {23, 9},
                      Interpolation::bilinear);
      const auto g = grad(TensorList(sum(square(group_norm(u, 3)) * 0.5 + u)), {x, w, k, d},
                          {.create_graph = true});
      uint64_t h = 0xcbf29ce484222325;
      add(h, u);
      Tensor s = scalar(0);
      for (const Tensor& t : g) {
        add(h, t);
        s = s + sum(square(t));
      }
      for (const Tensor& t : grad(TensorList(s), {x, w, k, d})) add(h, t);
      return h;
    };
    CAPTURE(n);
    CHECK(on_all_threads(evaluate).size() == 1);
  }
}
