// Tensors as text: in one line for messages (str), and over lines with aligned columns as PyTorch
// prints them (operator<<).
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

namespace regrad {
namespace {

// Long dims show their first and last three entries.
template <class Number>
void print(const Number& number, const Shape& s, int d, size_t at, std::string& out) {
  if (d == s.size()) {
    out += number(at);
    return;
  }
  size_t step = 1;
  for (int i = d + 1; i < s.size(); ++i) step *= static_cast<size_t>(s[i]);
  out += "[";
  for (int64_t i = 0; i < s[d]; ++i) {
    if (i) out += ", ";
    if (s[d] > 8 && i == 3) {
      out += "..., ";
      i = s[d] - 3;
    }
    print(number, s, d + 1, at + static_cast<size_t>(i) * step, out);
  }
  out += "]";
}

std::string tail(const Tensor& x) {
  return std::string(x.numel() ? "" : ", shape " + str(x.shape())) + ", " + name(x.dtype()) +
         (x.requires_grad() ? ", requires_grad)" : ")");
}

constexpr int64_t edge = 3, most_elements = 1000;
constexpr int places = 4;
constexpr size_t line_width = 80;

// The first and last entries of each long dim.
Tensor edges_of(Tensor x) {
  for (int d = 0; d < x.dim(); ++d)
    if (const int64_t n = x.size(d); n > 2 * edge)
      x = cat({slice(x, d, 0, edge), slice(x, d, n - edge, n)}, d);
  return x;
}

// Each number as text of one width: integers; whole floats with a point; four decimals; or with an
// exponent where magnitudes lie more than 1000 apart, or beyond [1e-4, 1e8].
std::vector<std::string> texts_of(const Tensor& x) {
  std::vector<std::string> out;
  size_t width = 1;
  if (x.dtype() == DType::b8) {
    for (int64_t v : x.to_vector<int64_t>()) out.push_back(v ? "true" : "false");
  } else if (!is_floating(x.dtype())) {
    for (int64_t v : x.to_vector<int64_t>()) out.push_back(std::to_string(v));
  } else {
    double least = INFINITY, most = 0;
    bool whole = true;
    const std::vector<double> all = x.to_vector();
    for (double v : all) {
      if (v == 0 || !std::isfinite(v)) continue;
      least = std::min(least, std::abs(v)), most = std::max(most, std::abs(v));
      whole = whole && v == std::ceil(v);
    }
    const bool exponent = most > 0 && (most / least > 1000 || most > 1e8 || least < 1e-4);
    for (double v : all)
      out.push_back(!std::isfinite(v) ? std::isnan(v) ? "nan"
                                        : v > 0       ? "inf"
                                                      : "-inf"
                    : exponent        ? scientific(v, places)
                    : whole           ? fixed(v, 0) + "."
                                      : fixed(v, places));
  }
  for (const std::string& text : out) width = std::max(width, text.size());
  for (std::string& text : out) text.insert(0, width - text.size(), ' ');
  return out;
}

struct Printer {
  const std::vector<std::string>& texts;
  Shape whole;  // before long dims were cut
  Shape shown;
  std::string out = {};
  size_t at = 0;

  bool cut(int d) const { return whole[d] != shown[d]; }

  void row(int d, size_t indent) {
    const auto n = static_cast<size_t>(shown[d]) + (cut(d) ? 1 : 0);
    const size_t room = line_width > indent ? line_width - indent : 1,
                 in_line = std::max<size_t>(1, n ? room / (texts[at].size() + 2) : 1);
    out += "[";
    for (size_t i = 0; i < n; ++i) {
      if (i) out += i % in_line ? ", " : ",\n" + std::string(indent + 1, ' ');
      out += cut(d) && i == edge ? " ..." : texts[at++];
    }
    out += "]";
  }
  void block(int d, size_t indent) {
    if (d + 1 == shown.size()) return row(d, indent);
    const std::string between = "," + std::string(static_cast<size_t>(shown.size() - d - 1), '\n') +
                                std::string(indent + 1, ' ');
    out += "[";
    for (int64_t i = 0; i < shown[d]; ++i) {
      if (i) out += between;
      if (cut(d) && i == edge) out += "..." + between;
      block(d + 1, indent + 1);
    }
    out += "]";
  }
};

}  // namespace

std::string str(const Tensor& x) {
  if (!x.defined()) return "tensor(undefined)";
  std::string out = "tensor(";
  if (is_floating(x.dtype())) {
    print([v = x.to_vector()](size_t i) { return decimal(v[i], 4); }, x.shape(), 0, 0, out);
  } else {  // not by way of double, which has 53 bits
    print([v = x.to_vector<int64_t>()](size_t i) { return std::to_string(v[i]); }, x.shape(), 0, 0,
          out);
  }
  return out + tail(x);
}

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "tensor(undefined)";
  const NoGrad quiet;
  const Tensor shown = x.numel() > most_elements ? edges_of(x.detach()) : x.detach();
  const std::vector<std::string> texts = texts_of(shown);
  Printer p{texts, x.shape(), shown.shape()};
  if (x.numel() == 0) {
    p.out = "[]";
  } else if (x.dim() == 0) {
    p.out = texts[0];
  } else {
    p.block(0, std::string("tensor(").size());
  }
  return out << "tensor(" + p.out + tail(x);
}

}  // namespace regrad
