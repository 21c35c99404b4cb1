// The table test: every row, every order. And the test of the test: faulty rows are caught.
#include <doctest/doctest.h>

#include "op_cases.h"
#include "op_page.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using namespace regrad;
using namespace regrad::test;

namespace {

// Every `parts`-th row: ctest runs the parts side by side.
constexpr int parts = 4;

void check_rows(int part) {
  int64_t cases = 0, rows = 0;
  for (size_t i = static_cast<size_t>(part); i < std::size(all_ops); i += parts, ++rows) {
    const Op& op = *all_ops[i];
    Samples samples;
    op.samples(samples);
    const auto of_row = static_cast<int64_t>(cases_of(op, samples).size());
    CAPTURE(std::string(op.name));
    CHECK(of_row >= 60);
    CHECK(check_row(op) == "");
    cases += of_row;
  }
  MESSAGE(cases, " cases of ", rows, " rows");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

// Value, first and second order; third for smooth rows.
TEST_CASE("every row: part 1") { check_rows(0); }
TEST_CASE("every row: part 2") { check_rows(1); }
TEST_CASE("every row: part 3") { check_rows(2); }
TEST_CASE("every row: part 4") { check_rows(3); }

TEST_CASE("bad shapes and dtypes throw the typed error, naming the op") {
  for (const Op* op : all_ops) {
    Samples samples;
    op->samples(samples);
    for (const Sample& s : samples.wrong) {
      std::vector<Tensor> in;
      for (const Shape& shape : s.shapes) in.push_back(zeros(shape, DType::f64));
      std::vector<const Tensor*> pointers;
      for (const Tensor& t : in) pointers.push_back(&t);
      CAPTURE(std::string(op->name));
      std::string message;
      try {
        apply(*op, pointers.data(), static_cast<int>(in.size()), s.attrs, s.attr_bytes);
      } catch (const ShapeError& e) {
        message = e.what();
      } catch (const DTypeError& e) {
        message = e.what();
      }
      CHECK(message.find(op->name) != std::string::npos);
    }
  }
}

TEST_CASE("a wrong sign is caught") {
  Op bad = tanh_op;
  bad.vjp[0] = [](const Call& c) { return c.g() * (square(c.y()) - 1); };
  CHECK(check_row(bad) != "");
  bad = sum_op;
  bad.vjp[0] = [](const Call& c) { return -sum_op.vjp[0](c); };
  CHECK(check_row(bad) != "");
}

TEST_CASE("a fault in a vjp beside a fused gradient is caught, and one in the fused gradient") {
  Op bad = solve_op;
  bad.vjp[0] = [](const Call& c) { return -solve_op.vjp[0](c); };
  CHECK(check_row(bad).find("order 1") != std::string::npos);
  bad = solve_op;
  bad.fused = [](const Call& c, Tensor* out) {
    solve_op.fused(c, out);
    if (out[1].defined()) out[1] = -out[1];
  };
  CHECK(check_row(bad).find("order 1") != std::string::npos);
}

TEST_CASE("a dropped term is caught") {
  Op bad = softmax_op;
  bad.vjp[0] = [](const Call& c) { return c.y() * c.g(); };
  CHECK(check_row(bad) != "");
  bad = mul_op;
  bad.vjp[1] = declared_zero;
  CHECK(check_row(bad) != "");
  // Right at first order, without the graph that second order needs.
  bad = exp_op;
  bad.vjp[0] = [](const Call& c) { return c.g() * c.y().detach(); };
  CHECK(check_row(bad).find("order 2") != std::string::npos);
}

TEST_CASE("a missing row is caught: each that a file defines is in the list") {
  std::set<std::string> listed, defined;
  for (const Op* op : all_ops) listed.insert(op->name);
  for (const auto& [row, file] : files_of_rows(REGRAD_ROWS_FOLDER)) defined.insert(row);
  CHECK(defined.size() >= 50);
  CHECK(defined == listed);
}

TEST_CASE("the page of the rows is what they hold") {
  const std::string path = REGRAD_ROWS_FOLDER "/README.md",
                    page = op_page(files_of_rows(REGRAD_ROWS_FOLDER));
  if (std::getenv("REGRAD_WRITE_PAGE")) std::ofstream(path) << page;
  const bool same = text_of(path) == page;
  CHECK_MESSAGE(same, path, " is stale; its head has the command that writes it");
}

TEST_CASE("the example in op.h is a row that compiles") {
  std::stringstream head(text_of(REGRAD_ROWS_FOLDER "/op.h"));
  std::string example;
  for (std::string line; std::getline(head, line) && line != "#pragma once";)
    if (line.rfind("//   ", 0) == 0) example += line.substr(5) + "\n";
  CHECK(example.rfind("constinit const Op ", 0) == 0);
  CHECK(text_of(REGRAD_ROWS_FOLDER "/formulas.cpp").find("\n" + example) != std::string::npos);
}

TEST_CASE("an incomplete row does not compile") {
  CHECK(complete(tanh_op));
  constexpr auto without = [](auto change) {
    Op op{.name = "x",
          .doc = "y = x",
          .infer = [](const Call&) {},
          .forward = [](const Call&) {},
          .vjp = {declared_zero},
          .reference = [](const RefCall&) { return std::vector<double>(); },
          .samples = [](Samples&) {}};
    change(op);
    return complete(op);
  };
  static_assert(without([](Op&) {}));
  static_assert(!without([](Op& op) { op.samples = nullptr; }));
  static_assert(!without([](Op& op) { op.doc = nullptr; }));
  static_assert(!without([](Op& op) { op.doc = ""; }));
  static_assert(!without([](Op& op) { op.vjp[0] = nullptr; }));
  static_assert(!without([](Op& op) { op.arity = 2; }));  // the second input's vjp
  static_assert(!without([](Op& op) { op.reference = nullptr; }));
  static_assert(!without([](Op& op) { op.forward = nullptr; }));
}

TEST_CASE("a wrong keep is caught: every bit of every row is needed, and none is missing") {
  for (const Op* op : all_ops) {
    for (const uint8_t bit : {keep_0, keep_1, keep_2, keep_y}) {
      if (!(op->keep & bit)) continue;
      Op bad = *op;
      bad.keep = static_cast<uint8_t>(op->keep & ~bit);
      CAPTURE(std::string(op->name));
      CAPTURE(int(bit));
      CHECK(check_row(bad).find("was freed") != std::string::npos);
    }
  }
}
