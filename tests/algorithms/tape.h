// Numbers that keep how they were made, for tests in which a method is written a second time: first
// derivatives of plain f64 arithmetic, one scalar after the other, and nothing of the engine.
//
//   Tape tape;                                       // one at a time on a thread
//   const Num w = tape.leaf(2.0), y = w * w + 1.0;
//   tape.derivatives(y)[w.at];                       // 4
#pragma once

#include <cmath>
#include <utility>
#include <vector>

namespace regrad::test {

// A constant has no place on the tape.
struct Num {
  double v = 0;
  int at = -1;
  Num(double value = 0, int place = -1) : v(value), at(place) {}  // NOLINT: a double is a constant
};

// What a number was made of, and its derivative with respect to that.
struct Parent {
  int at = -1;
  double slope = 0;
};

class Tape {
 public:
  Tape() {
    current() = this;
    parents_.clear(), ends_.clear();
  }
  ~Tape() { current() = nullptr; }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Num leaf(double v) {
    ends_.push_back(parents_.size());
    return {v, static_cast<int>(ends_.size()) - 1};
  }
  // of y with respect to everything on the tape
  std::vector<double> derivatives(const Num& y) const {
    std::vector<double> d(ends_.size(), 0.0);
    if (y.at >= 0) d[static_cast<size_t>(y.at)] = 1;
    for (size_t i = ends_.size(); i-- > 0;)
      for (size_t p = i ? ends_[i - 1] : 0; p < ends_[i]; ++p)
        d[static_cast<size_t>(parents_[p].at)] += d[i] * parents_[p].slope;
    return d;
  }

  // A number that is being made: parts, then done.
  static void part(const Num& of, double slope) {
    if (of.at >= 0) current()->parents_.push_back({of.at, slope});
  }
  static Num done(double v) {
    Tape* tape = current();
    const size_t before = !tape || tape->ends_.empty() ? 0 : tape->ends_.back();
    return !tape || tape->parents_.size() == before ? Num(v) : tape->leaf(v);
  }

 private:
  static Tape*& current() {
    thread_local Tape* tape = nullptr;
    return tape;
  }
  // Kept from tape to tape, for fresh memory costs more than the arithmetic.
  inline static thread_local std::vector<Parent> parents_;
  inline static thread_local std::vector<size_t> ends_;  // where each number's parents end
};

inline Num of_one(double v, const Num& a, double slope) {
  Tape::part(a, slope);
  return Tape::done(v);
}
inline Num of_two(double v, const Num& a, double slope_a, const Num& b, double slope_b) {
  Tape::part(a, slope_a), Tape::part(b, slope_b);
  return Tape::done(v);
}
inline Num operator+(const Num& a, const Num& b) { return of_two(a.v + b.v, a, 1, b, 1); }
inline Num operator-(const Num& a, const Num& b) { return of_two(a.v - b.v, a, 1, b, -1); }
inline Num operator*(const Num& a, const Num& b) { return of_two(a.v * b.v, a, b.v, b, a.v); }
inline Num operator/(const Num& a, const Num& b) {
  return of_two(a.v / b.v, a, 1 / b.v, b, -a.v / (b.v * b.v));
}
inline Num& operator+=(Num& a, const Num& b) { return a = a + b; }
// start + the sum of products.
inline Num dot(const Num& start, const std::vector<std::pair<Num, Num>>& products) {
  double v = start.v;
  Tape::part(start, 1);
  for (const auto& [a, b] : products) {
    v += a.v * b.v;
    Tape::part(a, b.v), Tape::part(b, a.v);
  }
  return Tape::done(v);
}
inline Num sqrt(const Num& a) {
  const double r = std::sqrt(a.v);
  return of_one(r, a, 0.5 / r);
}
inline Num exp(const Num& a) {
  const double e = std::exp(a.v);
  return of_one(e, a, e);
}
inline Num log(const Num& a) { return of_one(std::log(a.v), a, 1 / a.v); }
inline Num relu(const Num& a) { return a.v > 0 ? a : Num(0); }

}  // namespace regrad::test
