// Where the time goes: calls, time, bytes and operations of every op by order of differentiation,
// the phases of training, and a trace for chrome://tracing or ui.perfetto.dev.
//
//   const Profile profile;
//   train();
//   std::string table = profile.table(), trace = profile.trace();
//
// While one lives, every op of every thread is measured (about 0.2 us per call); at other times the
// hook is one test of a flag.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace regrad {

namespace detail {
extern std::atomic<bool> profiling;  // whether a Profile lives
void open_scope(const char* name);
void close_scope();
}  // namespace detail

struct ProfileRow {
  std::string op;
  int order;  // 0: forward; k: while differentiating nodes of order k - 1
  int64_t calls;
  // of all threads together; an op that evaluates others inside holds their time too
  double seconds;
  int64_t bytes;  // of outputs that were newly made or written (views: 0)
  // Additions and multiplications of matrix products and convolutions; of elementwise ops one per
  // output. 0 where they are not counted: views, and all other ops.
  int64_t operations;
};

// A phase by ProfileScope.
struct ProfilePhase {
  std::string name;
  int64_t calls;
  double seconds;  // of all threads together, without phases inside
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
  // By time, longest first; those that have ended.
  std::vector<ProfilePhase> phases() const;
  // Of each thread that ran ops or phases the time from its first to its last, less that in ops;
  // all threads together.
  double seconds_outside_ops() const;
  // The rows as aligned text: op, order, calls, ms, share of the time, us per call, MB, billions of
  // operations per second; then the phases, and the time outside ops.
  std::string table() const;
  // Chrome's trace event format (JSON): one complete event per op and thread, with shapes, bytes
  // and operations, one per phase, which holds those inside by its time, and one per worker that
  // helped with an op; the first 400,000.
  std::string trace() const;
};

// A phase of the calling thread, which may lie in another; its name is a literal. grad() is
// "backward", an optimizer's step "optimizer"; directly inside a "step", what lies between its
// beginning, or the last phase inside, and a "backward" is "forward".
//
//   const ProfileScope scope("data");
class ProfileScope {
 public:
  explicit ProfileScope(const char* name) : on_(detail::profiling.load(std::memory_order_relaxed)) {
    if (on_) detail::open_scope(name);
  }
  ~ProfileScope() {
    if (on_) detail::close_scope();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  const bool on_;
};

}  // namespace regrad
