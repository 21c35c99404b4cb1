// Tensors as C++ values: made of vectors, compared, assigned, printed.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include <cmath>
#include <sstream>

using namespace regrad;

namespace {

using Numbers = std::vector<double>;

std::string printed(const Tensor& x) {
  std::ostringstream out;
  out << x;
  return out.str();
}

}  // namespace

TEST_CASE("vectors keep their dtype; doubles are f32 unless a dtype is given") {
  const Tensor i = tensor(std::vector<int64_t>{1, (int64_t{1} << 53) + 1});
  CHECK(i.dtype() == DType::i64);
  CHECK(i.to_vector<int64_t>()[1] == (int64_t{1} << 53) + 1);
  CHECK(tensor(std::vector<float>{0.1f}).to_vector<float>()[0] == 0.1f);
  CHECK(tensor(std::vector<float>{1, 2}, {2, 1}).shape() == Shape{2, 1});
  CHECK(tensor(std::vector<int>{1, -2}).dtype() == DType::i64);
  CHECK(tensor(std::vector<uint8_t>{255}).dtype() == DType::u8);
  CHECK(tensor(std::vector<double>{0.5}).dtype() == DType::f32);
  CHECK(tensor(std::vector<double>{0.5}, DType::f64).dtype() == DType::f64);
  CHECK(tensor(std::vector<int64_t>{}).shape() == Shape{0});
  CHECK(tensor({1, 2}, {2}).dtype() == DType::f32);
  CHECK_THROWS_AS(tensor(std::vector<int64_t>{1, 2}, {3}), ShapeError);
}

TEST_CASE("comparisons with numbers, in x's dtype or exactly") {
  const Tensor x = tensor({1, 2, 3});
  CHECK((x > 2).to_vector() == Numbers{0, 0, 1});
  CHECK((2 > x).to_vector() == Numbers{1, 0, 0});
  CHECK((x >= 2).to_vector() == Numbers{0, 1, 1});
  CHECK((2 >= x).to_vector() == Numbers{1, 1, 0});
  CHECK((x < 2).to_vector() == Numbers{1, 0, 0});
  CHECK((2 < x).to_vector() == Numbers{0, 0, 1});
  CHECK((x <= 2).to_vector() == Numbers{1, 1, 0});
  CHECK((2 <= x).to_vector() == Numbers{0, 1, 1});
  CHECK((x == 2).to_vector() == Numbers{0, 1, 0});
  CHECK((2 == x).to_vector() == Numbers{0, 1, 0});
  CHECK((x != 2).to_vector() == Numbers{1, 0, 1});
  CHECK((2 != x).to_vector() == Numbers{1, 0, 1});
  CHECK((x == tensor({1, 0, 3})).to_vector() == Numbers{1, 0, 1});
  CHECK((x != tensor({1, 0, 3})).to_vector() == Numbers{0, 1, 0});
  CHECK((x == x).dtype() == DType::b8);
  CHECK((tensor({0.1}) > 0.1).item() == 0);  // 0.1 as f32, as PyTorch has it
  CHECK((tensor({NAN}) == NAN).item() == 0);
  const Tensor large = tensor(std::vector<int64_t>{(int64_t{1} << 60) + 1});
  CHECK((large > std::ldexp(1, 60)).item() == 1);
  CHECK((large == std::ldexp(1, 60)).item() == 0);
  CHECK((large < INFINITY).item() == 1);
  CHECK((tensor({1, 2}, DType::i64) > 1.5).to_vector() == Numbers{0, 1});
  CHECK((tensor({0, 200}, DType::u8) > -1).to_vector() == Numbers{1, 1});
  CHECK((tensor({0, 1}, DType::b8) == 1).to_vector() == Numbers{0, 1});
}

