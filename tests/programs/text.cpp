// A program as C++.
#include <cmath>
#include <cstdio>

#include "program.h"

namespace regrad::programs {
namespace {

std::string number(double v) {
  if (std::isnan(v)) return "NAN";
  if (std::isinf(v)) return v > 0 ? "INFINITY" : "-INFINITY";
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", v);
  double back = 0;
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[40];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, v);
    if (std::sscanf(shorter, "%lf", &back) == 1 && back == v) return shorter;
  }
  return text;
}
std::string list(const std::vector<double>& v) {
  std::string out = "{";
  for (size_t k = 0; k < v.size(); ++k) out += (k ? ", " : "") + number(v[k]);
  return out + "}";
}
std::string sizes(const Shape& s) {
  std::string out = "{";
  for (int d = 0; d < s.size(); ++d) out += (d ? ", " : "") + std::to_string(s[d]);
  return out + "}";
}
std::string tensor_text(const std::vector<double>& v, const Shape& s, const char* t) {
  return "tensor(" + list(v) + ", " + sizes(s) + ", DType::" + t + ")";
}

std::string pattern_text(int stream, int node, const Shape& s, const char* t) {
  std::vector<double> v;
  for (int64_t k = 0; k < s.numel(); ++k) v.push_back(weight(stream, node, k));
  return tensor_text(v, s, t);
}

// "softmax($0, #0)" with operands and arguments in place.
std::string call(const Node& n) {
  std::string out;
  for (const char* c = n.row->text; *c; ++c) {
    if (*c == '%') {
      out += std::string("\"") + equation(n.i.at(0)) + "\"";
      continue;
    }
    if ((*c != '$' && *c != '#' && *c != '@') || c[1] < '0' || c[1] > '9') {
      out += *c;
      continue;
    }
    const char what = *c;
    const size_t k = static_cast<size_t>(*++c - '0');
    if (what == '$') {
      out +=
          k >= n.in.size() || n.in[k] < 0 ? std::string("Tensor()") : "x" + std::to_string(n.in[k]);
    } else if (what == '@') {
      out += k < n.d.size() ? number(n.d[k]) : "";
    } else if (c[1] == '.' && c[2] == '.') {
      c += 2;
      for (size_t i = k; i < n.i.size(); ++i) out += (i > k ? ", " : "") + std::to_string(n.i[i]);
    } else {
      out += k < n.i.size() ? std::to_string(n.i[k]) : "";
    }
  }
  return out;
}

const char* lay_name(Lay lay) {
  static const char* names[] = {"contiguous", "transposed",    "offset",         "strided",
                                "pitched",    "channels last", "caller's memory"};
  return names[static_cast<int>(lay)];
}

}  // namespace

std::string to_text(const Program& p) {
  const Interpreted right = interpret(p);
  const char* t = name(p.dtype);
  std::string out;
  for (size_t k = 0; k < p.nodes.size(); ++k) {
    const Node& n = p.nodes[k];
    const std::string x = "x" + std::to_string(k);
    if (n.row) {
      out += "const Tensor " + x + " = " + call(n) + ";  // " + str(right.nodes[k].shape) + "\n";
      continue;
    }
    out += "const Tensor " + x + " = " +
           tensor_text(n.values, n.shape,
                       n.leaf == Leaf::real   ? t
                       : n.leaf == Leaf::mask ? "b8"
                                              : "i64");
    if (n.wanted) out += ".requires_grad_()";
    out += ";";
    if (n.lay != Lay::contiguous)
      out += std::string("  // lies ") + lay_name(n.lay) +
             (n.recorded && n.wanted ? ", recorded" : "");
    out += "\n";
  }
  for (int s : p.sinks())
    out += "const Tensor w" + std::to_string(s) + " = " +
           pattern_text(0, s, right.nodes[static_cast<size_t>(s)].shape, t) + ";  // weights of x" +
           std::to_string(s) + "\n";
  for (size_t k = 0; k < p.nodes.size(); ++k)
    if (p.nodes[k].wanted)
      for (int stream : {1, 2, 3})
        out += "const Tensor v" + std::to_string(stream) + "_" + std::to_string(k) + " = " +
               pattern_text(stream, static_cast<int>(k), p.nodes[k].shape, t) + ";\n";
  static constexpr int sets[] = {0, 1, 3, 7};
  for (int s : p.sinks()) {
    std::vector<double> v;
    for (const Jet& j : right.nodes[static_cast<size_t>(s)].v) v.push_back(j.v());
    if (v.size() <= 32) out += "// x" + std::to_string(s) + " == " + list(v) + "\n";
  }
  out += "// loss = sum over outputs of <w, x>; its derivatives along v1, v2, v3:";
  for (int order = 0; order <= 3; ++order)
    out += (order ? ", " : " ") +
           number((right.loss.live >> sets[order] & 1) ? right.loss.c[sets[order]].v : 0);
  return out + "\n";
}

}  // namespace regrad::programs
