// Sparse matrices and graph layers, against dense matrices of the same numbers.
#include <doctest/doctest.h>

#include <regrad/datasets/block_model.h>
#include <regrad/datasets/citations.h>
#include <regrad/engine/ops/sparse.h>
#include <regrad/regrad.h>

#include <cmath>
#include <map>
#include <set>

#include "../datasets/shared_data.h"

using namespace regrad;
using regrad::test::has_shared_data;
using regrad::test::shared_data;

namespace {

// rows x cols with about `share` of the places filled, values in +-1.
Csr random_matrix(uint64_t seed, int64_t rows, int64_t cols, double share, DType t = DType::f64) {
  const Random r(seed);
  std::vector<int64_t> pointers{0}, columns;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j)
      if (r.uniform(static_cast<uint64_t>(i * cols + j)) < share) columns.push_back(j);
    pointers.push_back(static_cast<int64_t>(columns.size()));
  }
  const auto nnz = static_cast<int64_t>(columns.size());
  return sparse_csr_tensor(from_data(pointers.data(), {rows + 1}, DType::i64),
                           from_data(columns.data(), {nnz}, DType::i64),
                           uniform(r / "values", {nnz}, -1, 1, t), rows, cols);
}

double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  for (size_t i = 0; i < x.size(); ++i)
    largest =
        std::max(largest, std::isnan(x[i]) || std::isnan(y[i]) ? INFINITY : std::abs(x[i] - y[i]));
  return largest;
}

// A tree of `nodes` and as many edges again.
Tensor random_edges(uint64_t seed, int64_t nodes) {
  const Random r(seed);
  std::vector<int64_t> from, to;
  for (int64_t i = 1; i < nodes; ++i) {
    from.push_back(i), to.push_back(r.integer(static_cast<uint64_t>(i), i));
    const int64_t a = r.integer(static_cast<uint64_t>(nodes + i), nodes),
                  b = r.integer(static_cast<uint64_t>(2 * nodes + i), nodes);
    if (a != b) from.push_back(a), to.push_back(b);
  }
  from.insert(from.end(), to.begin(), to.end());
  return from_data(from.data(), {2, static_cast<int64_t>(from.size()) / 2}, DType::i64);
}

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}
bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

Tensor i64(std::initializer_list<double> v) { return tensor(v, DType::i64); }

}  // namespace

TEST_CASE("spmm, sddmm and transpose are the dense products, at every width and batch") {
  for (const DType t : {DType::f32, DType::f64}) {
    const double within = t == DType::f32 ? 2e-6 : 1e-14;
    const Csr a = random_matrix(1, 23, 17, 0.3, t);
    const Tensor dense = to_dense(a), at = row_indices(a) * 17.0 + a.columns;
    CHECK(gap(to_dense(transpose(a)), dense.mT()) == 0);
    CHECK(gap(to_dense(transpose(transpose(a))), dense) == 0);
    for (const int64_t f : {0, 1, 3, 4, 15, 16, 17, 33, 64, 70, 130, 257}) {
      const Tensor x = uniform(Random(2) / f, {17, f}, -1, 1, t),
                   g = uniform(Random(3) / f, {23, f}, -1, 1, t);
      CHECK(gap(spmm(a, x), matmul(dense, x)) <= within * 17);
      CHECK(gap(sddmm(a, g, x), index_select(reshape(matmul(g, x.mT()), {23 * 17}), 0, at)) <=
            within * static_cast<double>(f + 1));
    }
    const Tensor batch = uniform(Random(4), {2, 3, 17, 5}, -1, 1, t);
    CHECK(gap(spmm(a, batch), matmul(dense, batch)) <= within * 17);
  }
}

TEST_CASE(
    "gradients to values and x are those of the dense product, at second order too, and through "
    "transpose") {
  const Csr a = random_matrix(5, 7, 6, 0.4);
  const Tensor x = uniform(Random(6), {6, 3}, -1, 1, DType::f64);
  const auto loss = [&](const Csr& m, const Tensor& t) {
    return sum(sin(spmm(transpose(m), exp(spmm(m, t)))));
  };
  const auto dense_loss = [&](const Tensor& v, const Tensor& t) {
    const Tensor m = to_dense(with_values(a, v));
    return sum(sin(matmul(m.mT(), exp(matmul(m, t)))));
  };
  const auto both = [&](auto&& f) {
    const Tensor v = a.values.detach().requires_grad_(), p = x.detach().requires_grad_();
    const std::vector<Tensor> g = grad(TensorList(f(v, p)), {v, p}, {.create_graph = true});
    std::vector<Tensor> h = grad(TensorList(sum(square(g[0])) + sum(g[1] * p)), {v, p});
    h.push_back(g[0].detach()), h.push_back(g[1].detach());
    return h;
  };
  const std::vector<Tensor> sparse = both([&](const Tensor&v, const Tensor&p) {
    return loss(with_values(a, v), p);
  }),
                            dense = both(dense_loss);
  for (size_t i = 0; i < sparse.size(); ++i) CHECK(gap(sparse[i], dense[i]) <= 1e-11);
}

