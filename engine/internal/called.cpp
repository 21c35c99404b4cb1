#include <regrad/engine/internal/called.h>

#include <cstring>

namespace regrad {
namespace detail {
namespace {

bool begins(const std::string& words, const char* with) {
  return words.compare(0, std::strlen(with), with) == 0;
}

// The next name of a list "a, b?, c)", and whether it may be undefined.
struct Parameter {
  std::string name;
  bool optional;
};
Parameter next(const char*& at) {
  const size_t n = std::strcspn(at, ",)");
  Parameter p{std::string(at, n), n > 0 && at[n - 1] == '?'};
  if (p.optional) p.name.pop_back();
  at += n;
  at += std::strspn(at, ", ");
  return p;
}

}  // namespace

std::string Called::name() const { return std::string(signature_, std::strcspn(signature_, "(")); }

std::string Called::arguments() const {
  std::string out;
  const char* at = signature_ + std::strcspn(signature_, "(") + 1;
  for (int i = 0; i < n_; ++i) {
    const Parameter p = next(at);
    const Argument& a = arguments_[i];
    std::string shapes;
    for (int64_t k = 0; k < (a.count < 0 ? 1 : a.count); ++k)
      if (a.first[k].defined()) shapes += " " + str(a.first[k].shape());
    if (!shapes.empty()) out += (out.empty() ? "" : ", ") + p.name + shapes;
  }
  return out;
}

void Called::need_arguments() const {
  const char* at = signature_ + std::strcspn(signature_, "(") + 1;
  for (int i = 0; i < n_; ++i) {
    const Parameter p = next(at);
    const Argument& a = arguments_[i];
    for (int64_t k = 0; k < (a.count < 0 ? 1 : a.count); ++k) {
      if (p.optional || a.first[k].defined()) continue;
      throw ShapeError(name() + ": " + p.name + (a.count < 0 ? "" : "[" + std::to_string(k) + "]") +
                       " is an undefined tensor");
    }
  }
}

std::string Called::told(const std::string& words) const {
  if (begins(words, "out of memory") || begins(words, "detect_anomaly:")) return words;
  const std::string by = name();
  if (begins(words, (by + ":").c_str())) return words;
  const std::string with = arguments();
  return with.empty() ? by + ": " + words : by + ": " + with + " (" + words + ")";
}

void undefined_tensor(const char* op, int which) {
  if (mode.called) mode.called->need_arguments();
  throw ShapeError(std::string(op) + ": argument " + std::to_string(which) +
                   " is an undefined tensor");
}

}  // namespace detail

Error::Error(const std::string& what)
    : std::runtime_error(detail::mode.called ? detail::mode.called->told(what) : what) {}
Error::Error(const char* what) : Error(std::string(what)) {}

}  // namespace regrad
