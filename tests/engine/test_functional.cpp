// Compositions: every order against differences, f32 against f64, and what PyTorch's users expect
// of values, shapes and errors.
#include <doctest/doctest.h>

#include "op_cases.h"

#include <regrad/engine/functional.h>

#include <cmath>
#include <limits>

using namespace regrad;
using namespace regrad::test;

namespace {

using In = const std::vector<Tensor>&;
constexpr double inf = std::numeric_limits<double>::infinity();

void pairs(Samples& s) {
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}, Shape{4, 2}, Shape{2, 3, 2}, Shape{0, 2}})
    s.add({shape, shape}, {{.low = -1.5, .high = 1.5}});
}
void distinct_pairs(Samples& s) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}, Shape{4, 2}, Shape{2, 3, 2}})
    s.add({shape, shape}, {{.kind = Domain::distinct}});
}
void probabilities(Samples& s) {
  for (const Shape& shape : {Shape{1}, Shape{5}, Shape{2, 3}, Shape{4, 2}, Shape{2, 3, 2}})
    s.add({shape, shape}, {{-2, 0}, {0.1, 0.9}});
}
void rows_and_classes(Samples& s) {
  s.add({{3}, {}}, {{}, {.low = 0, .high = 3, .kind = Domain::index}});
  for (const Shape& shape : {Shape{2, 4}, Shape{5, 2}, Shape{2, 3, 4}, Shape{0, 3}, Shape{1, 3}}) {
    s.add({shape, Shape(shape.begin(), shape.end() - 1)},
          {{}, {.low = 0, .high = static_cast<double>(shape[-1]), .kind = Domain::index}});
  }
}
void matrices(Samples& s) {
  for (const Shape& shape :
       {Shape{1, 1}, Shape{2, 3}, Shape{4, 2}, Shape{3, 3}, Shape{2, 3, 2}, Shape{2, 2, 4},
        Shape{1, 2, 1, 3}, Shape{3, 4}, Shape{6, 1}, Shape{2, 4, 2}})
    s.add({shape}, {{.low = 0.4, .high = 2}});
}
void two_matrices(Samples& s) {
  for (const auto& [a, b] : std::initializer_list<std::pair<Shape, Shape>>{
           {{2, 3}, {2, 3}}, {{1, 4}, {3, 4}}, {{2, 2, 3}, {2, 4, 3}}, {{3, 1}, {2, 1}}})
    s.add({a, b}, {{.kind = Domain::distinct}});
}