TEST_CASE("products and their gradients have the same bits on 1, 2, 3, 4 and 8 threads") {
  const Csr a = random_matrix(7, 700, 500, 0.03, DType::f32);
  const Tensor x = uniform(Random(8), {3, 500, 33}, -1, 1);
  std::vector<std::vector<float>> first;
  const int before = num_threads();
  for (const int threads : {1, 2, 3, 4, 8}) {
    set_num_threads(threads);
    const Tensor v = a.values.detach().requires_grad_(), p = x.detach().requires_grad_();
    const Tensor y = spmm(with_values(a, v), p);
    const std::vector<Tensor> g = grad(TensorList(sum(square(y))), {v, p});
    const std::vector<std::vector<float>> now = {y.to_vector<float>(), g[0].to_vector<float>(),
                                                 g[1].to_vector<float>()};
    if (first.empty()) first = now;
    CHECK(now == first);
  }
  set_num_threads(before);
}

TEST_CASE("what is no sparse matrix is refused, and the message names the number that is wrong") {
  const Tensor v = ones({3});
  const auto make = [&](const Tensor& p, const Tensor& c, const Tensor& values) {
    return message_of<ShapeError>([&] { sparse_csr_tensor(p, c, values, 2, 2); });
  };
  CHECK(make(i64({0, 1, 3}), i64({0, 0, 1}), v) == "nothing was thrown");
  CHECK(says(make(i64({0, 3}), i64({0, 0, 1}), v), "row pointers [2]"));
  CHECK(says(make(i64({0, 1, 3}), i64({0, 2, 1}), v), "column 1 is 2, outside [0, 1]"));
  CHECK(says(make(i64({0, 1, 3}), i64({0, -1, 1}), v), "column 1 is -1"));
  CHECK(says(make(i64({0, 2, 1}), i64({0, 0, 1}), v), "row pointer 2 is 1"));
  CHECK(says(make(i64({0, 1, 4}), i64({0, 0, 1}), v), "row pointer 2 is 4"));
  CHECK(says(make(i64({1, 1, 3}), i64({0, 0, 1}), v), "run from 1 to 3"));
  CHECK(says(make(i64({0, 1, 2}), i64({0, 0, 1}), v), "run from 0 to 2"));
  CHECK(says(make(i64({0, 1, 3}), i64({0, 0, 1}), ones({2})), "values [2] for 3 entries"));
  CHECK_THROWS_AS(sparse_csr_tensor(tensor({0, 1, 3}), i64({0, 0, 1}), v, 2, 2), DTypeError);
  CHECK_THROWS_AS(sparse_csr_tensor(i64({0, 1, 3}), i64({0, 0, 1}), i64({1, 1, 1}), 2, 2),
                  DTypeError);
  const Csr a = sparse_csr_tensor(i64({0, 1, 3}), i64({0, 0, 1}), v, 2, 2);
  CHECK(says(message_of<ShapeError>([&] {
               spmm(a, ones({3, 1}));
             }),
             "x [3,1]; the matrix needs [..,2,f]"));
  CHECK_THROWS_AS(spmm(a, ones({2})), ShapeError);
  CHECK_THROWS_AS(spmm(a, ones({2, 1}, DType::f64)), DTypeError);
  CHECK_THROWS_AS(sddmm(a, ones({2, 1}), ones({2, 3})), ShapeError);
  CHECK_THROWS_AS(with_values(a, ones({4})), ShapeError);
}

