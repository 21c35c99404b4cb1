#include "op_page.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "op_cases.h"
#include "op_draw.h"

namespace regrad::test {
namespace {

// The dtypes that a row takes for its numbers: those with which its first sample can be evaluated.
std::string dtypes(const Op& op) {
  Samples samples;
  op.samples(samples);
  const Sample& s = samples.list.front();
  std::string out;
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::u8, DType::b8}) {
    std::vector<Tensor> in = draw_inputs(Random(7), s);
    std::vector<const Tensor*> pointers;
    for (size_t i = 0; i < in.size(); ++i) {
      if (is_floating(in[i].dtype())) in[i] = in[i].to(t);
      pointers.push_back(&in[i]);
    }
    try {
      if (op.entry)
        op.entry(in[0], s.attrs);
      else
        apply(op, pointers.data(), static_cast<int>(in.size()), s.attrs, s.attr_bytes);
      out += (out.empty() ? "" : " ") + std::string(name(t));
    } catch (const DTypeError&) {
    }
  }
  return out;
}

// Of its inputs, to which order, and how far the table test goes.
std::string derivatives(const Op& op) {
  int zero = 0;
  const int inputs = op.arity < 0 ? 1 : op.arity;
  for (int i = 0; i < inputs; ++i) zero += op.vjp[i] == declared_zero;
  if (zero == inputs) return "zero";
  return op.smooth ? "every order" : "every order, but at kinks";
}

std::string escaped(std::string text) {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '|') text.insert(i++, "\\");
  return text;
}

}  // namespace

std::map<std::string, std::string> files_of_rows(const std::string& folder) {
  std::map<std::string, std::string> out;
  const std::regex row("constinit const Op ([a-z0-9_]+)_op\\b");
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".cpp") continue;
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    const std::string source = text.str();
    for (std::sregex_iterator it(source.begin(), source.end(), row), end; it != end; ++it)
      out[(*it)[1]] = file.path().stem().string();
  }
  return out;
}

std::string op_page(const std::map<std::string, std::string>& files) {
  std::string out =
      "# The rows\n\n"
      "What the engine evaluates and differentiates; all else is composed of it. `p0` and `p1` are "
      "a row's parameters.\n"
      "How a row is written stands in [op.h](op.h); public functions in [ops.h](../ops.h).\n\n"
      "Written from the rows by `REGRAD_WRITE_PAGE=1 build/release/bin/test-ops "
      "--test-case=\"the page*\"`.\n\n"
      "| row | what it is | inputs | derivatives | dtypes | file |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  for (const Op* op : all_ops) {
    const std::string file = files.at(op->name);
    out += "| `" + std::string(op->name) + "` | " + escaped(op->doc) + " | " +
           (op->arity < 0 ? "any" : std::to_string(op->arity)) + " | " + derivatives(*op) + " | " +
           dtypes(*op) + " | [" + file + "](" + file + ".cpp) |\n";
  }
  return out;
}

}  // namespace regrad::test
