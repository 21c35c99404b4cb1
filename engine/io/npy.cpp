#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/io/wire.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cstring>

namespace regrad {
namespace {

using detail::Wire;

constexpr std::string_view magic = "\x93NUMPY";
// version 1's; far more than an array of numbers needs
constexpr int64_t most_header_bytes = 65535;
constexpr int64_t most_growth = 8;  // i1 is read as i64

constexpr struct {
  std::string_view name;
  Wire wire;
} dtypes[] = {{"f4", Wire::f32}, {"f8", Wire::f64}, {"i8", Wire::i64}, {"u1", Wire::u8},
              {"b1", Wire::b8},  {"f2", Wire::f16}, {"i1", Wire::i8},  {"i2", Wire::i16},
              {"u2", Wire::u16}, {"i4", Wire::i32}, {"u4", Wire::u32}};

struct Header {
  Wire wire = Wire::f32;
  bool fortran = false;
  Shape shape;
};

// The dictionary, a small part of Python's grammar: strings, True, False and tuples of whole
// numbers.
class HeaderText {
 public:
  HeaderText(std::string_view text, int64_t start, const std::string& where)
      : text_(text), start_(start), where_(where) {}

  Header parse() {
    Header h;
    bool descr = false, order = false, shape = false;
    want('{');
    while (!took('}')) {
      const std::string_view key = string();
      bool& given = key == "descr"           ? descr
                    : key == "fortran_order" ? order
                    : key == "shape"         ? shape
                                             : unknown(key);
      if (std::exchange(given, true)) fail("'" + std::string(key) + "' stands there twice");
      want(':');
      if (key == "descr") h.wire = dtype();
      if (key == "fortran_order") h.fortran = boolean();
      if (key == "shape") h.shape = tuple();
      if (!took(',')) {
        want('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("something after the dictionary");
    if (!descr || !order || !shape) fail("the header needs descr, fortran_order and shape");
    return h;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw IOError(where_ + ": byte " + std::to_string(start_ + static_cast<int64_t>(at_)) + ": " +
                  what);
  }
  [[noreturn]] bool& unknown(std::string_view key) const {
    fail("unknown key '" + std::string(key.substr(0, 80)) + "' in the header");
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }
  bool took(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void want(char c) {
    if (!took(c)) fail(std::string("'") + c + "' should stand here");
  }
  bool took_word(std::string_view word) {
    skip_space();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string_view string() {
    const char quote = took('\'') ? '\'' : took('"') ? '"' : '\0';
    if (!quote) fail("a string should stand here");
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a string without an end");
    const std::string_view s = text_.substr(at_, end - at_);
    at_ = end + 1;
    return s;
  }
  bool boolean() {
    if (took_word("True")) return true;
    if (took_word("False")) return false;
    fail("True or False should stand here");
  }
  int64_t number() {
    skip_space();
    const size_t first = at_;
    int64_t n = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(n, int64_t{10}, &n) ||
          __builtin_add_overflow(n, int64_t{text_[at_] - '0'}, &n))
        fail("a size beyond 63 bits");
    if (at_ == first) fail("a size should stand here");
    // a long of Python 2
    if (at_ < text_.size() && (text_[at_] == 'L' || text_[at_] == 'l')) ++at_;
    return n;
  }
  Shape tuple() {
    Shape s;
    want('(');
    while (!took(')')) {
      if (s.size() == max_dims) fail("more than " + std::to_string(max_dims) + " dimensions");
      s.push_back(number());
      if (took(',')) continue;
      if (s.size() == 1) fail("(n) is no tuple in Python; (n,) is");
      want(')');
      break;
    }
    return s;
  }
  Wire dtype() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[')
      fail("records (structured dtypes) are not read; save their fields one by one");
    const std::string_view s = string();
    if (s.size() > 1 && (s[0] == '<' || s[0] == '|' || s[0] == '=')) {
      for (const auto& d : dtypes)
        if (s.substr(1) == d.name) return d.wire;
    }
    const std::string name = "dtype '" + std::string(s.substr(0, 80)) + "'";
    if (s.find('O') != std::string_view::npos)
      fail(name + " holds Python objects, which only Python reads");
    if (!s.empty() && s[0] == '>')
      fail(name + " is big-endian; save it with .astype('<" + std::string(s.substr(1, 8)) + "')");
    fail(name + " is not read; read are f2, f4, f8, i1, i2, i4, i8, u1, u2, u4 and b1");
  }

  std::string_view text_;
  size_t at_ = 0;
  int64_t start_;
  const std::string& where_;
};

// A stream that counts how far it has come.
class Stream {
 public:
  Stream(const NextBytes& next, const std::string& where) : next_(next), where_(where) {}

  void read(void* p, int64_t n) {
    auto* to = static_cast<char*>(p);
    while (n > 0) {
      const int64_t got = next_(to, n);
      if (got <= 0)
        throw IOError(where_ + ": ends at byte " + std::to_string(at_) + ", where " +
                      std::to_string(n) + " more were to come");
      to += got, at_ += got, n -= got;
    }
  }
  void end() {
    char one;
    if (next_(&one, 1) > 0)
      throw IOError(where_ + ": byte " + std::to_string(at_) +
                    ": the file goes on after the array's end");
  }
  int64_t at() const { return at_; }

 private:
  const NextBytes& next_;
  const std::string& where_;
  int64_t at_ = 0;
};

Header read_header(Stream& in, const std::string& where) {
  char start[8];
  in.read(start, 8);
  if (std::string_view(start, 6) != magic)
    throw IOError(where + ": byte 0: is no .npy file (it does not start with \\x93NUMPY)");
  const int major = start[6];
  if (major < 1 || major > 3 || start[7] != 0) {
    throw IOError(where + ": byte 6: version " + std::to_string(major) + "." +
                  std::to_string(start[7]) + "; read are 1.0, 2.0 and 3.0");
  }
  uint32_t length = 0;
  in.read(&length, major == 1 ? 2 : 4);
  if (length > most_header_bytes)
    throw IOError(where + ": byte 8: a header of " + std::to_string(length) +
                  " bytes; at most 65535 are read");
  std::string text(length, '\0');
  const int64_t at = in.at();
  in.read(text.data(), length);
  return HeaderText(text, at, where).parse();
}

// Row-major items of the reversed shape, seen from the other side.
Tensor turned(const Tensor& x) {
  const NoGrad quiet;
  Dims dims;
  for (int d = x.dim() - 1; d >= 0; --d) dims.push_back(d);
  return x.permute(dims).contiguous();
}

std::string header_of(const Tensor& x) {
  const Wire w = detail::wire_of(x.dtype());
  const auto* d = std::find_if(std::begin(dtypes), std::end(dtypes),
                               [w](const auto& entry) { return entry.wire == w; });
  std::string shape;
  for (const int64_t n : x.shape()) shape += (shape.empty() ? "" : ", ") + std::to_string(n);
  if (x.dim() == 1) shape += ",";
  std::string text = std::string("{'descr': '") + (item_size(x.dtype()) == 1 ? '|' : '<') +
                     std::string(d->name) + "', 'fortran_order': False, 'shape': (" + shape +
                     "), }";
  // NumPy leaves room for the first size to grow to 21 digits in place; then data begin at a
  // multiple of 64.
  if (x.dim()) text.append(21 - std::to_string(x.size(0)).size(), ' ');
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  const auto length = static_cast<uint16_t>(text.size());
  std::string out(magic);
  out += {'\x01', '\x00', static_cast<char>(length & 255), static_cast<char>(length >> 8)};
  return out + text;
}

Tensor prepared(const Tensor& x) {
  const NoGrad quiet;
  if (!x.defined()) throw ShapeError("save_npy: the tensor is undefined");
  return x.contiguous();
}
std::string_view bytes_of(const Tensor& x) {
  return {static_cast<const char*>(x.node()->raw()),
          static_cast<size_t>(x.numel() * item_size(x.dtype()))};
}

}  // namespace

Tensor read_npy(const NextBytes& next, int64_t most_bytes, const std::string& where) {
  return typed_memory([&] {
    Stream in(next, where);
    const Header h = read_header(in, where);
    if (detail::wire_bytes(h.shape, h.wire) < 0)
      throw IOError(where + ": byte " + std::to_string(in.at()) + ": shape " + str(h.shape) +
                    " overflows");
    if (h.shape.numel() > most_bytes / item_size(detail::read_as(h.wire))) {
      throw IOError(where + ": byte " + std::to_string(in.at()) + ": an array of shape " +
                    str(h.shape) + " is larger than the " + std::to_string(most_bytes) +
                    " bytes it may have");
    }
    Shape sizes = h.shape;
    if (h.fortran) std::reverse(sizes.begin(), sizes.end());
    const Tensor x = detail::read_items(
        sizes, h.wire, [&](void* p, int64_t n) { in.read(p, n); }, where);
    in.end();
    return h.fortran ? turned(x) : x;
  });
}

Tensor parse_npy(std::string_view bytes, const std::string& where) {
  return typed_memory([&] {
    const auto total = static_cast<int64_t>(bytes.size());
    const NextBytes next = [&](void* p, int64_t n) {
      const size_t got = std::min(static_cast<size_t>(n), bytes.size());
      if (got) std::memcpy(p, bytes.data(), got);
      bytes.remove_prefix(got);
      return static_cast<int64_t>(got);
    };
    return read_npy(next, most_growth * total, where);
  });
}

Tensor load_npy(const std::string& path) {
  return typed_memory([&] {
    const InputFile file(path);
    int64_t at = 0;
    const NextBytes next = [&](void* p, int64_t n) {
      n = std::min(n, file.size() - at);
      file.read(at, p, n);
      at += n;
      return n;
    };
    return read_npy(next, most_growth * file.size(), path);
  });
}

std::string to_npy(const Tensor& x) {
  return typed_memory([&] {
    const Tensor y = prepared(x);
    return header_of(y).append(bytes_of(y));
  });
}

void save_npy(const std::string& path, const Tensor& x) {
  typed_memory([&] {
    const Tensor y = prepared(x);
    const std::string header = header_of(y);
    write_file(path, {header, bytes_of(y)});
  });
}

}  // namespace regrad