TEST_CASE("a forged structure is refused by the rows themselves") {
  const Csr a = random_matrix(9, 4, 3, 0.6);
  const Tensor x = ones({1, 3, 2}, DType::f64), g = ones({1, 4, 2}, DType::f64);
  const std::vector<double> good = a.structure.to_vector();
  int refused = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    for (const double bad : {-1.0, 1e6, -9e15}) {
      std::vector<double> forged = good;
      forged[i] = bad;
      const Tensor s = tensor(forged, a.structure.shape(), DType::i64);
      const auto throws = [](auto&& f) {
        return message_of<ShapeError>(f) != "nothing was thrown";
      };
      const bool whole = throws([&] { detail::spmm_packed(s, a.values, x, 4, 3, false); });
      const bool turned = throws([&] { detail::spmm_packed(s, a.values, g, 4, 3, true); });
      CHECK(whole != turned);  // each direction reads its own part
      CHECK(throws([&] { detail::sddmm_packed(s, g, x, 4, 3); }) == whole);
      ++refused;
    }
  }
  CHECK(refused == 3 * a.structure.numel());
}

TEST_CASE(
    "edges become a 0/1 matrix: both ways, each once, without loops unless all are asked for") {
  // 0-1, 1-0, 1-2, 2-3, 2-2
  const Tensor edges = tensor({0, 1, 1, 2, 2, 1, 0, 2, 3, 2}, {2, 5}, DType::i64);
  const Csr a = csr_from_edges(edges, 5);
  CHECK(to_dense(a).to_vector() == std::vector<double>{0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0,
                                                       1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
  CHECK(a.values.dtype() == DType::f32);
  const Csr directed =
      csr_from_edges(edges, 5, {.undirected = false, .self_loops = true, .dtype = DType::f64});
  CHECK(to_dense(directed).to_vector() == std::vector<double>{1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1,
                                                              1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1});
  CHECK(
      says(message_of<ShapeError>([&] { csr_from_edges(edges, 3); }), "edge 3 names node 3 of 3"));
  CHECK_THROWS_AS(csr_from_edges(i64({0, 1}), 3), ShapeError);
  CHECK_THROWS_AS(csr_from_edges(ones({2, 2}), 3), DTypeError);
  CHECK(csr_from_edges(zeros({2, 0}, DType::i64), 2).nnz() == 0);
}

TEST_CASE(
    "normalized adjacency: D^-1 (A+I) has rows of sum 1, D^-1/2 (A+I) D^-1/2 is the formula") {
  const int64_t n = 30;
  const Tensor edges = random_edges(10, n),
               a = to_dense(csr_from_edges(edges, n, {.dtype = DType::f64})) + eye(n, DType::f64);
  const Tensor degree = sum(a, {1});
  const Csr walk = normalized_adjacency(edges, n, Propagation::random_walk, DType::f64);
  CHECK(gap(sum(to_dense(walk), {1}), ones({n}, DType::f64)) <= 1e-15);
  CHECK(gap(to_dense(walk), a / unsqueeze(degree, 1)) <= 1e-15);
  const Csr s = normalized_adjacency(edges, n, Propagation::symmetric, DType::f64);
  CHECK(gap(to_dense(s), rsqrt(unsqueeze(degree, 1)) * a * rsqrt(degree)) <= 1e-15);
  CHECK(gap(to_dense(s), to_dense(transpose(s))) <= 1e-16);
  const Tensor x = uniform(Random(11), {n, 4}, -1, 1, DType::f64);
  CHECK(gap(propagate(s, x, 2), matmul(to_dense(s), matmul(to_dense(s), x))) <= 1e-14);
  CHECK(propagate(s, x, 0).to_vector() == x.to_vector());
  CHECK(normalize_rows(tensor({1, 3, 0, 0}, {2, 2})).to_vector() ==
        std::vector<double>{0.25, 0.75, 0, 0});
  const Csr cancels = sparse_csr_tensor(i64({0, 2}), i64({0, 1}), tensor({1, -1}), 1, 2);
  CHECK(says(message_of<NumericError>([&] { normalized(cancels, Propagation::random_walk); }),
             "row 0 sums to 0"));
  CHECK_THROWS_AS(normalized(cancels, Propagation::symmetric), ShapeError);
}

TEST_CASE(
    "GraphConv: the formula; sparse features are dense ones; a task dimension is the loop over "
    "tasks") {
  const int64_t n = 20;
  const Csr s = normalized_adjacency(random_edges(12, n), n, Propagation::symmetric, DType::f64);
  Tensor x = uniform(Random(13), {n, 9}, -1, 1, DType::f64);
  x = where(lt(x, zeros_like(x)), zeros_like(x), x);
  const GraphConv conv(Random(14), 9, 5, true, DType::f64);
  CHECK(parameter_count(conv) == 9 * 5 + 5);
  CHECK(gap(conv(s, x), matmul(to_dense(s), matmul(x, conv.weight)) + conv.bias) <= 1e-14);
  CHECK(gap(conv(s, to_sparse(x)), conv(s, x)) <= 1e-14);
  GraphConv tasks = per_task(conv, 3);
  tasks = map(tasks, [](const Tensor& p) {
    return p * uniform(Random(15), p.shape(), 0.5, 1.5, DType::f64);
  });
  for (int64_t t = 0; t < 3; ++t) {
    const GraphConv own = map(tasks, [t](const Tensor& p) { return p[t]; });
    CHECK(gap(tasks(s, x)[t], own(s, x)) <= 1e-14);
    CHECK(gap(tasks(s, to_sparse(x))[t], own(s, x)) <= 1e-14);
  }
  const double bound = 1 / std::sqrt(5.0);
  CHECK(amax(abs(conv.weight)).item() <= bound);
  CHECK(amax(abs(conv.weight)).item() > 0.8 * bound);
}

TEST_CASE("Gcn: counts; dropout by its stream alone; permuting node ids permutes the output") {
  const Gcn cora(Random(16), 1433, 7);
  CHECK(parameter_count(cora) == 1433 * 16 + 16 + 16 * 7 + 7);  // 23,063
  const int64_t n = 40;
  const Tensor edges = random_edges(17, n), x = uniform(Random(18), {n, 6}, 0, 1, DType::f64);
  const Gcn net(Random(19), 6, 3, 16, 0.5, DType::f64);
  const Csr s = normalized_adjacency(edges, n, Propagation::random_walk, DType::f64);
  const Tensor y = net(s, x);
  const auto dropped = [&](int64_t seed, bool training = true) {
    return net(s, x, Context{.training = training, .random = Random(seed)});
  };
  CHECK(net(s, x).to_vector() == y.to_vector());
  CHECK(dropped(1, false).to_vector() == y.to_vector());
  CHECK(dropped(1).to_vector() == dropped(1).to_vector());
  CHECK(dropped(1).to_vector() != dropped(2).to_vector());
  CHECK(gap(dropped(1), y) > 1e-3);
  // Node i becomes node places[i].
  const Tensor order = randperm(Random(20), n), places = argsort(order, 0);
  const Csr moved = normalized_adjacency(
      reshape(index_select(places, 0, reshape(edges, {edges.numel()})), edges.shape()), n,
      Propagation::random_walk, DType::f64);
  CHECK(gap(net(moved, index_select(x, 0, order)), index_select(y, 0, order)) <= 1e-14);
  CHECK(gap(net(moved, x), y) > 1e-3);
}

TEST_CASE("a Gcn learns the classes of a block model from a few labels") {
  const Graph g = BlockModel{.nodes = 280}.sample(Random(21));
  const Csr s = normalized_adjacency(g.edges, 280, Propagation::symmetric);
  const Csr words = to_sparse(normalize_rows(g.features));
  const Tensor known = arange(0, 70), labels = index_select(g.labels, 0, known);
  Gcn net(Random(22), g.features.size(1), 7);
  const Adam adam{.lr = 0.02};
  Adam::State state;
  for (int64_t i = 0; i < 60; ++i) {
    const Context ctx{.training = true, .random = Random(23) / i};
    net = update(adam, std::move(net), state,
                 grad(cross_entropy(index_select(net(s, words, ctx), 0, known), labels), net));
  }
  const auto share = [&](const Gcn& at) {
    return mean(eq(argmax(at(s, words), 1), g.labels).to(DType::f64)).item();
  };
  CHECK(share(net) > 0.6);  // by chance 1/7; the first 70 nodes are a quarter
  CHECK(share(Gcn(Random(22), g.features.size(1), 7)) < 0.4);
}

TEST_CASE("index_rows and to_sparse are their dense counterparts") {
  const Csr a = random_matrix(24, 9, 7, 0.4);
  const Tensor rows = i64({3, 3, 0, 8});
  CHECK(gap(to_dense(index_rows(a, rows)), index_select(to_dense(a), 0, rows)) == 0);
  CHECK(gap(to_dense(to_sparse(to_dense(a))), to_dense(a)) == 0);
  CHECK(to_sparse(zeros({3, 2})).nnz() == 0);
  CHECK(to_sparse(zeros({3, 0})).rows == 3);
  CHECK_THROWS_AS(index_rows(a, i64({9})), ShapeError);
  CHECK_THROWS_AS(to_sparse(zeros({3})), ShapeError);
}

TEST_CASE("neighbourhoods: the nodes within two edges, the edges among them, means over them") {
  const int64_t n = 25;
  const Csr a = csr_from_edges(random_edges(25, n), n, {.self_loops = true, .dtype = DType::f64});
  const Tensor dense = to_dense(a), within = matmul(dense, dense);
  const Tensor centres = i64({4, 0, 24, 4});
  const Subgraphs around = neighbourhoods(a, centres, 2);
  const std::vector<int64_t> nodes = around.nodes.to_vector<int64_t>();
  int64_t first = 0;
  for (int64_t c = 0; c < centres.numel(); ++c) {
    const auto centre = static_cast<int64_t>(centres[c].item());
    std::vector<int64_t> expected;
    for (int64_t j = 0; j < n; ++j)
      if (within[centre][j].item() > 0) expected.push_back(j);
    const auto size = static_cast<int64_t>(expected.size());
    REQUIRE(first + size <= static_cast<int64_t>(nodes.size()));
    CHECK(std::vector<int64_t>(nodes.begin() + first, nodes.begin() + first + size) == expected);
    const Tensor here = from_data(expected.data(), {size}, DType::i64);
    const Tensor block =
        slice(slice(to_dense(around.adjacency), 0, first, first + size), 1, first, first + size);
    CHECK(gap(block, index_select(index_select(dense, 0, here), 1, here)) == 0);
    const Tensor row = to_dense(around.mean)[c];
    CHECK(gap(slice(row, 0, first, first + size),
              full({size}, 1 / static_cast<double>(size), DType::f64)) <= 1e-16);
    first += size;
  }
  CHECK(first == around.adjacency.rows);
  CHECK(gap(sum(to_dense(around.mean), {1}), ones({4}, DType::f64)) <= 1e-15);
  CHECK(neighbourhoods(a, centres, 0).nodes.to_vector() == centres.to_vector());
  CHECK_THROWS_AS(neighbourhoods(a, i64({25}), 2), ShapeError);
  CHECK_THROWS_AS(neighbourhoods(a, centres, -1), ConfigError);
}

TEST_CASE("modulation: 1 + 0.01 scale, feature by feature and task by task") {
  const Tensor x = uniform(Random(26), {2, 5, 3}, -1, 1, DType::f64),
               scale = uniform(Random(27), {2, 3}, -1, 1, DType::f64);
  CHECK(gap(modulate(x, scale), x + 0.01 * x * unsqueeze(scale, 1)) <= 1e-15);
  CHECK(gap(modulate(x[0], scale[1], 0.5), x[0] + 0.5 * x[0] * scale[1]) <= 1e-15);
  const FeatureScale learned(Random(28), 3, 4, DType::f64);
  CHECK(parameter_count(learned) == 3 * 4 + 4 * 3);
  const Tensor m = uniform(Random(29), {2, 3}, -1, 1, DType::f64);
  CHECK(gap(learned(m)[1], tanh(matmul(learned.up, relu(matmul(learned.down, m[1]))))) <= 1e-15);
  CHECK(gap(per_task(learned, 2)(m), learned(m)) <= 1e-15);
}

TEST_CASE(
    "Cora: rows of D^-1 (A+I) sum to 1, and permuting node ids permutes a Gcn's output (fact 17)" *
    doctest::test_suite("shared data")) {
  if (!has_shared_data("cora.content.gz")) return;
  const Graph g =
      load_citations(shared_data("cora.content.gz"), shared_data("cora.cites.gz")).graph;
  const int64_t n = g.nodes();
  const Csr walk = normalized_adjacency(g.edges, n, Propagation::random_walk, DType::f64);
  CHECK(walk.nnz() == 2 * 5278 + 2708);
  CHECK(gap(spmm(walk, ones({n, 1}, DType::f64)), ones({n, 1}, DType::f64)) <= 1e-14);
  const Gcn net(Random(30), g.features.size(1), 7);
  const Csr s = normalized_adjacency(g.edges, n, Propagation::symmetric);
  const Tensor x = normalize_rows(g.features), y = net(s, to_sparse(x));
  const Tensor order = randperm(Random(31), n), places = argsort(order, 0);
  const Csr moved = normalized_adjacency(
      reshape(index_select(places, 0, reshape(g.edges, {g.edges.numel()})), g.edges.shape()), n,
      Propagation::symmetric);
  CHECK(gap(net(moved, to_sparse(index_select(x, 0, order))), index_select(y, 0, order)) <= 1e-5);
  CHECK(gap(net(s, x), y) <= 1e-5);
}