const std::vector<Composition>& compositions() {
  static const std::vector<Composition> list = {
      {"mse_loss", pairs, [](In x) { return mse_loss(x[0], x[1]); }},
      {"l1_loss", distinct_pairs, [](In x) { return l1_loss(x[0], x[1], Reduction::none); }, false},
      {"huber_loss", distinct_pairs,
       [](In x) { return huber_loss(x[0], x[1], 0.087, Reduction::sum); }, false},
      {"kl_div", probabilities, [](In x) { return kl_div(x[0], x[1]); }},
      {"binary_cross_entropy_with_logits", probabilities,
       [](In x) { return binary_cross_entropy_with_logits(x[0], x[1]); }},
      {"nll_loss", rows_and_classes, [](In x) { return nll_loss(x[0], x[1], Reduction::sum); }},
      {"cross_entropy", rows_and_classes,
       [](In x) { return cross_entropy(x[0], x[1], Reduction::none); }},
      {"cosine_similarity",
       [](Samples& s) {
         for (const Shape& q : {Shape{2, 3}, Shape{3, 2}, Shape{1, 4}, Shape{2, 2, 3}})
           s.add({q, q}, {{.low = 0.2, .high = 2}});
       },
       [](In x) { return cosine_similarity(unsqueeze(x[0], -2), unsqueeze(x[1], -3), -1); }, false},
      {"pairwise_distance", pairs,
       [](In x) { return x[0].dim() ? pairwise_distance(x[0], x[1] + 4.0) : x[0]; }},
      {"cdist", two_matrices, [](In x) { return cdist(x[0], x[1] + 0.3); }, false},
      {"cdist_3", two_matrices, [](In x) { return cdist(x[0], x[1] + 30.0, 3); }, false},
      {"var", matrices, [](In x) { return var(x[0], {-1}, 0); }},
      {"std", matrices,
       [](In x) {
         return sqrt(var(x[0], {0, -1}, 0, true) + 0.5);
       }},
      {"norm", matrices, [](In x) { return norm(x[0], 2, {-1}); }},
      {"norm_3", matrices, [](In x) { return norm(x[0], 3, {}, false); }},
      {"prod", matrices, [](In x) { return prod(x[0] - 1.0, -1); }},
      {"prod_0", matrices, [](In x) { return prod(x[0], 0, true); }},
      {"amin",
       [](Samples& s) {
         s.add({{2, 3}}, {{.kind = Domain::distinct}});
         s.add({{7}}, {{.kind = Domain::distinct}});
         s.add({{2, 3, 2}}, {{.kind = Domain::distinct}});
       },
       [](In x) { return amin(x[0], {-1}); }, false},
      {"min",
       [](Samples& s) {
         s.add({{2, 3}}, {{.kind = Domain::distinct}});
         s.add({{7}}, {{.kind = Domain::distinct}});
         s.add({{2, 3, 2}}, {{.kind = Domain::distinct}});
       },
       [](In x) { return min(x[0], 0).values; }, false},
      {"sort",
       [](Samples& s) {
         s.add({{2, 3}}, {{.kind = Domain::distinct}});
         s.add({{7}}, {{.kind = Domain::distinct}});
         s.add({{2, 3, 2}}, {{.kind = Domain::distinct}});
       },
       [](In x) { return sort(x[0], 0, true).values * 2.0; }},
      {"topk",
       [](Samples& s) {
         s.add({{2, 3}}, {{.kind = Domain::distinct}});
         s.add({{7}}, {{.kind = Domain::distinct}});
         s.add({{2, 3, 4}}, {{.kind = Domain::distinct}});
       },
       [](In x) { return topk(x[0], 2).values; }},
      {"layer_norm",
       [](Samples& s) {
         s.add({{2, 3}, {3}, {3}}, {{}});
         s.add({{2, 2, 4}, {4}, {4}}, {{}});
         s.add({{5}, {5}, {5}}, {{}});
       },
       [](In x) { return layer_norm(x[0], x[1].shape(), x[1], x[2], 0.5); }},
      {"standardize_batch",
       [](Samples& s) {
         s.add({{3, 2, 2}}, {{}});
         s.add({{2, 3, 2, 2}}, {{}});
         s.add({{2, 1, 3}}, {{}});
       },
       [](In x) {
         return standardize(x[0], {0, -1}, 0.5) * inv_std(x[0], {0, -1}, 0.5);
       }},
      {"standardize_channels", matrices, [](In x) { return standardize(x[0], {1}, 0.5); }},
      {"attention_masked",
       [](Samples& s) {
         s.add({{2, 3, 2}, {2, 3, 2}, {2, 3, 2}}, {{}});
         s.add({{1, 2, 3, 2}, {1, 2, 3, 2}, {1, 2, 3, 1}}, {{}});
       },
       [](In x) {
         return scaled_dot_product_attention(x[0], x[1], x[2],
                                             {.mask = tril(ones({3, 3})).to(DType::b8)});
       }},
      {"attention_heads",
       [](Samples& s) {
         s.add({{2, 1, 3, 2}, {2, 1, 4, 2}, {2, 1, 4, 3}}, {{}});
       },
       [](In x) { return scaled_dot_product_attention(x[0], x[1], x[2]); }},
      {"leaky_relu",
       [](Samples& s) {
         for (const Shape& q : {Shape{}, Shape{7}, Shape{2, 3}, Shape{2, 3, 2}})
           s.add({q}, {{.away_from_zero = 0.1}});
       },
       [](In x) { return leaky_relu(x[0], 0.2); }, false},
      {"elu",
       [](Samples& s) {
         for (const Shape& q : {Shape{}, Shape{7}, Shape{2, 3}, Shape{2, 3, 2}})
           s.add({q}, {{.away_from_zero = 0.1}});
       },
       [](In x) { return elu(x[0], 0.7); }, false},
      {"split", matrices,
       [](In x) {
         const auto p = split(x[0], 2, -1);
         return sum(p.back() * p.back()) + sum(exp(p.front()));
       }},
      {"chunk", matrices, [](In x) { return chunk(exp(x[0]), 2, 0)[0]; }},
      {"pad", matrices,
       [](In x) {
         return square(pad(x[0], {1, 2, 0, 1}, 3));
       }},
      {"pad_zero", matrices,
       [](In x) {
         return square(pad(x[0], {2, -1}));
       }},
      {"flip", matrices,
       [](In x) {
         return square(flip(x[0], {0, -1}));
       }},
      {"roll", matrices, [](In x) { return exp(roll(x[0], 1, -1)); }},
      {"repeat", matrices,
       [](In x) {
         Shape t;
         for (int i = 0; i < x[0].dim(); ++i) t.push_back(i ? 1 : 2);
         t.insert(0, 2);
         return square(repeat(x[0], t));
       }},
      {"tril", matrices, [](In x) { return square(tril(x[0], 1)); }},
      {"triu", matrices, [](In x) { return square(triu(x[0])); }},
      {"diagonal", matrices, [](In x) { return exp(diagonal(x[0], 1, 0, -1)); }},
      {"outer",
       [](Samples& s) {
         s.add({{3}, {2}}, {{}});
         s.add({{1}, {5}}, {{}});
       },
       [](In x) { return outer(x[0], x[1]); }},
      {"einsum_matmul",
       [](Samples& s) {
         s.add({{2, 3}, {3, 4}}, {{}});
         s.add({{1, 2}, {2, 1}}, {{}});
       },
       [](In x) {
         return einsum("ij,jk->ki", {x[0], x[1]});
       }},
      {"einsum_batch",
       [](Samples& s) {
         s.add({{2, 3, 2}, {2, 2, 3}}, {{}});
       },
       [](In x) {
         return einsum("...ij,...jk->...ik", {x[0], x[1]});
       }},
      {"einsum_trace",
       [](Samples& s) {
         s.add({{3, 3}}, {{}});
       },
       [](In x) { return einsum("ii", TensorList(x[0])) * einsum("ij->j", TensorList(x[0])); }},
      {"einsum_three",
       [](Samples& s) {
         s.add({{2, 3}, {3}, {2}}, {{}});
       },
       [](In x) {
         return einsum("ab,b,a->", {x[0], x[1], x[2]});
       }},
      {"masked_fill", matrices,
       [](In x) { return square(masked_fill(x[0], x[0].detach() > scalar(1, x[0].dtype()), 0.5)); },
       false},
      {"index_put",
       [](Samples& s) {
         s.add({{4, 2}, {3, 2}}, {{}});
         s.add({{4, 3}, {3, 3}}, {{}});
       },
       [](In x) {
         return square(index_put(x[0], {tensor({0, 2, 0}, DType::i64)}, x[1]));
       }},
      {"index_put_add",
       [](Samples& s) {
         s.add({{4, 2}, {3}}, {{}});
       },
       [](In x) {
         return square(index_put(
             x[0], {tensor({0, 2, 0}, DType::i64), tensor({1, 0, 1}, DType::i64)}, x[1], true));
       }},
      {"dropout", matrices, [](In x) { return square(dropout(x[0], 0.3, Random(1) / "mask")); }},
      {"gumbel_softmax", matrices,
       [](In x) { return gumbel_softmax(x[0], Random(2) / "noise", 0.7); }},
  };
  return list;
}

}  // namespace

