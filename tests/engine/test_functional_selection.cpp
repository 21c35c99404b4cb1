// Elements chosen by mask, index and rank: every order against differences, and the edges (nothing
// chosen, repeated places, ties, NaN).
#include <doctest/doctest.h>

#include "op_cases.h"

#include <regrad/engine/functional.h>

#include <cmath>
#include <limits>

using namespace regrad;
using namespace regrad::test;

namespace {

using In = const std::vector<Tensor>&;
using Numbers = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();

Tensor index(std::initializer_list<double> v) { return tensor(v, DType::i64); }
Tensor f64(std::initializer_list<double> v) { return tensor(v, DType::f64); }

void matrices(Samples& s) {
  for (const Shape& shape : {Shape{1, 1}, Shape{2, 3}, Shape{3, 2}, Shape{4, 4}, Shape{2, 3, 2}})
    s.add({shape}, {{.low = 0.4, .high = 2}});
}
void distinct(Samples& s) {
  for (const Shape& shape : {Shape{1}, Shape{5}, Shape{2, 3}, Shape{4, 2}, Shape{2, 3, 2}})
    s.add({shape}, {{.kind = Domain::distinct}});
}
void vectors(Samples& s) {
  for (const Shape& shape : {Shape{0}, Shape{1}, Shape{4}}) s.add({shape}, {{}});
}

const std::vector<Composition>& compositions() {
  static const std::vector<Composition> list = {
      {"masked_select", matrices,
       [](In x) { return exp(masked_select(x[0], x[0].detach() > 1.0)); }, false},
      {"bincount", [](Samples& s) { s.add({{4}}, {{}}); },
       [](In x) {
         return exp(bincount(index({2, 0, 2, 3}), x[0]));
       }},
      {"scatter",
       [](Samples& s) {
         s.add({{4, 2}, {3, 2}}, {{}});
         s.add({{3, 3}, {3, 4}}, {{}});
       },
       [](In x) {
         const Tensor at = reshape(index({0, 2, -1, 1}), {2, 2});
         return exp(scatter(x[0], 0, at, x[1]));
       }},
      {"scatter_repeated",
       [](Samples& s) {
         s.add({{2, 3}, {2, 4}}, {{}});
       },
       [](In x) {
         const Tensor at = reshape(index({0, 2, 0, 1, 1, 1}), {2, 3});
         return exp(scatter(x[0], 1, at, x[1]));
       }},
      {"scatter_number",
       [](Samples& s) {
         s.add({{2, 3}}, {{}});
       },
       [](In x) {
         return exp(scatter(x[0], -1, reshape(index({0, 2}), {2, 1}), 0.5));
       }},
      {"index_add",
       [](Samples& s) {
         s.add({{4, 2}, {3, 2}}, {{}});
         s.add({{3, 3}, {3, 3}}, {{}});
       },
       [](In x) {
         return exp(index_add(x[0], 0, index({2, 0, 2}), x[1], -0.5));
       }},
      {"embedding",
       [](Samples& s) {
         s.add({{3, 2}}, {{}});
       },
       [](In x) {
         return exp(embedding(reshape(index({0, 2, 2, 1}), {2, 2}), x[0]));
       }},
      {"unbind", matrices,
       [](In x) {
         const std::vector<Tensor> part = unbind(x[0], -1);
         return part.front() * part.back();
       }},
      {"diag", vectors, [](In x) { return exp(diag(x[0], -1)); }},
      {"diag_of_matrix",
       [](Samples& s) {
         s.add({{2, 3}}, {{}});
         s.add({{3, 1}}, {{}});
       },
       [](In x) { return exp(diag(x[0], 1)); }},
      {"meshgrid",
       [](Samples& s) {
         s.add({{2}, {3}}, {{}});
       },
       [](In x) {
         const std::vector<Tensor> g = meshgrid({x[0], x[1]}, "xy");
         return g[0] * exp(g[1]);
       }},
      {"median", distinct, [](In x) { return square(median(x[0], -1).values); }},
      {"median_all", distinct, [](In x) { return square(median(x[0])); }, false},
      {"quantile", distinct, [](In x) { return exp(quantile(x[0], 0.3, 0, true)); }},
      {"quantiles",
       [](Samples& s) {  // ranks 0.6 and 1.4 of 3, away from the kinks
         s.add({{3}, {2}}, {{.kind = Domain::distinct}, {.low = 0.1, .high = 0.4}});
       },
       [](In x) { return exp(quantile(x[0], x[1])); }, false},
  };
  return list;
}

}  // namespace

TEST_CASE("selections at every order") {
  for (const Composition& c : compositions()) {
    CAPTURE(std::string(c.name));
    const Checked done = check_composition(c);
    CHECK(done.fault == "");
    CHECK(done.cases > 0);
  }
}

