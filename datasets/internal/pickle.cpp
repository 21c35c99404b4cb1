#include <regrad/datasets/internal/pickle.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <unordered_map>

namespace regrad::detail {
namespace {

using Value = PickleValue;

constexpr std::string_view allowed[] = {
    "numpy.core.multiarray _reconstruct", "numpy ndarray",           "numpy dtype",
    "scipy.sparse.csr csr_matrix",        "collections defaultdict", "__builtin__ list"};

// The stack machine of pickle (CPython's pickletools names the opcodes).
class Machine {
 public:
  Machine(std::string_view bytes, Pickle& out) : bytes_(bytes), out_(out) {}

  void run() {
    if (next("a pickle") != '\x80' || next("a pickle") != '\x02')
      fail(0, "is no pickle of protocol 2");
    for (;;) {
      start_ = at_;
      const char op = next("an opcode");
      if (op == '.') break;
      if (!constant(op) && !container(op) && !memo(op) && !object(op)) unknown(op);
    }
    if (stack_.size() != 1 || !marks_.empty())
      fail(start_,
           "the pickle ends with " + std::to_string(stack_.size()) + " values on its stack");
    if (at_ != bytes_.size()) fail(at_, "the file goes on after the pickle's end");
    out_.top = stack_[0];
  }

 private:
  [[noreturn]] void fail(size_t at, const std::string& what) const {
    throw IOError(out_.where + ": byte " + std::to_string(at) + ": " + what);
  }
  [[noreturn]] void unknown(char op) const {
    constexpr char digits[] = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(op);
    fail(start_, std::string("opcode 0x") + digits[code >> 4] + digits[code & 15] +
                     " is none that these files hold");
  }