TEST_CASE("compositions at every order") {
  int64_t total = 0;
  for (const Composition& c : compositions()) {
    CAPTURE(std::string(c.name));
    const Checked done = check_composition(c);
    CHECK(done.fault == "");
    total += done.cases;
  }
  MESSAGE(total, " cases of ", compositions().size(), " compositions");
}

TEST_CASE("a faulty composition is caught") {
  const Composition bad{"half_detached", pairs, [](In x) { return x[0] * x[1].detach(); }};
  CHECK(check_composition(bad).fault.find("order 1") != std::string::npos);
}

TEST_CASE("values and shapes") {
  const Tensor x = arange(0, 6).reshape({2, 3});
  CHECK(split(x, 2, 1)[1].shape() == Shape{2, 1});
  CHECK(chunk(x, 5, 1).size() == 3);
  CHECK(pad(x, {1, 0}, 9).to_vector() == std::vector<double>{9, 0, 1, 2, 9, 3, 4, 5});
  CHECK(pad(x, {-1, 1}).to_vector() == std::vector<double>{1, 2, 0, 4, 5, 0});
  CHECK(flip(x, {1}).to_vector() == std::vector<double>{2, 1, 0, 5, 4, 3});
  CHECK(roll(x, -1, 1).to_vector() == std::vector<double>{1, 2, 0, 4, 5, 3});
  CHECK(repeat(x, {2, 1, 2}).shape() == Shape{2, 2, 6});
  CHECK(repeat(tensor({1, 2}), {2}).to_vector() == std::vector<double>{1, 2, 1, 2});
  CHECK(tril(x).to_vector() == std::vector<double>{0, 0, 0, 3, 4, 0});
  CHECK(triu(x, 1).to_vector() == std::vector<double>{0, 1, 2, 0, 0, 5});
  CHECK(diagonal(x).to_vector() == std::vector<double>{0, 4});
  CHECK(diagonal(x, -1).to_vector() == std::vector<double>{3});
  CHECK(diagonal(x, 5).shape() == Shape{0});
  CHECK(one_hot(tensor({1, 0}, DType::i64), 3).to_vector() ==
        std::vector<double>{0, 1, 0, 1, 0, 0});
  CHECK(cumsum(x, 1).to_vector() == std::vector<double>{0, 1, 3, 3, 7, 12});
  CHECK(topk(x, 2).indices.to_vector() == std::vector<double>{2, 1, 2, 1});
  CHECK(sort(tensor({3, NAN, 1}), 0).indices.to_vector() == std::vector<double>{2, 0, 1});
  CHECK(sort(tensor({2, 1, 2, 1}), 0, true).indices.to_vector() == std::vector<double>{0, 2, 1, 3});
  CHECK(any(x, {1}).to_vector() == std::vector<double>{1, 1});
  CHECK(all(x, {1}).to_vector() == std::vector<double>{0, 1});
  CHECK(all(zeros({0})).item() == 1);
  CHECK(prod(x + 1, 1).to_vector() == std::vector<double>{6, 120});
  CHECK(prod(zeros({2, 0}), 1).to_vector() == std::vector<double>{1, 1});
  CHECK(var(tensor({1, 2, 3, 4})).item() == doctest::Approx(5.0 / 3));
  CHECK(regrad::std(tensor({1, 3}), {0}, 0).item() == 1);
  CHECK(norm(tensor({3, -4})).item() == 5);
  CHECK(norm(tensor({3, -4}), inf).item() == 4);
  CHECK(argmin(tensor({3, 1, 2}), 0).item() == 1);
  CHECK(round(tensor({0.5, 1.5, -2.5})).to_vector() == std::vector<double>{0, 2, -2});
  CHECK(index_put(zeros({3}), {tensor({1, 1}, DType::i64)}, tensor({5, 7})).to_vector() ==
        std::vector<double>{0, 7, 0});
  CHECK(index_put(zeros({3}), {tensor({-1, -1}, DType::i64)}, tensor({5, 7}), true).to_vector() ==
        std::vector<double>{0, 0, 12});
  CHECK(einsum("ij->ji", TensorList(x)).to_vector() == std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(einsum("ij", TensorList(x)).shape() == Shape{2, 3});
  CHECK(einsum("ba", TensorList(x)).shape() == Shape{3, 2});
  CHECK(layer_norm(ones({2, 4}), {4}).to_vector() == std::vector<double>(8, 0));
}

TEST_CASE("gradients that a naive composition would spoil") {
  const Tensor zero = zeros({3}, DType::f64).requires_grad_();
  CHECK(grad(norm(zero), zero).to_vector() == std::vector<double>{0, 0, 0});
  CHECK(grad(sum(cdist(unsqueeze(zero, 0), unsqueeze(zero, 0))), zero).to_vector() ==
        std::vector<double>{0, 0, 0});
  const Tensor with_zeros = tensor({0, 2, 0}, DType::f64).requires_grad_();
  CHECK(grad(prod(with_zeros, 0), with_zeros).to_vector() == std::vector<double>{0, 0, 0});
  const Tensor one_zero = tensor({0, 2, 3}, DType::f64).requires_grad_();
  const Tensor g = grad(prod(one_zero, 0), one_zero, {.create_graph = true});
  CHECK(g.to_vector() == std::vector<double>{6, 0, 0});
  CHECK(grad(select(g, 0, 1), one_zero).to_vector() == std::vector<double>{3, 0, 0});
  const Tensor t = tensor({0, 0.5}, DType::f64),
               q = log(tensor({0.5, 0.5}, DType::f64)).detach().requires_grad_();
  CHECK(std::isfinite(kl_div(q, t).item()));
  const Tensor at_kink = tensor({0}, DType::f64).requires_grad_();
  CHECK(grad(sum(leaky_relu(at_kink, 0.3)), at_kink).item() == 0.3);
  CHECK(grad(sum(elu(at_kink, 0.3)), at_kink).item() == doctest::Approx(0.3));
}

TEST_CASE("straight through: the forward value, the surrogate's derivatives at every order") {
  const Tensor x = tensor({-0.4, 0.2, 1.3}, DType::f64).requires_grad_();
  const Tensor hard = ste(round(x), x);
  CHECK(hard.to_vector() == std::vector<double>{0, 0, 1});
  const Tensor g = grad(sum(hard * hard), x, {.create_graph = true});  // 2 round(x)
  CHECK(g.to_vector() == std::vector<double>{0, 0, 2});
  // d round / dx counts as 1 again
  CHECK(grad(sum(g), x).to_vector() == std::vector<double>{2, 2, 2});
  const Tensor soft = ste(to(x > scalar(0, DType::f64), DType::f64), sigmoid(x));
  const Tensor first = grad(sum(soft), x, {.create_graph = true});
  const Tensor s = sigmoid(x), expected = s * (1 - s) * (1 - 2 * s);
  const auto second = grad(sum(first), x).to_vector(), want = expected.to_vector();
  for (size_t i = 0; i < 3; ++i) CHECK(second[i] == doctest::Approx(want[i]).epsilon(1e-12));
  const Tensor logits = tensor({0.1, 2, -1}, DType::f64).requires_grad_();
  const Tensor pick = gumbel_softmax(logits, Random(5), 0.5, true);
  CHECK(sum(pick).item() == 1);
  CHECK(amax(pick).item() == 1);
  CHECK(grad(select(pick, 0, 0), logits).to_vector() ==
        grad(select(gumbel_softmax(logits, Random(5), 0.5), 0, 0), logits).to_vector());
}

TEST_CASE("dropout keeps the mean, and the share it should") {
  const Tensor x = ones({20000}, DType::f64), y = dropout(x, 0.25, Random(3));
  CHECK(mean(y).item() == doctest::Approx(1).epsilon(0.02));
  CHECK(mean(to(eq(y, scalar(0, DType::f64)), DType::f64)).item() ==
        doctest::Approx(0.25).epsilon(0.05));
  CHECK(amax(y).item() == doctest::Approx(1 / 0.75));
  CHECK(sum(dropout(x, 1, Random(3))).item() == 0);
}

TEST_CASE("bad arguments") {
  const Tensor x = zeros({2, 3}), i = zeros({2}, DType::i64);
  CHECK_THROWS_AS(mse_loss(x, zeros({3})), ShapeError);
  CHECK_THROWS_AS(huber_loss(x, x, 0), ConfigError);
  CHECK_THROWS_AS(cross_entropy(x, zeros({3}, DType::i64)), ShapeError);
  CHECK_THROWS_AS(cross_entropy(x, full({2}, 3, DType::i64)), ShapeError);
  CHECK_THROWS_AS(split(x, 0), ShapeError);
  CHECK_THROWS_AS(split(x, {1, 2, 3}, 1), ShapeError);
  CHECK_THROWS_AS(pad(x, {1}), ShapeError);
  CHECK_THROWS_AS(pad(x, {-4, 0}), ShapeError);
  CHECK_THROWS_AS(repeat(x, {2}), ShapeError);
  CHECK_THROWS_AS(tril(i), ShapeError);
  CHECK_THROWS_AS(diagonal(x, 0, 1, 1), ShapeError);
  CHECK_THROWS_AS(outer(x, i), ShapeError);
  CHECK_THROWS_AS(topk(x, 4), ShapeError);
  CHECK_THROWS_AS(one_hot(x), DTypeError);
  CHECK_THROWS_AS(one_hot(full({1}, 5, DType::i64), 3), ShapeError);
  CHECK_THROWS_AS(index_put(x, {full({1}, 2, DType::i64)}, zeros({3})), ShapeError);
  CHECK_THROWS_AS(dropout(x, 1.5, Random(1)), ConfigError);
  CHECK_THROWS_AS(gumbel_softmax(x, Random(1), 0), ConfigError);
  CHECK_THROWS_AS(ste(x, i), ShapeError);
  CHECK_THROWS_AS(norm(x, 0), ConfigError);
  CHECK_THROWS_AS(layer_norm(x, {2}), ShapeError);
  CHECK_THROWS_AS(standardize(x, {}), ShapeError);
  CHECK_THROWS_AS(scaled_dot_product_attention(x, x, zeros({3, 3})), ShapeError);
  CHECK_THROWS_AS(einsum("ij,jk", TensorList(x)), ShapeError);
  CHECK_THROWS_AS(einsum("ijk", TensorList(x)), ShapeError);
  CHECK_THROWS_AS(einsum("ij,jk->ik", {x, x}), ShapeError);
  CHECK_THROWS_AS(einsum("ij->iz", TensorList(x)), ShapeError);
  CHECK_THROWS_AS(einsum("i1", TensorList(x)), ShapeError);
}