TEST_CASE("nothing chosen, and numbers without dims") {
  const Tensor x = f64({1, 2}).requires_grad_();
  const Tensor none = masked_select(x, x < 0);
  CHECK(none.shape() == Shape{0});
  CHECK(grad(sum(none), x).to_vector() == Numbers{0, 0});
  CHECK(nonzero(zeros({2, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(zeros({0, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(scalar(2)).shape() == Shape{1, 0});
  CHECK(nonzero(tensor({0, NAN, -0.0, 3})).to_vector() == Numbers{1, 3});
  CHECK(nonzero(tensor({0, 1}, DType::b8)).to_vector() == Numbers{1});
  CHECK(bincount(zeros({0}, DType::i64)).shape() == Shape{0});
  CHECK(bincount(tensor({1, 1}, DType::u8), {}, 3).to_vector() == Numbers{0, 2, 0});
  CHECK(bincount(index({1, 1}), index({3, 4})).dtype() == DType::f64);
  CHECK(bincount(index({1, 1}), tensor({3, 4})).dtype() == DType::f32);
  CHECK(scatter(x, 0, zeros({0}, DType::i64), zeros({0}, DType::f64)).to_vector() == Numbers{1, 2});
  CHECK(index_add(x, 0, zeros({0}, DType::i64), zeros({0}, DType::f64)).to_vector() ==
        Numbers{1, 2});
  CHECK(index_add(x, 0, scalar(1, DType::i64), f64({5})).to_vector() == Numbers{1, 7});
  CHECK(embedding(zeros({2, 0}, DType::i64), ones({3, 4})).shape() == Shape{2, 0, 4});
  CHECK(unbind(zeros({0, 3})).empty());
  CHECK(unbind(zeros({2, 3}), -1).size() == 3);
  CHECK(diag(zeros({0}), 2).shape() == Shape{2, 2});
  CHECK(diag(index({7}), -1).to_vector() == Numbers{0, 0, 7, 0});
  CHECK(meshgrid({zeros({0}), zeros({3})}, "xy")[1].shape() == Shape{3, 0});
}

TEST_CASE("a mask and the tensor broadcast together") {
  const Tensor x = arange(0, 3).reshape({3, 1});
  CHECK(masked_select(x, tensor({1, 0, 1}, DType::b8)).to_vector() == Numbers{0, 0, 1, 1, 2, 2});
  CHECK(masked_select(x, tensor({1, 0, 2}, DType::u8)).dtype() == DType::i64);
}

TEST_CASE("scatter: the last one wins, and has the gradient; every dtype, every bit") {
  const Tensor x = f64({1, 2, 3}).requires_grad_(), s = f64({4, 5, 6}).requires_grad_();
  const Tensor y = scatter(x, 0, index({1, -2, 0}), s);
  CHECK(y.to_vector() == Numbers{6, 5, 3});
  const std::vector<Tensor> g = grad(TensorList(sum(y * y)), {x, s});
  CHECK(g[0].to_vector() == Numbers{0, 0, 6});
  CHECK(g[1].to_vector() == Numbers{0, 10, 12});
  CHECK(std::signbit(scatter(x, 0, index({0}), f64({-0.0}))[0].item()));
  CHECK(scatter(f64({inf, 1}), 0, index({0}), 2).to_vector() == Numbers{2, 1});
  CHECK(scatter(tensor({1, 0}, DType::b8), 0, index({1}), 1).dtype() == DType::b8);
  CHECK(
      scatter(tensor({7, 9}, DType::u8), 0, index({0, 0}), tensor({1, 2}, DType::u8)).to_vector() ==
      Numbers{2, 9});
}

TEST_CASE("the padding row of an embedding is read, and has no gradient of any order") {
  const Tensor w = f64({1, 2, 3}).reshape({3, 1}).detach().requires_grad_();
  for (int64_t padding : {1, -2}) {
    const Tensor y = embedding(index({1, 0, 1, 2}), w, padding);
    CHECK(y.to_vector() == Numbers{2, 1, 2, 3});
    const Tensor g = grad(sum(y * y * y), w, {.create_graph = true});
    CHECK(g.to_vector() == Numbers{3, 0, 27});
    CHECK(grad(sum(g), w).to_vector() == Numbers{6, 0, 18});
  }
}

TEST_CASE("median: the lower one, NaN where any is, ties") {
  CHECK(median(f64({4, 1, 3, 2})).item() == 2);
  CHECK(median(index({5, 1, 9})).item() == 5);
  const Extreme m = median(f64({1, NAN, 0, NAN}), 0);
  CHECK(std::isnan(m.values.item()));
  CHECK(m.indices.item() == 1);
  const Tensor x = f64({2, 1, 2, 3}).requires_grad_();
  CHECK(grad(median(x), x).to_vector() == Numbers{0.5, 0, 0.5, 0});
  CHECK(sum(grad(median(x, 0).values, x)).item() == 1);
  CHECK(median(zeros({2, 3}), 1, true).values.shape() == Shape{2, 1});
}

TEST_CASE("quantile: ranks, infinities, NaN, gradients at a rank") {
  const Tensor x = f64({4, 1, 3, 2}).requires_grad_();
  CHECK(quantile(x, 0.5).item() == 2.5);
  CHECK(quantile(x, 0).item() == 1);
  CHECK(quantile(x, 1).item() == 4);
  CHECK(grad(quantile(x, 0.5), x).to_vector() == Numbers{0, 0, 0.5, 0.5});
  CHECK(quantile(f64({1, inf, inf}), 1).item() == inf);
  CHECK(quantile(f64({-inf, -inf, 0}), 0.25).item() == -inf);
  CHECK(quantile(f64({-inf, 1, 2}), 0.25).item() == -inf);
  CHECK(quantile(f64({0, 1, inf}), 0.75).item() == inf);
  CHECK(std::isnan(quantile(f64({1, NAN, 0}), 0).item()));
  CHECK(quantile(zeros({2, 3, 4}), zeros({5}), 1).shape() == Shape{5, 2, 4});
  CHECK(quantile(zeros({2, 3, 4}), zeros({5}), 1, true).shape() == Shape{5, 2, 1, 4});
  CHECK(quantile(zeros({2, 3}), zeros({5}), {}, true).shape() == Shape{5, 1, 1});
  CHECK(quantile(zeros({2, 3}), zeros({0}), 0).shape() == Shape{0, 3});
  const Tensor q = f64({0.5}).requires_grad_();
  CHECK(grad(quantile(x, q), q).item() == 3);  // (n - 1) times the gap
}