  char next(const char* what) {
    if (at_ == bytes_.size())
      fail(at_, std::string("the file ends where ") + what + " should stand");
    return bytes_[at_++];
  }
  uint32_t number(int n) {
    uint32_t v = 0;
    for (int i = 0; i < n; ++i)
      v |= static_cast<uint32_t>(static_cast<unsigned char>(next("a number"))) << 8 * i;
    return v;
  }
  std::string_view take(size_t n) {
    if (n > bytes_.size() - at_)
      fail(at_, "the file ends where " + std::to_string(n) + " bytes of a string should stand");
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos || end - at_ > 80) fail(at_, "a name without an end");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  int32_t make(Value v) {
    if (out_.values.size() >= INT32_MAX) fail(start_, "too many values");
    v.at = static_cast<int64_t>(start_);
    out_.values.push_back(std::move(v));
    return static_cast<int32_t>(out_.values.size() - 1);
  }
  void push(Value v) { stack_.push_back(make(std::move(v))); }
  void push_number(Value::Kind kind, int64_t v) {
    Value value;
    value.kind = kind;
    value.number = v;
    push(std::move(value));
  }
  void push_bytes(Value::Kind kind, std::string_view b) {
    Value value;
    value.kind = kind;
    value.bytes = b;
    push(std::move(value));
  }
  void push_items(Value::Kind kind, std::vector<int32_t> items) {
    Value value;
    value.kind = kind;
    value.items = std::move(items);
    push(std::move(value));
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  int32_t pop() {
    if (stack_.size() <= floor()) fail(start_, "a value is missing on the pickle's stack");
    const int32_t v = stack_.back();
    stack_.pop_back();
    return v;
  }
  std::vector<int32_t> pop_many(size_t n) {
    if (stack_.size() - floor() < n) fail(start_, "a value is missing on the pickle's stack");
    std::vector<int32_t> items(stack_.end() - static_cast<int64_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    return items;
  }
  std::vector<int32_t> pop_to_mark() {
    if (marks_.empty()) fail(start_, "a mark is missing on the pickle's stack");
    std::vector<int32_t> items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }
  // the top of the stack, to which something is added
  Value& below(Value::Kind kind, const char* what) {
    if (stack_.size() <= floor() || out_.values[static_cast<size_t>(stack_.back())].kind != kind)
      fail(start_, what);
    return out_.values[static_cast<size_t>(stack_.back())];
  }

  bool constant(char op) {
    switch (op) {
      case 'N': push({}); return true;
      case '\x88': push_number(Value::boolean, 1); return true;
      case '\x89': push_number(Value::boolean, 0); return true;
      case 'K': push_number(Value::integer, number(1)); return true;
      case 'M': push_number(Value::integer, number(2)); return true;
      case 'J': push_number(Value::integer, static_cast<int32_t>(number(4))); return true;
      case 'U': push_bytes(Value::string, take(number(1))); return true;
      case 'T': push_bytes(Value::string, take(number(4))); return true;
      case '\x8a': push_long(); return true;
      default: return false;
    }
  }
  void push_long() {
    const std::string_view digits = take(number(1));
    if (digits.size() > 8) fail(start_, "a number beyond 63 bits");
    uint64_t v = !digits.empty() && (digits.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = digits.size(); i-- > 0;) v = v << 8 | static_cast<unsigned char>(digits[i]);
    push_number(Value::integer, static_cast<int64_t>(v));
  }

  bool container(char op) {
    switch (op) {
      case '(': marks_.push_back(stack_.size()); return true;
      case ')': push_items(Value::tuple, {}); return true;
      case ']': push_items(Value::list, {}); return true;
      case '}': push_items(Value::dict, {}); return true;
      case 't': push_items(Value::tuple, pop_to_mark()); return true;
      case '\x85': push_items(Value::tuple, pop_many(1)); return true;
      case '\x86': push_items(Value::tuple, pop_many(2)); return true;
      case '\x87': push_items(Value::tuple, pop_many(3)); return true;
      case 'a': add(Value::list, pop_many(1)); return true;
      case 'e': add(Value::list, pop_to_mark()); return true;
      case 's': set(pop_many(2)); return true;
      case 'u': set(pop_to_mark()); return true;
      default: return false;
    }
  }
  void add(Value::Kind kind, const std::vector<int32_t>& items) {
    Value& to = below(kind, "items for what is no list");
    to.items.insert(to.items.end(), items.begin(), items.end());
  }
  // Into a dict, or into a defaultdict, which keeps them in a dict of its own.
  void set(const std::vector<int32_t>& pairs) {
    if (pairs.size() % 2) fail(start_, "a key without a value");
    if (stack_.size() > floor()) {
      const Value& top = out_.values[static_cast<size_t>(stack_.back())];
      if (top.kind == Value::object && top.items.size() == 2) {
        const int32_t held = make({Value::dict});
        out_.values[static_cast<size_t>(stack_.back())].items.push_back(held);
      }
    }
    Value* to =
        stack_.size() > floor() ? &out_.values[static_cast<size_t>(stack_.back())] : nullptr;
    if (to && to->kind == Value::object && to->items.size() == 3)
      to = &out_.values[static_cast<size_t>(to->items[2])];
    if (!to || to->kind != Value::dict) fail(start_, "keys for what is no dict");
    to->items.insert(to->items.end(), pairs.begin(), pairs.end());
  }

  bool memo(char op) {
    switch (op) {
      case 'q': memo_[number(1)] = top_of_stack(); return true;
      case 'r': memo_[number(4)] = top_of_stack(); return true;
      case 'h': push_memo(number(1)); return true;
      case 'j': push_memo(number(4)); return true;
      default: return false;
    }
  }
  int32_t top_of_stack() const {
    if (stack_.size() <= floor()) fail(start_, "a value is missing on the pickle's stack");
    return stack_.back();
  }
  void push_memo(uint32_t i) {
    const auto held = memo_.find(i);
    if (held == memo_.end()) fail(start_, "nothing was remembered as " + std::to_string(i));
    stack_.push_back(held->second);
  }

  bool object(char op) {
    switch (op) {
      case 'c': push_global(); return true;
      case 'R':
      case '\x81': {
        const std::vector<int32_t> call = pop_many(2);
        if (out_.values[static_cast<size_t>(call[0])].kind != Value::global ||
            out_.values[static_cast<size_t>(call[1])].kind != Value::tuple)
          fail(start_, "a call of what has no name, or without a tuple");
        push_items(Value::object, call);
        return true;
      }
      case 'b': {
        const int32_t state = pop();
        Value& of = below(Value::object, "state for what is no object");
        if (of.items.size() != 2) fail(start_, "an object has its state already");
        of.items.push_back(state);
        return true;
      }
      default: return false;
    }
  }
  void push_global() {
    const size_t first = at_;
    const std::string_view module = line(), name = line();
    for (const std::string_view one : allowed) {
      if (one.size() == module.size() + 1 + name.size() && one.substr(0, module.size()) == module &&
          one[module.size()] == ' ' && one.substr(module.size() + 1) == name)
        return push_bytes(Value::global, one);
    }
    fail(first, "opcode 'c' names " + std::string(module) + "." + std::string(name) +
                    ", which these files do not hold and nothing here calls");
  }

  std::string_view bytes_;
  Pickle& out_;
  size_t at_ = 0, start_ = 0;
  std::vector<int32_t> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, int32_t> memo_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes, const std::string& where) {
  Pickle out;
  out.where = where;
  Machine(bytes, out).run();
  return out;
}

}  // namespace regrad::detail