TEST_CASE("compound assignment gives the handle another tensor, and others keep theirs") {
  Tensor x = tensor({1, 2}, DType::f64).requires_grad_();
  const Tensor first = x;
  x += tensor({10, 20}, DType::f64);
  x -= 1;
  x *= x;
  x /= 2;
  CHECK(x.to_vector() == Numbers{50, 220.5});
  CHECK(first.to_vector() == Numbers{1, 2});
  CHECK(grad(sum(x), first).to_vector() == Numbers{10, 21});  // (first + c)
  x += 1;
  x *= 2;
  x -= first;
  x /= first;
  CHECK(x.to_vector() == Numbers{101, 220.5});
  Tensor kept = tensor({1, 2});
  const Tensor same = kept;
  CHECK_THROWS_AS(kept += ones({3}), ShapeError);
  CHECK(kept.node() == same.node());
}

TEST_CASE("linspace hits both ends") {
  CHECK(linspace(0, 1, 5).to_vector() == Numbers{0, 0.25, 0.5, 0.75, 1});
  const Numbers v = linspace(-0.3, 0.7, 11, DType::f64).to_vector();
  CHECK(v.front() == -0.3);
  CHECK(v.back() == 0.7);
  CHECK(linspace(3, 9, 1).to_vector() == Numbers{3});
  CHECK(linspace(3, 9, 0).shape() == Shape{0});
}

// What PyTorch prints of the same values, but for the dtype.
TEST_CASE("printing") {
  CHECK(printed(tensor({1, 2.5, -3, 4}, {2, 2})) ==
        "tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]], f32)");
  CHECK(printed(tensor({1, 2, -3})) == "tensor([ 1.,  2., -3.], f32)");
  CHECK(printed(scalar(2.5, DType::f64)) == "tensor(2.5000, f64)");
  CHECK(printed(scalar(3, DType::i64)) == "tensor(3, i64)");
  CHECK(printed(tensor({1, 0}, DType::b8)) == "tensor([ true, false], b8)");
  CHECK(printed(zeros({2, 0})) == "tensor([], shape [2,0], f32)");
  CHECK(printed(Tensor()) == "tensor(undefined)");
  CHECK(printed(tensor({1e-5, 1})) == "tensor([1.0000e-05, 1.0000e+00], f32)");
  CHECK(printed(tensor({0.5, 1000})) == "tensor([5.0000e-01, 1.0000e+03], f32)");
  CHECK(printed(tensor({INFINITY, 1.5, NAN, -INFINITY})) ==
        "tensor([   inf, 1.5000,    nan,   -inf], f32)");
  CHECK(printed(tensor({1}).requires_grad_()) == "tensor([1.], f32, requires_grad)");
  CHECK(printed(arange(0, 12).reshape({2, 2, 3})) ==
        "tensor([[[ 0,  1,  2],\n         [ 3,  4,  5]],\n\n"
        "        [[ 6,  7,  8],\n         [ 9, 10, 11]]], i64)");
  CHECK(printed(tensor(std::vector<int64_t>{(int64_t{1} << 60) + 1})) ==
        "tensor([1152921504606846977], i64)");
  CHECK(printed(arange(0, 40) + 100) ==
        "tensor([100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113,\n"
        "        114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,\n"
        "        128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139], i64)");
  CHECK(printed(arange(0, 2000).reshape({500, 4})) ==
        "tensor([[   0,    1,    2,    3],\n"
        "        [   4,    5,    6,    7],\n"
        "        [   8,    9,   10,   11],\n"
        "        ...,\n"
        "        [1988, 1989, 1990, 1991],\n"
        "        [1992, 1993, 1994, 1995],\n"
        "        [1996, 1997, 1998, 1999]], i64)");
  CHECK(printed(arange(0, 1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000], i64)");
}

TEST_CASE("printing leaves the stream's own format alone") {
  std::ostringstream out;
  out.precision(3);
  out << std::hex << ones({1}) << " " << 255 << " " << 1.23456;
  CHECK(out.str() == "tensor([1.], f32) ff 1.23");
}
