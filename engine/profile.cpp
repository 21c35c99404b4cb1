#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/internal/fork.h>
#include <regrad/engine/ops/op.h>
#include <regrad/engine/profile.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace regrad {
namespace detail {

std::atomic<bool> profiling{false};

namespace {

struct Event {
  const Op* op;
  int64_t start, end;  // ns
  int order, thread;
};
struct Sum {
  int64_t calls = 0, time = 0, bytes = 0;
};

constexpr size_t most_events = 1'000'000;

// What one thread has seen; its mutex is contended only while somebody reads.
struct Book {
  std::mutex mutex{};
  int thread = 0;
  std::vector<Event> events{};
  std::map<std::pair<const Op*, int>, Sum> sums{};
};
struct Library {
  std::mutex mutex{};
  std::vector<std::shared_ptr<Book>> books{};
  std::atomic<size_t> events{0};
  bool taken = false;
};
Library& library() {
  static auto* l = new Library;  // threads may end after static destructors
  return *l;
}
[[maybe_unused]] const Library& made_before_main = library();  // so that no fork cuts its making

Book& book() {
  thread_local std::shared_ptr<Book> mine;
  if (!mine) {
    mine = std::make_shared<Book>();
    const detail::NoFork uncut;
    std::lock_guard lock(library().mutex);
    mine->thread = static_cast<int>(library().books.size());
    library().books.push_back(mine);
  }
  return *mine;
}

}  // namespace

int64_t profile_clock() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void profile_op(const Op& op, const Node* y, int64_t start) {
  const int64_t end = profile_clock();
  Book& b = book();
  const detail::NoFork uncut;
  const std::lock_guard lock(b.mutex);
  Sum& s = b.sums[{&op, mode.order}];
  ++s.calls;
  s.time += end - start;
  if (op.layout != Layout::view) s.bytes += y->shape.numel() * item_size(y->dtype);
  if (library().events.fetch_add(1, std::memory_order_relaxed) < most_events)
    b.events.push_back({&op, start, end, mode.order, b.thread});
}

}  // namespace detail

using detail::library;

Profile::Profile() {
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  if (std::exchange(library().taken, true))
    throw Error("Profile: another one lives; there is one clock for the process");
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    b->events.clear();
    b->sums.clear();
  }
  library().events = 0;
  detail::profiling = true;
}
Profile::~Profile() {
  detail::profiling = false;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  library().taken = false;
}

std::vector<ProfileRow> Profile::rows() const {
  std::map<std::pair<const Op*, int>, detail::Sum> total;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    for (const auto& [key, s] : b->sums) {
      detail::Sum& t = total[key];
      t.calls += s.calls, t.time += s.time, t.bytes += s.bytes;
    }
  }
  std::vector<ProfileRow> out;
  for (const auto& [key, s] : total)
    out.push_back(
        {key.first->name, key.second, s.calls, static_cast<double>(s.time) * 1e-9, s.bytes});
  std::stable_sort(out.begin(), out.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.seconds > b.seconds; });
  return out;
}

std::string Profile::table() const {
  const std::vector<ProfileRow> all = rows();
  double seconds = 0;
  for (const ProfileRow& r : all) seconds += r.seconds;
  char line[160];
  std::snprintf(line, sizeof line, "%-16s %5s %10s %10s %6s %9s %10s\n", "op", "order", "calls",
                "ms", "%", "us/call", "MB");
  std::string out = line;
  for (const ProfileRow& r : all) {
    std::snprintf(line, sizeof line, "%-16s %5d %10lld %10s %6s %9s %10s\n", r.op.c_str(), r.order,
                  static_cast<long long>(r.calls), fixed(r.seconds * 1e3, 2).c_str(),
                  fixed(seconds > 0 ? 100 * r.seconds / seconds : 0.0, 1).c_str(),
                  fixed(r.seconds * 1e6 / static_cast<double>(r.calls), 2).c_str(),
                  fixed(static_cast<double>(r.bytes) / 1e6, 1).c_str());
    out += line;
  }
  return out;
}

std::string Profile::trace() const {
  std::string out = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
  char line[200];
  bool first = true;
  const detail::NoFork uncut;
  const std::lock_guard lock(library().mutex);
  for (const auto& b : library().books) {
    const std::lock_guard hold(b->mutex);
    for (const detail::Event& e : b->events) {
      std::snprintf(line, sizeof line,
                    "%s\n{\"name\": \"%s\", \"cat\": \"order %d\", \"ph\": \"X\", \"pid\": 1, "
                    "\"tid\": %d, \"ts\": %s, \"dur\": %s}",
                    first ? "" : ",", e.op->name, e.order, e.thread,
                    fixed(static_cast<double>(e.start) / 1e3, 3).c_str(),
                    fixed(static_cast<double>(e.end - e.start) / 1e3, 3).c_str());
      out += line;
      first = false;
    }
  }
  return out + "\n]}\n";
}

}  // namespace regrad
