// Einstein sums, two operands at a time: letters that neither the output nor a later operand needs
// are summed, by a batched matmul.
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>

#include <algorithm>
#include <map>
#include <string>

namespace regrad {
namespace {

// A tensor whose dims carry letters. Broadcast dims ("...") get the letters '0', '1', ... from the
// right.
struct Labelled {
  Tensor x;
  std::string letters;
};

[[noreturn]] void refuse(std::string_view equation, const std::string& why) {
  throw ShapeError("einsum: \"" + std::string(equation) + "\": " + why);
}

struct Equation {
  std::vector<std::string> inputs;
  std::string output;
  bool explicit_output = false;
};
Equation parse(std::string_view equation) {
  std::string text;
  for (char c : equation)
    if (c != ' ') text += c;
  Equation e;
  const size_t arrow = text.find("->");
  e.explicit_output = arrow != std::string::npos;
  if (e.explicit_output) e.output = text.substr(arrow + 2);
  const std::string left = text.substr(0, arrow);
  for (size_t begin = 0; begin <= left.size();) {
    const size_t comma = std::min(left.find(',', begin), left.size());
    e.inputs.push_back(left.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return e;
}

// "ab...c" for a tensor of n dims: the dots become digits.
std::string spell_out(const std::string& term, int n, std::string_view equation) {
  std::string out;
  const size_t dots = term.find("...");
  const int named = static_cast<int>(term.size()) - (dots == std::string::npos ? 0 : 3),
            spare = n - named;
  if (spare < 0 || (dots == std::string::npos && spare != 0))
    refuse(equation, "\"" + term + "\" for a tensor of " + std::to_string(n) + " dims");
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      for (int k = spare - 1; k >= 0; --k) out += static_cast<char>('0' + k);
      i += 2;
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      out += term[i];
    } else {
      refuse(equation, std::string("'") + term[i] + "' is no letter");
    }
  }
  return out;
}

// Repeated letters become one, by the diagonal.
Labelled without_repeats(Labelled v, std::string_view equation) {
  for (size_t i = 0; i < v.letters.size(); ++i) {
    const size_t j = v.letters.find(v.letters[i], i + 1);
    if (j == std::string::npos) continue;
    if (v.x.shape()[static_cast<int>(i)] != v.x.shape()[static_cast<int>(j)])
      refuse(equation,
             std::string("sizes of '") + v.letters[i] + "' differ in " + str(v.x.shape()));
    const char letter = v.letters[i];
    v.x = diagonal(v.x, 0, static_cast<int64_t>(i), static_cast<int64_t>(j));
    v.letters.erase(j, 1);
    v.letters.erase(i, 1);
    v.letters += letter;
    return without_repeats(std::move(v), equation);
  }
  return v;
}

bool has(const std::string& letters, char c) { return letters.find(c) != std::string::npos; }

// Sums the letters that `needed` does not hold.
Labelled summed(const Labelled& v, const std::string& needed) {
  Dims gone;
  std::string kept;
  for (size_t i = 0; i < v.letters.size(); ++i) {
    if (has(needed, v.letters[i])) {
      kept += v.letters[i];
    } else {
      gone.push_back(static_cast<int64_t>(i));
    }
  }
  return gone.empty() ? v : Labelled{sum(v.x, gone), kept};
}

// v's dims in the order of `letters`; letters that it lacks get size 1.
Tensor ordered(const Labelled& v, const std::string& letters) {
  Dims order;
  Shape sizes;
  for (char c : letters) {
    const size_t at = v.letters.find(c);
    if (at == std::string::npos) {
      sizes.push_back(1);
    } else {
      order.push_back(static_cast<int64_t>(at));
      sizes.push_back(v.x.shape()[static_cast<int>(at)]);
    }
  }
  return reshape(permute(v.x, order), sizes);
}

int64_t size_of(const Labelled& v, char c) {
  const size_t at = v.letters.find(c);
  return at == std::string::npos ? 1 : v.x.shape()[static_cast<int>(at)];
}

// Product over shared letters, summed over those that `needed` lacks: batch letters in front, then
// rows x columns of a matmul.
Labelled contract(Labelled a, Labelled b, const std::string& needed, std::string_view equation) {
  a = summed(a, needed + b.letters);
  b = summed(b, needed + a.letters);
  std::string batch, rows, columns, inner;
  for (char c : a.letters) (has(b.letters, c) ? (has(needed, c) ? batch : inner) : rows) += c;
  for (char c : b.letters)
    if (!has(a.letters, c)) columns += c;
  for (char c : batch + inner) {
    const int64_t p = size_of(a, c), q = size_of(b, c);
    if (p != q && !((p == 1 || q == 1) && c >= '0' && c <= '9'))
      refuse(equation, std::string("sizes of '") + c + "' differ: " + std::to_string(p) + " and " +
                           std::to_string(q));
  }
  const auto matrix = [](const Labelled& v, const std::string& lead, const std::string& m,
                         const std::string& n) {
    const Tensor x = ordered(v, lead + m + n);
    Shape sizes(x.shape().begin(), x.shape().begin() + static_cast<int>(lead.size()));
    int64_t p = 1, q = 1;
    for (char c : m) p *= size_of(v, c);
    for (char c : n) q *= size_of(v, c);
    sizes.push_back(p);
    sizes.push_back(q);
    return reshape(x, sizes);
  };
  for (char c : inner) {  // a broadcast inner dim of size 1 meets a longer one
    const int64_t n = std::max(size_of(a, c), size_of(b, c));
    for (Labelled* v : {&a, &b}) {
      Shape sizes = v->x.shape();
      sizes[static_cast<int>(v->letters.find(c))] = n;
      v->x = expand(v->x, sizes);
    }
  }
  const Tensor y = matmul(matrix(a, batch, rows, inner), matrix(b, batch, inner, columns));
  Shape sizes(y.shape().begin(), y.shape().end() - 2);
  for (char c : rows) sizes.push_back(size_of(a, c));
  for (char c : columns) sizes.push_back(size_of(b, c));
  return {reshape(y, sizes), batch + rows + columns};
}

// Without "->": the broadcast dims, then the letters that occur once, in alphabetical order.
std::string implied_output(const std::vector<Labelled>& operands) {
  std::map<char, int> count;
  std::string digits, letters;
  for (const Labelled& v : operands)
    for (char c : v.letters) ++count[c];
  for (const auto& [c, n] : count) {
    if (c >= '0' && c <= '9') {
      digits.insert(digits.begin(), c);
    } else if (n == 1) {
      letters += c;
    }
  }
  std::sort(letters.begin(), letters.end());
  return digits + letters;
}

}  // namespace

Tensor einsum(std::string_view equation, TensorList operands) {
  const detail::Called as("einsum(operands)", operands);
  const Equation e = parse(equation);
  if (static_cast<int64_t>(e.inputs.size()) != operands.size()) {
    refuse(equation, std::to_string(e.inputs.size()) + " terms for " +
                         std::to_string(operands.size()) + " tensors");
  }
  std::vector<Labelled> values;
  std::string all;
  int broadcast_dims = 0;
  for (int64_t i = 0; i < operands.size(); ++i) {
    const std::string letters =
        spell_out(e.inputs[static_cast<size_t>(i)], operands[i].dim(), equation);
    for (char c : letters)
      broadcast_dims = std::max(broadcast_dims, c >= '0' && c <= '9' ? c - '0' + 1 : 0);
    values.push_back({operands[i], letters});
    all += letters;
  }
  std::string output = implied_output(values);
  if (e.explicit_output) {
    const int named =
        static_cast<int>(e.output.size()) - (e.output.find("...") == std::string::npos ? 0 : 3);
    output = spell_out(e.output,
                       named + (e.output.find("...") == std::string::npos ? 0 : broadcast_dims),
                       equation);
  }
  for (size_t i = 0; i < output.size(); ++i) {
    if (!has(all, output[i])) refuse(equation, std::string("'") + output[i] + "' is in no operand");
    if (output.find(output[i], i + 1) != std::string::npos)
      refuse(equation, std::string("'") + output[i] + "' is twice in the output");
  }
  for (Labelled& v : values) v = without_repeats(std::move(v), equation);
  Labelled result = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    std::string needed = output;
    for (size_t j = i + 1; j < values.size(); ++j) needed += values[j].letters;
    result = contract(std::move(result), values[i], needed, equation);
  }
  return ordered(summed(result, output), output);
}

}  // namespace regrad
