// Where the time goes: calls, time and bytes of every op by order of differentiation, and a trace
// for chrome://tracing or ui.perfetto.dev.
//
//   const Profile profile;
//   train();
//   std::string table = profile.table(), trace = profile.trace();
//
// While one lives, every op of every thread is measured (about 60 ns per call); at other times the
// hook is one test of a flag.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regrad {

struct ProfileRow {
  std::string op;
  int order;  // 0: forward; k: while differentiating nodes of order k - 1
  int64_t calls;
  // of all threads together; an op that evaluates others inside holds their time too
  double seconds;
  int64_t bytes;  // of outputs that were newly made or written (views: 0)
};

class Profile {
 public:
  // Error where another one lives: there is one clock for the process.
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // By time, longest first.
  std::vector<ProfileRow> rows() const;
  // The rows as aligned text: op, order, calls, ms, share of the time, us per call, MB.
  std::string table() const;
  // Chrome's trace event format (JSON): one complete event per op and thread, the first million.
  std::string trace() const;
};

}  // namespace regrad
